"""Local parts with a route in them: which of them strangers may write to, by real directories."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from fake_oracle import oracle_of
from postroad.directory import CHEAP
from postroad.directory.chain import Chain
from postroad.directory.embedded.directory import EmbeddedDirectory
from postroad.directory.embedded.editor import DirectoryEditor
from postroad.directory.files.backend import FilesBackend
from postroad.directory.files.settings import FilesSettings
from postroad.directory.links import DomainPlan, Link, Plan
from postroad.directory.settings import DirectorySettings
from postroad.intake.returning import Returning
from postroad.intake.srs import rewritten
from postroad.intake.srs_keys import DAY, SrsKeys
from postroad.model import Address, Client
from postroad.policy import Facts
from postroad.policy.answer import Action
from postroad.policy.recipient_rules import (
    permit_auth_destination,
    reject_unauth_destination,
    reject_unlisted_recipient,
)
from postroad.server.oracle import DirectoryOracle

VIRTUAL = """\
@moved.test @partner.test
@caught.test bob@partner.test
away%x@example.net bob@partner.test
carries%x@example.net y%evil.test@partner.test
plain@example.net bob@partner.test
"""
PATTERN = r"/^(.+)@patterns\.test$/ $1@partner.test"

TAKEN = (Action.DUNNO, Action.PERMIT, Action.DUNNO)
DENIED = (Action.REJECT, Action.DUNNO, Action.DUNNO)
UNLISTED = (Action.DUNNO, Action.PERMIT, Action.REJECT)


@pytest.fixture
async def embedded(tmp_path: Path) -> AsyncIterator[EmbeddedDirectory]:
    path = tmp_path / "directory.db"
    domains = ("example.org", "whole.test", "any.test")
    settings = DirectorySettings(rehash=False, patterns=True)
    with DirectoryEditor.open(path, domains=domains, profile=CHEAP, patterns=True) as editor:
        for user in ("john", "own%name", "keeps%copy"):
            editor.add_user(f"{user}@example.org", "summersun")
        editor.add_alias("fwd@example.org", ["bob@partner.test"])
        editor.add_alias("away%there@example.org", ["bob@partner.test"])
        editor.add_alias("goes%on@example.org", ["y%evil.test@partner.test"])
        editor.set_forward("keeps%copy@example.org", ["bob@partner.test"], keep=True)
        editor.add_alias("@whole.test", ["john@example.org"])
        editor.add_pattern("/^(.*)@any[.]test$/", [r"\1@partner.test"])
    directory = EmbeddedDirectory.open(
        path, domains=domains, settings=settings, clock=lambda: 0.0, profile=CHEAP
    )
    yield directory
    directory.close()


@pytest.fixture
async def chains(embedded: EmbeddedDirectory, tmp_path: Path) -> AsyncIterator[dict[str, Chain]]:
    (tmp_path / "virtual").write_text(VIRTUAL)
    (tmp_path / "patterns").write_text(PATTERN)
    domains = ("moved.test", "caught.test", "example.net", "patterns.test")
    async with AsyncExitStack() as exits:
        backend = FilesBackend(
            FilesSettings(virtual=(f"texthash:{tmp_path}/virtual", f"regexp:{tmp_path}/patterns")),
            domains=domains,
            default_domain="example.net",
            delimiters="+",
            report=pytest.fail,
        )
        exits.push_async_callback(backend.close)
        alias = DomainPlan(alias_of="example.org")
        plan = Plan(first_domain="example.org", domains={"al.example": alias})
        beside = Chain(embedded, [Link("files", backend, frozenset(domains))], plan)
        yield {"alone": Chain(embedded), "beside others": beside}


async def said(chain: Chain | Returning, recipient: str) -> tuple[Action, ...]:
    """By `reject_unauth_destination`, `permit_auth_destination`, `reject_unlisted_recipient`."""
    oracle = oracle_of(DirectoryOracle(chain))
    facts = Facts(Client("192.0.2.1", 40_000), recipient=Address.parse(recipient))
    rules = (reject_unauth_destination, permit_auth_destination, reject_unlisted_recipient)
    return tuple([(await rule(facts, oracle)).action for rule in rules])


EMBEDDED = [
    ("john@example.org", TAKEN),
    ("fwd+tag@example.org", TAKEN),
    ("own%name@example.org", TAKEN),
    ("OWN%name@Example.ORG", TAKEN),
    ("keeps%copy@example.org", TAKEN),
    ("away%there@example.org", TAKEN),
    ("goes%on@example.org", DENIED),
    ("nobody%evil.test@example.org", UNLISTED),
    ("john+x%evil.test@example.org", DENIED),
    ("own%name+x@example.org", DENIED),
    ("fwd+x%evil.test@example.org", DENIED),
    ('"fwd+x@evil.test"@example.org', DENIED),
    ("fwd+evil.test!x@example.org", DENIED),
    ("postmaster+x%evil.test@example.org", DENIED),
    ("x%evil.test@whole.test", DENIED),
    ("x@whole.test", TAKEN),
    ("x%evil.test@any.test", DENIED),
    ("x@any.test", TAKEN),
]
OTHERS = [
    ("x@moved.test", TAKEN),
    ("x%evil.test@moved.test", DENIED),
    ('"x@evil.test"@moved.test', DENIED),
    ("evil.test!x@moved.test", DENIED),
    ("x%evil.test@caught.test", DENIED),
    ("away%x@example.net", TAKEN),
    ("carries%x@example.net", DENIED),
    ("plain+x%evil.test@example.net", DENIED),
    ("x@patterns.test", TAKEN),
    ("x%evil.test@patterns.test", DENIED),
    ("own%name@al.example", TAKEN),
    ("fwd+x%evil.test@al.example", DENIED),
]


@pytest.mark.parametrize(("recipient", "expected"), EMBEDDED)
@pytest.mark.parametrize("which", ["alone", "beside others"])
async def test_the_embedded_directory(
    chains: dict[str, Chain], which: str, recipient: str, expected: tuple[Action, ...]
) -> None:
    assert await said(chains[which], recipient) == expected


@pytest.mark.parametrize(("recipient", "expected"), OTHERS)
async def test_other_directories(
    chains: dict[str, Chain], recipient: str, expected: tuple[Action, ...]
) -> None:
    assert await said(chains["beside others"], recipient) == expected


async def test_whose_bounces_would_go_a_route_gets_none(
    embedded: EmbeddedDirectory, tmp_path: Path
) -> None:
    """Whoever has a forward here can have any sender signed; that opens no way either."""
    keys = SrsKeys(tmp_path / "srs", lifetime=90 * DAY, overlap=21 * DAY, clock=lambda: 9 * DAY)
    chain = Returning(Chain(embedded), "example.org", keys, maximum_age=21, clock=lambda: 9 * DAY)
    for sender, expected in (("x", TAKEN), ("x%evil.test", DENIED)):
        address = rewritten(Address(sender, "partner.test"), "example.org", await keys.current(), 9)
        assert address is not None
        assert await said(chain, str(address)) == expected
