"""VRFY: who is told what (RFC 5321 §3.5)."""

from __future__ import annotations

from base64 import b64encode

import pytest

from fake_oracle import oracle_of
from postroad.server.extensions import Extensions
from postroad.server.oracle import DirectoryOracle
from postroad.server.relayed import RelayedDomains
from session_world import World, talk

PLAIN = b64encode(b"\0john@example.org\0summersun").decode()
NOT_TOLD = "252 2.0.0 Cannot VRFY user, but will accept message and attempt delivery\r\n"


@pytest.mark.parametrize("argument", ["john@example.org", "nobody@example.org", "john", "x y"])
async def test_never(world: World, argument: str) -> None:
    """Every question has the same answer, and nobody looks anything up."""
    world.directory.unavailable = True
    client, _, _ = await world.connect()
    assert "VRFY" not in await talk(client, "EHLO x")

    assert await talk(client, f"VRFY {argument}") == NOT_TOLD


@pytest.mark.parametrize(
    ("argument", "answer"),
    [
        ("john@example.org", "250 2.1.5 <john@example.org>\r\n"),
        ("<JOHN+lists@Example.ORG>", "250 2.1.5 <john@example.org>\r\n"),
        ("info@example.org", "252 2.1.5 <info@example.org>\r\n"),
        ("postmaster", "250 2.1.5 <john@example.org>\r\n"),
        ("nobody@example.org", "550 5.1.1 <nobody@example.org>: User unknown\r\n"),
        ("nobody", "550 5.1.1 <nobody>: User unknown\r\n"),
        ("lisa@example.com", NOT_TOLD),
        ("jo hn@example.org", "501 5.1.3 Bad address syntax\r\n"),
        ("@", "501 5.1.3 Bad address syntax\r\n"),
        ("", "501 5.5.4 Syntax: VRFY address [SMTPUTF8]\r\n"),
    ],
)
async def test_always(world: World, argument: str, answer: str) -> None:
    client, _, _ = await world.connect(extensions=Extensions(vrfy="always"))
    assert "250-VRFY\r\n" in await talk(client, "EHLO x")

    assert await talk(client, f"VRFY {argument}") == answer


async def test_after_login(world: World) -> None:
    client, _, _ = await world.connect("submission", extensions=Extensions(vrfy="login"))
    await talk(client, "EHLO x", "STARTTLS", "EHLO x")

    assert await talk(client, "VRFY john@example.org") == NOT_TOLD
    assert await talk(client, "VRFY nobody@example.org") == NOT_TOLD
    await talk(client, f"AUTH PLAIN {PLAIN}")

    assert await talk(client, "VRFY john@example.org") == "250 2.1.5 <john@example.org>\r\n"


async def test_a_directory_that_is_away(world: World) -> None:
    client, _, _ = await world.connect(extensions=Extensions(vrfy="always"))
    await talk(client, "EHLO x")
    world.directory.unavailable = True

    answer = await talk(client, "VRFY john@example.org")

    assert answer == "451 4.3.0 Temporary lookup failure\r\n"


async def test_a_name_in_utf8_is_shown_to_who_can_read_it(world: World) -> None:
    """RFC 6531 §3.7.4.2."""
    world.directory.passwords["jörg@example.org"] = "x"
    client, _, _ = await world.connect(extensions=Extensions(vrfy="always"))
    await talk(client, "EHLO x")

    shown = await client.say("VRFY jörg@example.org SMTPUTF8\r\n".encode())

    assert shown == "250 2.1.5 <jörg@example.org>\r\n"
    assert (await client.say("VRFY jörg@example.org\r\n".encode())).startswith("5")


async def test_asking_for_ever_is_an_error_each(world: World) -> None:
    client, _, _ = await world.connect(extensions=Extensions(vrfy="always"))
    await talk(client, "EHLO x")

    asked = 0
    while not client.closed:
        await talk(client, f"VRFY user{asked}@example.org")
        asked += 1

    assert asked <= 120


@pytest.mark.parametrize(
    ("address", "answer"),
    [
        ("who@any.test", NOT_TOLD),
        ("who@asked.test", NOT_TOLD),
        ("who@listed.test", "550 5.1.1 <who@listed.test>: User unknown\r\n"),
    ],
)
async def test_domains_that_mail_is_passed_on_for(world: World, address: str, answer: str) -> None:
    class Relaying:
        async def recipients(self, domain: str) -> str:
            return {"any.test": "any", "asked.test": "verify", "listed.test": "hash:/x"}[domain]

    class Empty:
        async def find(self, table: str, key: str) -> str | None:
            return None

        def takes_parts(self, table: str) -> bool:
            return True

    relayed = RelayedDomains(Relaying(), Empty(), delimiters="+")
    oracle = oracle_of(DirectoryOracle(world.directory, relayed=relayed))
    client, _, _ = await world.connect(extensions=Extensions(vrfy="always"), oracle=oracle)
    await talk(client, "EHLO x")
    assert await talk(client, f"VRFY {address}") == answer
