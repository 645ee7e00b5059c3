"""Filters in a session: what they hear, what a client is told, and what is left of a message."""

from __future__ import annotations

import asyncio
from ipaddress import ip_network

import pytest

from examiners import LATER, UNWANTED, Hearing, Looking, found, hang, topped
from fake_connection import TLS
from postroad.filters.joined import Joined, Member
from postroad.filters.settings import FilterSettings
from postroad.filters.stages import (
    Began,
    Connected,
    Denied,
    Greeted,
    Misspoke,
    Named,
    Stage,
    Started,
)
from postroad.history.recorder import Recordable
from postroad.intake import Board
from postroad.model import Client
from postroad.model.letter import Finding, Opinion, Origin
from postroad.policy import Networks
from postroad.server.chronicle import Decided
from postroad.server.extensions import Extensions
from session_world import World, talk

ENVELOPE = ("EHLO peer.example", "MAIL FROM:<ann@example.com>", "RCPT TO:<john@example.org>")
MESSAGE = b"Subject: x\r\n\r\nbody\r\n.\r\n"


def board(world: World, *filters: Hearing, **parts: object) -> Board:
    members = [Member(each, FilterSettings(kind="milter", timeout=5)) for each in filters]
    joined = Joined(members, world.events.append) if members else None
    return Board(filters=joined, **parts)  # type: ignore[arg-type]


async def test_a_session_is_heard_from_the_greeting_to_the_end(world: World) -> None:
    hearing = Hearing()
    client, _, greeting = await world.connect(board=board(world, hearing), listener="mx")

    await talk(client, *ENVELOPE, "DATA")
    assert (await client.say(MESSAGE)).startswith("250 2.0.0")
    await talk(client, "MAIL FROM:<ann@example.com>", "RSET", "QUIT")
    await asyncio.gather(*world.tasks)

    assert greeting.startswith("220")
    connected, greeted, began, named, started, again = hearing.stages
    assert isinstance(connected, Connected)
    assert (connected.client.name, connected.listener) == ("mua.example.net", "mx")
    assert connected.trusted is False
    assert greeted == Greeted("peer.example", None)
    assert isinstance(began, Began)
    assert isinstance(again, Began)
    assert isinstance(named, Named)
    assert (began.envelope.sender_text, str(named.recipient.address)) == (
        "ann@example.com",
        "john@example.org",
    )
    assert started == Started("Q1")
    assert hearing.log[-4:] == ["forget", "Began", "forget", "close"]
    assert hearing.looking.seen[0].origin is Origin.OUTSIDE


@pytest.mark.parametrize(
    ("stage", "command"),
    [
        (Connected, "CONNECT"),
        (Greeted, "EHLO"),
        (Began, "MAIL"),
        (Named, "RCPT"),
        (Started, "DATA"),
    ],
)
async def test_each_step_may_be_refused(world: World, stage: type[Stage], command: str) -> None:
    hearing = Hearing(refuses=stage)
    client, _, said = await world.connect(board=board(world, hearing))
    answers = [said]
    answers += [await talk(client, line) for line in (*ENVELOPE, "DATA") if not client.closed]

    at = ("CONNECT", "EHLO", "MAIL", "RCPT", "DATA").index(command)
    code = "554" if stage is Connected else "550"  # the only refusal that a greeting may be
    assert answers[at].startswith(f"{code} 5.7.1 Unwanted")
    assert all(each[0] in "23" for each in answers[:at])
    assert any(f"reject: {command} from" in line for line in world.log)
    assert all(draft.ended == "discarded" for draft in world.spool.drafts)
    assert world.queued == []


class Kept(list[Recordable]):
    """Implements `Recorder`."""

    in_replies = False

    def session_id(self) -> str:
        return "S1"

    def put(self, what: Recordable) -> None:
        self.append(what)


@pytest.mark.parametrize("stage", [Connected, Greeted, Began, Named, Started])
async def test_who_refused_a_step_is_remembered(world: World, stage: type[Stage]) -> None:
    kept = Kept()
    filters = board(world, Hearing("first"), Hearing("second", refuses=stage), Hearing("third"))
    client, _, _ = await world.connect(board=filters, history=kept)
    for line in (*ENVELOPE, "DATA", "NOOP"):
        if not client.closed:
            await talk(client, line)
    await world.end()

    found = [each.findings for each in kept if isinstance(each, Decided) and each.findings]
    refused = Finding("second", "reject")
    assert found[0] == (refused,)
    assert all(each == (refused,) for each in found)


async def test_another_recipient_may_be_taken(world: World) -> None:
    hearing = Hearing(refuses=Named)
    client, *_ = await world.connect(board=board(world, hearing))
    await talk(client, *ENVELOPE)
    hearing.refuses = None

    assert (await talk(client, "RCPT TO:<info@example.org>")).startswith("250")
    await talk(client, "DATA")
    assert (await client.say(MESSAGE)).startswith("250")
    assert [str(each.address) for each in hearing.looking.seen[0].recipients] == [
        "info@example.org"
    ]


async def test_what_was_refused_before_filters_are_asked_is_heard(world: World) -> None:
    hearing = Hearing(refuses=Denied)
    client, *_ = await world.connect(board=board(world, hearing))

    said = [
        await talk(client, line)
        for line in (
            *ENVELOPE[:2],
            "FROBNICATE a password",
            "RCPT TO:<nobody@example.org>",
            "RCPT TO:<john@elsewhere.example>",
            ENVELOPE[2],
            "QUIT",
        )
    ]
    await asyncio.gather(*world.tasks)

    assert [each[:9] for each in said[2:6]] == ["500 5.5.2", "550 5.1.1", "554 5.7.1", "250 2.1.5"]
    misspoke, *denied, named = hearing.stages[3:]
    assert misspoke == Misspoke("FROBNICATE")
    assert isinstance(named, Named)
    replies = [each.reply for each in denied if isinstance(each, Denied)]
    assert [str(each)[:9] for each in replies] == ["550 5.1.1", "554 5.7.1"]


