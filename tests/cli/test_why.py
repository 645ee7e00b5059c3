"""`postroad why`: on files that sessions have written."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from cli.test_freezing import store
from command_line import CommandLine
from history_records import history
from postroad.history import HistorySettings, Remembering
from postroad.model import Address, Client, Reply, Status
from postroad.model.message_events import Bounced, Delivered
from session_world import World, talk

pytestmark = pytest.mark.usefixtures("server")

FOLDER = Path("state/history")
QUEUE_ID = "HODG6NB20100"
STRANGER = Client("192.0.2.7", 4025)
LINES = (
    "EHLO laptop",
    "MAIL FROM:<john@example.org>",
    "RCPT TO:<lisa@elsewhere.test>",
    "RCPT TO:<john@example.org>",
    "RSET",
)


async def _sessions(conversations: list[tuple[str, ...]], client: Client) -> list[str]:
    world = World()
    kept = history(FOLDER, HistorySettings(keep=1e12), clock=lambda: world.now)
    found = []
    for lines in conversations:
        connection, session, _ = await world.connect(client=client, history=kept, listener="mx")
        await talk(connection, *lines)
        found.append(session._peer.session)
    await world.end()
    kept.close()
    return found


def sessions(*conversations: tuple[str, ...], client: Client = STRANGER) -> list[str]:
    """Sessions of a client that are over, by their identifiers."""
    return asyncio.run(_sessions(list(conversations), client))


def delivered(queue_id: str, status: Status) -> None:
    """A delivery that ended, and the report of it."""
    kept = history(FOLDER, HistorySettings(keep=1e12))
    journal = Remembering(lambda _: None, kept, lambda: 2000.0)
    address, reply = Address("lisa", "elsewhere.test"), Reply.of(550, "5.1.1", "Unknown")
    relay, delays = "mx.elsewhere.test[192.0.2.9]:25", (0.1, 0.0, 0.2, 0.3)
    journal(Delivered("smtp", queue_id, address, address, relay, delays, status, reply))
    journal(Bounced("bounce", queue_id, "HODG6NB20200"))
    kept.close()


def test_a_session(command_line: CommandLine) -> None:
    (session,) = sessions(LINES)
    ran = command_line("why", session)
    assert ran.status == 0
    assert ran.lines[0].startswith(f"Session {session}, listener mx, ")
    assert "    Reply: 554 5.7.1 <lisa@elsewhere.test>: Relay access denied" in ran.lines
    assert "  RCPT to <john@example.org>: accepted" in ran.lines
    assert command_line("why", session.lower()).out == ran.out


def test_json(command_line: CommandLine) -> None:
    (session,) = sessions(LINES)
    found = command_line("why", session, "--json").json
    assert found["id"] == session
    assert found["queue"] == {}
    assert found["known_since"] == 1000.0
    assert [len(record["decisions"]) for record in found["records"]] == [1, 1]
    assert {record["session"] for record in found["records"]} == {session}


def test_a_message_by_its_queue_id(command_line: CommandLine) -> None:
    delivered(QUEUE_ID, Status.BOUNCED)
    ran = command_line("why", QUEUE_ID.lower())
    assert ran.lines[1] == "What became of the message:"
    assert "<lisa@elsewhere.test>: failed, goes back to the sender" in ran.out
    assert "0.6 seconds after it came: 550 5.1.1 Unknown" in ran.out
    assert "its sender was told (non-delivery) by message HODG6NB20200" in ran.out
    assert ran.lines[-1] == f"Message {QUEUE_ID} is no longer in the queue."
    notice = command_line("why", "HODG6NB20200")
    assert "by message HODG6NB20200" in notice.out


@pytest.mark.parametrize("name", ["", "192.0.2.7", "john@example.org"])
def test_what_became_of_the_messages_of_a_session_or_an_address(
    command_line: CommandLine, name: str
) -> None:
    (session,) = sessions((*LINES[:2], "RCPT TO:<john@example.org>", "DATA", "Subject: x\r\n\r\n."))
    (queue_id,) = command_line("why", session, "--json").json["queue"]
    delivered(queue_id, Status.BOUNCED)

    ran = command_line("why", name or session)

    assert ran.out.count("What became of the message:") == 1
    assert ran.out.count("<lisa@elsewhere.test>: failed, goes back to the sender") == 1
    assert ran.lines[-1] == f"Message {queue_id} is no longer in the queue."


@pytest.mark.parametrize(
    ("held", "state", "progress"),
    [
        ("", "is in the queue:", "not tried, next at 2027-01-1"),
        ("scan: no answer", "is in the queue, held: scan: no answer:", "on hold, not tried"),
    ],
)
def test_a_message_that_is_in_the_queue(
    command_line: CommandLine, held: str, state: str, progress: str
) -> None:
    queue_id = store("john@example.org", held=held)
    delivered(queue_id, Status.DEFERRED)
    message, recipient = command_line("why", queue_id).lines[-2:]
    assert message == f"Message {queue_id} from <lisa@example.net> {state}"
    assert recipient.startswith(f"    <lisa@example.net>: {progress}")


def test_the_last_of_an_address(command_line: CommandLine) -> None:
    other = Client("192.0.2.8", 4025)
    refused = ("EHLO x", "MAIL FROM:<a@b.example>", "RCPT TO:<Lisa@Elsewhere.test>", "RSET")
    first = sessions(refused, refused, refused, refused, refused, refused)
    sessions(refused, client=other)
    ran = command_line("why", "192.0.2.7")
    assert [line.split()[1].rstrip(",") for line in ran.lines if line.startswith("Session")] == [
        *first[1:]
    ]
    assert (
        command_line("why", "192.0.2.7", "--last", "1").lines[0].startswith(f"Session {first[-1]},")
    )
    assert "192.0.2.8" in command_line("why", "192.0.2.8").out
    assert command_line("why", "lisa@elsewhere.TEST", "--json", "--last", "99").json["records"]
    assert command_line("why", "a@b.example").status == 0
    assert command_line("why", "nobody@b.example").status == 1


def test_an_address_that_is_not_ascii_is_found(command_line: CommandLine) -> None:
    lines = ("EHLO x", "MAIL FROM:<a@b.example> SMTPUTF8", "RCPT TO:<jörg@elsewhere.test>", "RSET")
    (session,) = sessions(lines)
    assert command_line("why", "JÖRG@elsewhere.test").lines[0].startswith(f"Session {session}")


@pytest.mark.parametrize("name", ["D1ZW2CET80", QUEUE_ID, "192.0.2.7", "2001:db8::1", "a@b.c"])
def test_where_nothing_is_known(command_line: CommandLine, name: str) -> None:
    ran = command_line("why", name)
    words = f"nothing is known of {name}: nothing has been recorded yet"
    assert (ran.status, ran.out, ran.err) == (1, "", f"postroad: {words}\n")
    assert command_line("why", name, "--json").status == 1


def test_where_nothing_is_known_it_says_since_when_anything_is(command_line: CommandLine) -> None:
    sessions(LINES)
    ran = command_line("why", "ZZZZZZZZZZ")
    assert ran.status == 1
    assert "nothing is known of ZZZZZZZZZZ; what is known begins at 1970-01-01 " in ran.err


def test_where_nothing_is_kept_it_says_so(command_line: CommandLine) -> None:
    configuration = Path("postroad.toml")
    text = configuration.read_text()
    configuration.write_text(text.replace('# keep = "7d"', "keep = 0"))
    ran = command_line("why", QUEUE_ID)
    assert ran.status == 1
    assert "[history] keep is 0" in ran.err


@pytest.mark.parametrize("what", ["", "x", "D1ZW2CET8", "john", "\x1b[2J", "192.0.2.0/24"])
def test_what_is_no_identifier_is_said_to_be_none(command_line: CommandLine, what: str) -> None:
    ran = command_line("why", what)
    assert ran.status == 64
    assert "expected a queue ID (12 characters), a session ID (10), or an address" in ran.err
    assert "\x1b" not in ran.err


def test_what_a_peer_said_cannot_command_the_terminal(command_line: CommandLine) -> None:
    kept = history(FOLDER, HistorySettings(keep=1e12))
    journal = Remembering(lambda _: None, kept, lambda: 2000.0)
    evil = "\x1b[2J\x9b2J\r\n\u202e\u2028evil"
    address = Address(evil, "b.example")
    reply = Reply.of(550, "5.1.1", evil)
    journal(Delivered("smtp", QUEUE_ID, address, address, evil, (0, 0, 0, 0), Status.SENT, reply))
    kept.close()
    ran = command_line("why", QUEUE_ID)
    assert "evil" in ran.out
    assert all(line.isprintable() for line in ran.out.split("\n"))
    found = command_line("why", QUEUE_ID, "--json")
    assert found.out.isascii()
    assert "\x1b" not in found.out
    assert found.json["records"][0]["relay"] == evil


def test_a_file_that_cannot_be_read_is_named(command_line: CommandLine) -> None:
    (session,) = sessions(LINES)
    (FOLDER / "1.db").write_bytes(b"garbage" * 1000)
    ran = command_line("why", session)
    assert ran.status == 0
    assert ran.err == f"postroad: {FOLDER.absolute()}/1.db: file is not a database\n"


def test_json_is_what_was_kept(command_line: CommandLine) -> None:
    delivered(QUEUE_ID, Status.DEFERRED)
    found = json.loads(command_line("why", QUEUE_ID, "--json", "--last", "1").out)
    assert found["records"] == [
        {
            "kind": "notification",
            "at": 2000.0,
            "queue_id": QUEUE_ID,
            "notification": "HODG6NB20200",
            "told": "non-delivery",
        }
    ]
    assert found["queue"] == {QUEUE_ID: []}
