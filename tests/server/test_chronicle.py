"""What sessions tell the history, by real sessions."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator

import pytest

from fake_connection import FakeConnection
from kept_history import KeptHistory
from postroad.history import NO_HISTORY
from postroad.model import Client
from postroad.model.session_events import Rejected
from postroad.policy import PolicySettings, build
from session_world import World, talk

SESSION = "D1ZW2CET80"
STRANGER = Client("192.0.2.7", 4025)


class Kept(KeptHistory):
    """What it was told, as this test reads it."""

    def __init__(self, *, in_replies: bool = False) -> None:
        super().__init__(SESSION, in_replies=in_replies)

    @property
    def records(self) -> list[dict[str, object]]:
        memory: dict[tuple[int, int, int], tuple[object, object, str]] = {}
        lines = [each.line(memory) for each in self.put_in]
        assert all(line.names[0] == SESSION for line in lines)
        return [json.loads(line.text) for line in lines]


@pytest.fixture
async def world() -> AsyncIterator[World]:
    world = World()
    yield world
    await world.end()


async def greeted(world: World, kept: Kept, **changes: object) -> FakeConnection:
    connection, _, _ = await world.connect(client=STRANGER, history=kept, listener="mx", **changes)
    await talk(connection, "EHLO laptop")
    return connection


async def test_a_transaction_is_one_record(world: World) -> None:
    kept = Kept()
    connection = await greeted(world, kept)
    await talk(connection, "MAIL FROM:<a@b.example>", "RCPT TO:<john@example.org>", "DATA")
    assert kept.put_in == []
    assert "queued as Q1" in await talk(connection, "Subject: x\r\n\r\nbody\r\n.")
    (record,) = kept.records
    assert record["kind"] == "decisions"
    assert record["session"] == SESSION
    assert record["listener"] == "mx"
    assert record["transaction"] == 1
    assert record["protocol"] == "ESMTP"
    assert record["queue_id"] == "Q1"
    assert record["outcome"] == "250 2.0.0 Ok: queued as Q1"
    assert record["sender"] == "a@b.example"
    assert record["helo"] == "laptop"
    assert record["size"] == 20
    decisions = record["decisions"]
    assert isinstance(decisions, list)
    assert [(each["stage"], each["recipient"], each["action"]) for each in decisions] == [
        ("RCPT", "john@example.org", "permit"),
        ("DATA", "john@example.org", "permit"),
    ]
    assert decisions[0]["steps"]


async def test_a_refusal_is_told_at_once_with_its_rules(world: World) -> None:
    kept = Kept()
    connection = await greeted(world, kept)
    await talk(connection, "MAIL FROM:<a@b.example>")
    answer = await talk(connection, "RCPT TO:<lisa@elsewhere.test>")
    (record,) = kept.records
    (decision,) = record["decisions"]  # type: ignore[misc]
    assert answer == f"{decision['reply']}\r\n"
    assert decision["action"] == "reject"
    assert decision["steps"][-1]["reply"] == decision["reply"]
    assert "queue_id" not in record
    await talk(connection, "RCPT TO:<john@example.org>", "RSET")
    first, second = kept.records
    assert first["transaction"] == second["transaction"] == 1
    assert [each["recipient"] for each in second["decisions"]] == [  # type: ignore[attr-defined]
        "john@example.org"
    ]


async def test_a_refusal_of_mail_itself_is_a_transaction_of_its_own(world: World) -> None:
    kept = Kept()
    connection = await greeted(world, kept)
    await talk(connection, "MAIL FROM:<a@b.example>", "RSET")
    assert kept.records == []
    answer = await talk(connection, "MAIL FROM:<a@b.example> HOLDFOR=60")
    await talk(connection, "MAIL FROM:<c@d.example>", "RCPT TO:<john@example.org>", "RSET")
    refused, taken = kept.records
    assert refused["decisions"] == [
        {
            "stage": "MAIL",
            "at": 1000.0,
            "recipient": None,
            "steps": [],
            "action": "reject",
            "reply": answer.strip(),
        }
    ]
    assert (refused["transaction"], taken["transaction"]) == (2, 3)
    assert taken["sender"] == "c@d.example"


async def test_what_the_spool_refuses_is_told_too(world: World) -> None:
    kept = Kept()
    world.spool.breaks = True
    connection = await greeted(world, kept)
    await talk(connection, "MAIL FROM:<a@b.example>", "RCPT TO:<john@example.org>", "DATA")
    answer = await talk(connection, "Subject: x\r\n\r\nbody\r\n.")
    (record,) = kept.records
    assert [each["stage"] for each in record["decisions"]] == [  # type: ignore[attr-defined]
        "RCPT",
        "DATA",
        "END-OF-MESSAGE",
    ]
    assert record["decisions"][-1]["reply"] == answer.strip()  # type: ignore[index]
    assert record["queue_id"] == "Q1"
    assert "outcome" not in record


async def test_many_recipients_are_told_of_in_several_records(world: World) -> None:
    kept = Kept()
    connection = await greeted(world, kept)
    await talk(connection, "MAIL FROM:<a@b.example>")
    for number in range(60):
        await talk(connection, f"RCPT TO:<john+{number}@example.org>")
    await talk(connection, "RSET")
    counts = [len(record["decisions"]) for record in kept.records]  # type: ignore[arg-type]
    assert counts == [25, 25, 10]
    assert [each.weight for each in kept.put_in] == counts
    assert {record["transaction"] for record in kept.records} == {1}


async def test_lists_at_their_own_commands_are_told_with_the_transaction(world: World) -> None:
    kept = Kept()
    early = PolicySettings(client=("permit",), sender=("permit",), delay_reject=False)
    connection = await greeted(world, kept, policy=build("mx", early))
    await talk(connection, "MAIL FROM:<a@b.example>", "RCPT TO:<john@example.org>", "RSET")
    (record,) = kept.records
    assert [each["stage"] for each in record["decisions"]] == [  # type: ignore[attr-defined]
        "CONNECT",
        "EHLO",
        "MAIL",
        "RCPT",
    ]
    assert record["transaction"] == 1


async def test_what_was_decided_without_a_transaction_is_told_at_the_end(world: World) -> None:
    kept = Kept()
    early = PolicySettings(client=("permit",), delay_reject=False)
    connection = await greeted(world, kept, policy=build("mx", early))
    await talk(connection, "QUIT")
    await world.tasks[0]
    (record,) = kept.records
    assert [each["stage"] for each in record["decisions"]] == [  # type: ignore[attr-defined]
        "CONNECT",
        "EHLO",
    ]
    assert (record["transaction"], record["sender"]) == (0, None)


async def test_a_refusal_at_the_greeting_is_told(world: World) -> None:
    kept = Kept()
    early = PolicySettings(client=("reject",), delay_reject=False)
    _, _, greeting = await world.connect(
        client=STRANGER, history=kept, listener="mx", policy=build("mx", early)
    )
    (refused,) = kept.records[0]["decisions"]  # type: ignore[misc]
    assert refused["stage"] == "CONNECT"
    assert refused["steps"][0]["restriction"] == "reject"
    assert greeting == f"{refused['reply']}\r\n"
    assert greeting.startswith("554 5.7.1 <mua.example.net[192.0.2.7]>: Client host rejected")


async def test_a_lost_connection_is_told(world: World) -> None:
    kept = Kept()
    connection = await greeted(world, kept)
    await connection.say(ConnectionResetError())
    (record,) = kept.records
    assert record["kind"] == "event"
    assert record["event"] == "Lost"
    assert record["text"] == "lost connection after EHLO from mua.example.net[192.0.2.7]"
    assert record["sender"] is None


async def test_the_log_of_a_refusal_ends_with_the_session(world: World) -> None:
    connection = await greeted(world, Kept())
    await talk(connection, "MAIL FROM:<a@b.example>", "RCPT TO:<lisa@elsewhere.test>")
    (rejected,) = [event for event in world.events if isinstance(event, Rejected)]
    assert rejected.session == SESSION
    assert rejected.text.endswith(f" proto=ESMTP helo=<laptop>,session=<{SESSION}>")
    assert re.search(r" to=<\S+> proto=ESMTP helo=<\S*>$", rejected.text)  # filters end like this
    assert {event.session for event in world.events} == {SESSION}
    assert world.log[0] == "connect from mua.example.net[192.0.2.7]"


async def test_a_refusal_tells_the_client_where_that_is_wanted(world: World) -> None:
    kept = Kept(in_replies=True)
    connection = await greeted(world, kept)
    await talk(connection, "MAIL FROM:<a@b.example>")
    answer = await talk(connection, "RCPT TO:<lisa@elsewhere.test>")
    assert answer == f"554 5.7.1 <lisa@elsewhere.test>: Relay access denied ({SESSION})\r\n"
    (record,) = kept.records
    (decision,) = record["decisions"]  # type: ignore[misc]
    assert decision["reply"] == answer.strip()
    (rejected,) = [event for event in world.events if isinstance(event, Rejected)]
    assert str(rejected.reply) == answer.strip()


async def test_such_a_refusal_is_no_longer_than_smtp_allows(world: World) -> None:
    connection = await greeted(world, Kept(in_replies=True))
    await talk(connection, "MAIL FROM:<a@b.example>")
    domain = ".".join(["x" * 60] * 4)
    answer = await talk(connection, f"RCPT TO:<{'ü' * 30}@{domain}>")
    assert answer.startswith("5")
    long = f"RCPT TO:<{'y' * 64}@{'.'.join(['z' * 61] * 4)}>"
    answer = await talk(connection, long)
    assert len(answer.encode()) <= 512
    assert answer.endswith(f" ({SESSION})\r\n")


async def test_without_a_history_nothing_changes(world: World) -> None:
    connection, session, _ = await world.connect(client=STRANGER)
    await talk(connection, "EHLO laptop", "MAIL FROM:<a@b.example>")
    answer = await talk(connection, "RCPT TO:<lisa@elsewhere.test>")
    assert answer == "554 5.7.1 <lisa@elsewhere.test>: Relay access denied\r\n"
    (rejected,) = [event for event in world.events if isinstance(event, Rejected)]
    assert rejected.text.endswith(" helo=<laptop>")
    assert session._peer.chronicle._decisions == []
    assert session._service.history is NO_HISTORY
