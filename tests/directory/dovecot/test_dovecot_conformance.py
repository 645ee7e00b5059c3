"""The suite of all directories, on one whose accounts a Dovecot has.

Dovecot knows users and their passwords; domains and aliases are of a directory of files beside it,
as they are where a Postfix used it. What Dovecot cannot be asked is declared, and the suite expects
it so. It runs on one that is told what to answer, and on a real one.
"""

from __future__ import annotations

import logging
from base64 import b64decode
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from directory_conformance import WORLD, AddressConformance, Whole, World
from fake_dovecot import FakeDovecot
from peers.dovecot import Dovecot
from postroad.directory.backend import Backend
from postroad.directory.chain import Chain
from postroad.directory.dovecot.backend import DovecotBackend
from postroad.directory.dovecot.settings import DovecotSettings
from postroad.directory.files.backend import FilesBackend
from postroad.directory.files.settings import FilesSettings
from postroad.directory.links import Link, Plan
from postroad.directory.recalled import RecalledBackend
from postroad.model import Address
from sql_world import embedded_beside, key, source_key

LOGINS = b"VERSION\t1\t2\nMECH\tPLAIN\tplaintext\nSPID\t9\nCUID\t1\nCOOKIE\tab\nDONE\n"
USERS = b"VERSION\t1\t1\nSPID\t9\n"


class DovecotConformance(AddressConformance):
    tells_disabled = False  # who may not log in, Dovecot says only to who has the password


class TestFakeDovecot(DovecotConformance):
    @pytest.fixture
    async def make(self, tmp_path):
        async with AsyncExitStack() as exits:

            async def made(world: World, _: object) -> Whole:
                logins = FakeDovecot(tmp_path / "auth", LOGINS, logging_in(world))
                users = FakeDovecot(tmp_path / "users", USERS, looking_up(world))
                for each in (logins, users):
                    await exits.enter_async_context(each)
                return chained(world, tmp_path, logins.path, users.path, exits)

            yield made


@pytest.fixture(scope="module")
def dovecot() -> Iterator[Dovecot]:
    """A real one that has the accounts of `WORLD`."""
    accounts = {key(name): password for name, password in WORLD.users.items()}
    server = Dovecot(accounts, places=lines_of(WORLD), any_names=True)
    yield server
    server.stop()


@pytest.mark.peer
class TestRealDovecot(DovecotConformance):
    @pytest.fixture
    async def make(self, dovecot, tmp_path):
        async with AsyncExitStack() as exits:

            async def made(world: World, _: object) -> Whole:
                assert world is WORLD, "the server was filled once"
                return chained(world, tmp_path, dovecot.socket, dovecot.userdb, exits)

            yield made


def chained(world: World, folder: Path, logins: Path, users: Path, exits: AsyncExitStack) -> Chain:
    """Files with aliases and, behind them, a Dovecot that listens on these sockets."""
    said = DovecotSettings(socket=str(logins), userdb_socket=str(users))
    links = [
        Link("aliases", recalled(aliases_of(world, folder / "virtual"), exits)),
        Link("dovecot", recalled(DovecotBackend(said, 5.0, lambda: 0.0), exits)),
    ]
    plan = Plan(first_domain="example.org", postmaster=Address("john", "example.org"))
    return Chain(embedded_beside(folder, exits), links, plan)


def lines_of(world: World) -> dict[str, str]:
    """What is behind the passwords in the file that Dovecot reads.

    `nodelay` is for the tests: a wrong password is said to be wrong at once.
    """
    fields = {key(name): ["nodelay"] for name in world.users}
    for name in world.disabled:
        fields[key(name)].append("nologin")
    for name, place in world.places.items():
        rule = f"*:bytes={place.quota_bytes}:messages={place.quota_messages}"
        fields[name].append(f"userdb_quota_rule={rule}")
    return {name: f":::::{' '.join(said)}" for name, said in fields.items()}


def recalled(backend: Backend, exits: AsyncExitStack) -> RecalledBackend:
    exits.push_async_callback(backend.close)
    found = RecalledBackend(backend, seconds=10, negative=2, clock=lambda: 0.0)
    exits.push_async_callback(found.close)
    return found


def aliases_of(world: World, path: Path) -> FilesBackend:
    lines = (
        f"{source_key(source)} {', '.join(targets)}\n" for source, targets in world.aliases.items()
    )
    path.write_text("".join(lines))
    return FilesBackend(
        FilesSettings(virtual=(f"hash:{path}",)),
        domains=world.domains,
        default_domain="example.org",
        delimiters="+",
        report=logging.error,
    )


def logging_in(world):
    """What Dovecot answers to AUTH: it compares without a thought about case of names."""
    passwords = {
        key(name): password for name, password in world.users.items() if name not in world.disabled
    }

    def answer(asked):
        said = b64decode(asked[-1].removeprefix("resp=")).decode("utf-8", "surrogatepass")
        _, name, password = said.split("\0")
        found = passwords.get(name)
        verdict = "OK" if found is not None and found == password else "FAIL"
        return f"{verdict}\t{asked[1]}\tuser={name}\n".encode("utf-8", "surrogatepass")

    return answer


def looking_up(world):
    """What it answers to USER."""
    names = set(map(key, world.users))

    def answer(asked):
        name = asked[2]
        if name not in names:
            return f"NOTFOUND\t{asked[1]}\n".encode()
        place = world.places.get(name)
        rule = ""
        if place is not None:
            rule = f"\tquota_rule=*:bytes={place.quota_bytes}:messages={place.quota_messages}"
        return f"USER\t{asked[1]}\t{name}{rule}\n".encode()

    return answer