async def test_policy_is_asked_first(world: World) -> None:
    hearing = Hearing()
    client, *_ = await world.connect(board=board(world, hearing))

    assert (await talk(client, *ENVELOPE[:2], "RCPT TO:<x@example.com>")).startswith("554")

    assert not any(isinstance(each, Named) for each in hearing.stages)


async def test_after_starttls_the_greeting_is_heard_anew(world: World) -> None:
    hearing = Hearing()
    client, *_ = await world.connect(board=board(world, hearing))

    await talk(client, "EHLO peer.example", "STARTTLS", "EHLO again.example")

    assert hearing.stages[1:] == [Greeted("peer.example", None), Greeted("again.example", TLS)]


async def test_another_client_is_another_session(world: World) -> None:
    hearing = Hearing()
    proxy = Extensions(impostors=Networks([ip_network("192.0.2.7/32")]))
    client, *_ = await world.connect(board=board(world, hearing), extensions=proxy)

    await talk(client, "EHLO proxy.example", "XCLIENT ADDR=203.0.113.5 NAME=far.example")

    assert hearing.log == ["session", "Connected", "Greeted", "close", "session", "Connected"]
    last = hearing.stages[-1]
    assert isinstance(last, Connected)
    assert last.client.address == "203.0.113.5"


@pytest.mark.parametrize("reply", [UNWANTED, LATER])
async def test_a_message_is_refused_at_its_end(world: World, reply: object) -> None:
    hearing = Hearing(say=lambda _: Opinion(reply=reply))  # type: ignore[arg-type]
    client, *_ = await world.connect(board=board(world, hearing))
    await talk(client, *ENVELOPE, "DATA")

    assert await client.say(MESSAGE) == f"{reply}\r\n"

    assert [draft.ended for draft in world.spool.drafts] == ["discarded"]
    assert any("reject: END-OF-MESSAGE from" in line for line in world.log)
    assert (await talk(client, "MAIL FROM:<ann@example.com>")).startswith("250")


async def test_what_is_stored_is_what_they_made_of_it(world: World) -> None:
    first, last = Looking(topped(b"A: 1\r\n")), Looking(topped(b"Z: 1\r\n"))
    hearing = Hearing(say=topped(b"M: 1\r\n"))
    client, *_ = await world.connect(board=board(world, hearing, first=(first,), last=(last,)))
    await talk(client, *ENVELOPE, "DATA")

    await client.say(MESSAGE)

    (draft,) = world.spool.drafts
    assert draft.octets.startswith(b"Z: 1\r\nM: 1\r\nA: 1\r\nReceived: from peer.example")
    assert draft.octets.endswith(b"\r\nSubject: x\r\n\r\nbody\r\n")
    assert [len(each.seen) for each in (first, hearing.looking, last)] == [1, 1, 1]


@pytest.mark.parametrize(
    ("preset", "client", "changes", "origin"),
    [
        ("mx", Client("192.0.2.7", 4711), {}, Origin.OUTSIDE),
        ("mx", Client("10.0.0.7", 4711), {}, Origin.OURS),
        ("mx", Client("10.0.0.7", 4711), {"taken_before": True}, Origin.NEIGHBOUR),
        ("mx", Client("192.0.2.7", 4711), {"taken_before": True}, Origin.NEIGHBOUR),
    ],
)
async def test_whose_mail_it_is(
    world: World, preset: str, client: Client, changes: dict[str, object], origin: Origin
) -> None:
    looking = Looking()
    talker, *_ = await world.connect(
        preset, client, board=board(world, first=(looking,)), **changes
    )
    await talk(talker, *ENVELOPE, "DATA")

    await talker.say(MESSAGE)

    assert [each.origin for each in looking.seen] == [origin]


async def test_a_client_that_leaves_meanwhile_leaves_nothing(world: World) -> None:
    looking = Looking(hang)
    client, *_ = await world.connect(board=board(world, first=(looking,)))
    await talk(client, *ENVELOPE, "DATA")
    waiting = asyncio.create_task(client.say(MESSAGE))
    await looking.asked.wait()

    await world.end()
    waiting.cancel()

    assert [draft.ended for draft in world.spool.drafts] == ["discarded"]


async def test_a_client_that_cannot_hear_the_success_sends_again(world: World) -> None:
    looking = Looking()
    client, *_ = await world.connect(board=board(world, first=(looking,)))
    await talk(client, *ENVELOPE, "DATA")
    looking.say = lambda letter: (client.abort(), Opinion())[1]

    await client.say(MESSAGE)

    assert [draft.ended for draft in world.spool.drafts] == ["discarded"]
    assert any("451 4.4.2 Error: the client left" in line for line in world.log)


async def test_a_server_that_stops_lets_an_examination_end(world: World) -> None:
    looking = Looking(found("x"))
    client, session, _ = await world.connect(board=board(world, first=(looking,)))
    await talk(client, *ENVELOPE, "DATA")
    session.stop()

    assert (await client.say(MESSAGE)).startswith("250 2.0.0")

    assert [draft.ended for draft in world.spool.drafts] == ["committed"]


async def test_content_that_is_at_fault_is_shown_to_nobody(world: World) -> None:
    looking = Looking()
    client, *_ = await world.connect(board=board(world, first=(looking,)))
    await talk(client, *ENVELOPE, "DATA")

    answer = await client.say(b"Received: x\r\n" * 60 + b"\r\n.\r\n")

    assert answer.startswith("554 5.4.6")
    assert looking.seen == []
