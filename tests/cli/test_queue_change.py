"""`postroad queue hold`, `release` and `delete`, over real shards and without a server."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

import pytest

from command_line import CommandLine
from postroad.config import load
from postroad.model import Address, Addressee, Envelope, Waybill
from postroad.spool import Retry, Shard, SpoolSettings

ARRIVED = 1_700_000_000.0
LATER = 4_000_000_000.0
BOB = Address("bob", "x.example")


def store(sender: str, login: str = "", *, shard: int = 0, held: str = "", tried: int = 0) -> str:
    """A message in the queue; its ID."""
    spool = load(Path("postroad.toml")).spool_directory

    async def run() -> str:
        opened = await Shard.open(spool / str(shard), shard, SpoolSettings(), lambda: ARRIVED)
        draft = opened.begin()
        draft.write(b"Subject: hello\r\n\r\ntext\r\n")
        envelope = Envelope(Address.parse(sender) if sender else None)
        waybill = Waybill(login, "192.0.2.7" if login else "", held)
        claimed = await draft.commit(envelope, [Addressee(BOB, BOB)], ARRIVED, waybill)
        if tried:
            await opened.settle([Retry(each.id, LATER, "451 x") for each in claimed.recipients])
        await opened.close()
        return draft.queue_id

    (spool / str(shard)).mkdir(parents=True, exist_ok=True)
    return asyncio.run(run())


@pytest.fixture
def mail(server: Path) -> list[str]:
    """Two messages of john's account, one of them in his name; one of nobody's."""
    return [
        store("john@example.org", "john@example.org"),
        store("jane@example.org", "john@example.org", shard=1, tried=1),
        store("", shard=1),
    ]


def held(command_line: CommandLine) -> list[str]:
    return [each["queue_id"] for each in command_line("queue", "list", "--held", "--json").json]


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (["--all"], [0, 1, 2]),
        (["--login", "John@example.org"], [0, 1]),
        (["--login", "nobody@example.org"], []),
        (["--sender", "JOHN@example.org"], [0]),
        (["--sender", "<john@example.org>"], [0]),
        (["--sender", "<>"], [2]),
        (["--sender", "MAILER-DAEMON"], [2]),
        (["--login", "john@example.org", "--sender", "jane@example.org"], [1]),
        (["0", "2"], [0, 2]),
    ],
    ids=str,
)
def test_hold_and_release(
    command_line: CommandLine, mail: list[str], words: list[str], meant: list[int]
) -> None:
    named = [mail[int(word)].lower() if word.isdigit() else word for word in words]
    names = [mail[at] for at in meant]
    noun = "message" if len(names) == 1 else "messages"
    would = command_line("queue", "hold", *named, "--dry-run")
    assert would.lines == [*names, f"would hold {len(names)} {noun}"]
    assert held(command_line) == []
    assert command_line("queue", "hold", *named).out == f"held {len(names)} {noun}\n"
    assert held(command_line) == names
    would = command_line("queue", "release", *named, "--dry-run", "--json")
    assert would.json == {
        "command": "release",
        "dry_run": True,
        "count": len(names),
        "queue_ids": names,
    }
    assert held(command_line) == names
    assert command_line("queue", "release", *named).out == f"released {len(names)} {noun}\n"
    assert held(command_line) == []


def test_what_is_so_already(command_line: CommandLine, mail: list[str]) -> None:
    command_line("queue", "hold", mail[0])
    ran = command_line("queue", "hold", *mail[:2])
    assert (ran.status, ran.lines) == (0, ["held 1 message", "1 message held already"])
    ran = command_line("queue", "hold", "--all", "--json")
    assert ran.json == {"command": "hold", "dry_run": False, "count": 1, "unchanged": 2}
    command_line("queue", "release", mail[2])
    ran = command_line("queue", "release", *mail[1:])
    assert (ran.status, ran.lines) == (0, ["released 1 message", "1 message not on hold"])
    assert command_line("queue", "release", "--all").out == "released 1 message\n"


@pytest.mark.parametrize("command", ["hold", "release", "delete"])
def test_a_message_that_is_not_there(
    command_line: CommandLine, mail: list[str], command: str
) -> None:
    ran = command_line("queue", command, mail[0], "ABCDEFGHIJ00", "nonsense")
    assert ran.status == os.EX_DATAERR
    assert ran.err == "postroad: 2 messages not in the queue\n"


@pytest.mark.parametrize("command", ["hold", "release", "delete"])
@pytest.mark.parametrize(
    "words", [[], ["ABCDEFGHIJ00", "--all"], ["--login", "x", "--all"], ["A", "--sender", "<>"]]
)
def test_it_has_to_be_said_what(
    command_line: CommandLine, server: Path, command: str, words: list[str]
) -> None:
    ran = command_line("queue", command, *words)
    assert ran.status == os.EX_USAGE
    needed = "or say --login, --sender or --all"
    assert ran.err == f"postroad: name the messages to {command}, {needed}\n"


def test_a_sender_that_is_none(command_line: CommandLine, server: Path) -> None:
    ran = command_line("queue", "hold", "--sender", "john")
    assert (ran.status, ran.err) == (os.EX_DATAERR, "postroad: john: an address needs an @\n")


def test_the_reason_is_listed(command_line: CommandLine, mail: list[str]) -> None:
    assert command_line("queue", "hold", mail[1], "--reason", " \x1b[2J ").status == 0
    assert command_line("queue", "list", "--held").lines[1:4] == [
        f"{mail[1]}!        24  {when()} jane@example.org",
        "(on hold: ?[2J)",
        "(451 x)",
    ]
    shown = command_line("queue", "show", mail[1]).lines
    assert shown[4:8] == [
        "login:     john@example.org",
        "client:    192.0.2.7",
        "on hold:   ?[2J",
        "recipient: bob@x.example: on hold, tried 1 time (451 x)",
    ]
    (said,) = command_line("queue", "list", "--held", "--json").json
    assert (said["held"], said["login"], said["client"], said["filter"]) == (
        "?[2J",
        "john@example.org",
        "192.0.2.7",
        None,
    )
    assert command_line("queue", "hold", mail[0], "--reason", " ").status == os.EX_USAGE


def when() -> str:
    return time.strftime("%a %b %d %H:%M:%S", time.localtime(ARRIVED))


def test_the_default_reason(command_line: CommandLine, mail: list[str]) -> None:
    command_line("queue", "hold", mail[0])
    assert "(on hold: by an operator)" in command_line("queue", "list").lines


def test_what_is_held_when_it_comes_is_listed(command_line: CommandLine, server: Path) -> None:
    name = store("eve@x.example", held="triggers HOLD")
    assert command_line("queue", "list").lines[1].startswith(f"{name}! ")


def test_listings_of_nothing(command_line: CommandLine, mail: list[str]) -> None:
    assert command_line("queue", "list", "--held").out == "No such mail in the queue\n"
    assert command_line("queue", "list", "--login", "x", "--json").json == []


def test_a_flush_says_what_is_on_hold(command_line: CommandLine, mail: list[str]) -> None:
    command_line("queue", "hold", mail[1])
    assert command_line("queue", "flush").lines == [
        "0 recipients will be tried now",
        "1 recipient on hold: postroad queue release",
    ]


@pytest.mark.parametrize(
    ("words", "left"),
    [(["--login", "john@example.org"], [2]), (["--sender", "<>"], [0, 1]), (["--all"], [])],
    ids=str,
)
def test_delete(
    command_line: CommandLine, mail: list[str], words: list[str], left: list[int]
) -> None:
    would = command_line("queue", "delete", *words, "--dry-run", "--json").json
    assert would["queue_ids"] == [each for each in mail if mail.index(each) not in left]
    gone = len(mail) - len(left)
    said = command_line("queue", "delete", *words, "--json").json
    assert said == {"command": "delete", "dry_run": False, "count": gone, "unchanged": 0}
    still = [each["queue_id"] for each in command_line("queue", "list", "--json").json]
    assert still == [mail[at] for at in left]
