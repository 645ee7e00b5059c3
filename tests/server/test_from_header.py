"""The From header of users' mail: whose it must be, in which odd forms too, and what is said."""

from __future__ import annotations

import asyncio
from base64 import b64encode

import pytest

from fake_connection import FakeConnection
from fake_oracle import oracle_of
from postroad.intake import UNREADABLE
from postroad.model import Address, Client
from postroad.policy import LookupUnavailable
from postroad.server.from_header import judge_authors
from session_world import World, talk

LOGIN = b64encode(b"\0john@example.org\0summersun").decode()
MUA = Client("192.0.2.7", 1, "mua.example.net")
BOSS = "553 5.7.1 <boss@example.org>: From header address rejected: not owned by user"
UNREAD = "553 5.7.1 From header rejected: unreadable, so not known to be owned by user"
TAKEN = "250 2.0.0 Ok: queued as Q1"


async def user(world: World, mode: str, **changes: object) -> FakeConnection:
    connection, _, _ = await world.connect("submission", MUA, from_header=mode, **changes)
    await talk(connection, "EHLO x", "STARTTLS", "EHLO x", f"AUTH PLAIN {LOGIN}")
    return connection


async def send(connection: FakeConnection, header: bytes) -> str:
    await talk(connection, "MAIL FROM:<john@example.org>", "RCPT TO:<john@example.org>", "DATA")
    return (await connection.say(header + b"\r\n\r\nHello\r\n.\r\n")).strip()


FORMS = [
    # what is the user's
    (b"From: john@example.org", TAKEN),
    (b"From: John <JOHN@Example.ORG>", TAKEN),
    (b"From: <john+shop@example.org>", TAKEN),
    (b"From: Info <info@example.org>", TAKEN),
    (b"From: John <john@example.org>, Info <info@example.org>", TAKEN),
    (b'From: "boss@example.org" <john@example.org>', TAKEN),
    (b"From: =?utf-8?q?boss=40example=2Eorg?= <john@example.org>", TAKEN),
    (b"From: john@example.org (boss@example.org)", TAKEN),
    (b"Subject: boss@example.org\r\nReply-To: boss@example.org\r\nFrom: john@example.org", TAKEN),
    # who claims nothing
    (b"Subject: no author", TAKEN),
    (b"From: Board:;", TAKEN),
    # what is somebody else's
    (b"From: boss@example.org", BOSS),
    (b"From: The Boss <boss@example.org>", BOSS),
    (b"FROM : boss@example.org", BOSS),
    (b"From:\r\n boss@example.org", BOSS),
    (b"From: The\r\n\tBoss\r\n <boss@example.org>", BOSS),
    (b"From: john@example.org, boss@example.org", BOSS),
    (b"From: boss@example.org, john@example.org", BOSS),
    (b"From: Board: boss@example.org, john@example.org;", BOSS),
    (b"From: (comment) boss (nested (one)) @ (another) example.org", BOSS),
    (b"From: <@relay.example,@other.example:boss@example.org>", BOSS),
    (b'From: "boss"@example.org', BOSS),
    (b'From: "b\\oss"@example.org', BOSS),
    (b"From: boss@example.org <john@example.org>", BOSS),
    (b"From: john@example.org\r\nFrom: boss@example.org", BOSS),
    (b"From: boss@example.org\r\nFrom: john@example.org", BOSS),
    (b"From: john@example.org\r\nX: y\r\nfrom: boss@example.org", BOSS),
    (b"Resent-From: john@example.org\r\nFrom: boss@example.org", BOSS),
    (b"Sender: john@example.org\r\nFrom: boss@example.org", BOSS),
    # what nobody can read for sure
    (b"From: john@example.org\0, boss@example.org", UNREAD),
    (b"From: boss@example.org\0", UNREAD),
    (b"From: john@example.org <boss@example.org", UNREAD),
    (b"From: (john@example.org", UNREAD),
    (b"From:", UNREAD),
    (b"From: john", UNREAD),
    (b"From: john@example.org boss@example.org", UNREAD),
    (b"From: =?utf-8?q?boss=40example=2Eorg?=", UNREAD),
    (b"From: b\xf6ss@example.org", UNREAD),
    (b"From: john@example.org@boss.example", UNREAD),
    (b"From: " + b"(" * 50_000, UNREAD),
    (b"From: " + b",\r\n ".join([b"a%d@example.org" % n for n in range(5000)]), UNREAD),
]


@pytest.mark.parametrize(("header", "answer"), FORMS, ids=[str(form[0][:60]) for form in FORMS])
async def test_every_author_is_the_users(world: World, header: bytes, answer: str) -> None:
    client = await user(world, "reject")
    said = await send(client, header)
    assert said.startswith(answer)
    if not said.startswith("250"):
        assert said.endswith("not owned by user john@example.org") or answer == UNREAD
        assert world.spool.drafts[0].ended == "discarded"
        line = next(line for line in world.log if "reject: END-OF-MESSAGE" in line)
        assert line.startswith(
            f"Q1: reject: END-OF-MESSAGE from mua.example.net[192.0.2.7]: {said}"
        )
        assert "from=<john@example.org>" in line
        # And the next message of the session is judged anew.
        assert (await send(client, b"From: john@example.org")).startswith("250")


@pytest.mark.parametrize("header", [b"From: boss@example.org", b"From: ("])
async def test_a_warning_refuses_nothing(world: World, header: bytes) -> None:
    client = await user(world, "warn")
    assert await send(client, header) == TAKEN
    warned = [line for line in world.log if line.startswith("Q1: reject_warning: END-OF-MESSAGE")]
    assert len(warned) == 1
    assert "not" in warned[0]
    assert "owned by user john@example.org" in warned[0]


async def test_it_is_off_unless_asked_for(world: World) -> None:
    client = await user(world, "ignore")
    assert await send(client, b"From: boss@example.org") == TAKEN
    assert not any("reject" in line for line in world.log)


async def test_a_stranger_is_not_judged(world: World) -> None:
    connection, _, _ = await world.connect("mx", MUA, from_header="reject")
    await talk(connection, "EHLO x")
    assert await send(connection, b"From: boss@elsewhere.test") == TAKEN


async def test_a_header_that_comes_in_pieces(world: World) -> None:
    client = await user(world, "reject")
    await talk(client, "MAIL FROM:<john@example.org>", "RCPT TO:<john@example.org>", "DATA")
    for octet in b"From: boss@exam":
        await client.say(bytes([octet]))
    said = await client.say(b"ple.org\r\n\r\nHello\r\n.\r\n")
    assert said.startswith(BOSS)


class Owners:
    def __init__(self, *owned: str) -> None:
        self.owned = owned
        self.unavailable = False

    async def owns(self, user: str, address: Address) -> bool:
        if self.unavailable:
            raise LookupUnavailable("the fake was told to fail")
        return str(address) in self.owned


async def test_who_cannot_be_asked_about_is_told_to_come_back() -> None:
    owners = Owners("john@example.org")
    owners.unavailable = True
    found = await judge_authors(["john@example.org"], "john@example.org", owners)
    assert found is not None
    assert str(found.reply) == "451 4.3.0 <john@example.org>: Temporary lookup failure"


@pytest.mark.parametrize(
    ("authors", "refused"),
    [
        ((), None),
        (("a@b.c",), None),
        (("a@b.c", "x@y.z"), (553, "x@y.z")),
        ((UNREADABLE, "a@b.c"), (553, "")),
    ],
)
async def test_the_first_that_is_not_the_users_decides(
    authors: tuple[str, ...], refused: tuple[int, str] | None
) -> None:
    found = await judge_authors(authors, "john", Owners("a@b.c"))
    assert (None if found is None else (found.reply.code, found.author)) == refused


async def test_a_reply_fits_into_its_line() -> None:
    long = f"{'a' * 64}@{'b' * 60}.{'c' * 60}.{'d' * 60}.example"
    found = await judge_authors([long], long, Owners())
    assert found is not None
    assert len(found.reply.encode()) <= 512


async def test_a_session_cut_off_while_owners_are_asked_leaves_no_draft(world: World) -> None:
    class Silent(Owners):
        async def is_local(self, domain: str) -> bool:
            return True

        async def is_listed(self, address: Address) -> bool:
            return True

        async def owns(self, user: str, address: Address) -> bool:
            if address.local == "john":
                return True
            asked.set()
            await asyncio.Event().wait()
            raise AssertionError("it waits for ever")

        async def has_owner(self, address: Address) -> bool:
            return True

    asked = asyncio.Event()
    client = await user(world, "reject", oracle=oracle_of(Silent()))
    await talk(client, "MAIL FROM:<john@example.org>", "RCPT TO:<john@example.org>", "DATA")
    saying = asyncio.create_task(client.say(b"From: boss@example.org\r\n\r\nHello\r\n.\r\n"))
    await asked.wait()
    await world.end()
    saying.cancel()
    assert [draft.ended for draft in world.spool.drafts] == ["discarded"]
