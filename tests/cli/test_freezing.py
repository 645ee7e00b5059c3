"""`postroad user freeze`, `unfreeze` and `show`, over real files and without a server."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from command_line import CommandLine
from postroad.config import load
from postroad.model import Address, Addressee, Envelope, Waybill
from postroad.spool import Inventory, Shard, SpoolSettings, shard_directories

JOHN, LISA = "john@example.org", "lisa@example.org"
SINCE = "2027-01-15 08:00:00"
NOW = 1_800_000_000.0


@pytest.fixture(autouse=True)
def _calendar() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "UTC")
        time.tzset()
        patch.setattr("time.time", lambda: NOW)
        yield
    time.tzset()


def store(login: str, shard: int = 0, held: str = "") -> str:
    """A message that an account submitted."""
    spool = load(Path("postroad.toml")).spool_directory

    async def run() -> str:
        opened = await Shard.open(spool / str(shard), shard, SpoolSettings(), lambda: NOW)
        draft = opened.begin()
        draft.write(b"Subject: x\r\n\r\n")
        lisa = Address("lisa", "example.net")
        waybill = Waybill(login, held=held)
        await draft.commit(Envelope(lisa), [Addressee(lisa, lisa)], NOW, waybill)
        await opened.close()
        return draft.queue_id

    (spool / str(shard)).mkdir(parents=True, exist_ok=True)
    return asyncio.run(run())


def held() -> dict[str, str]:
    """Why each message of the queue is held; empty where it is not."""
    directories = shard_directories(load(Path("postroad.toml")).spool_directory)
    return {each.queue_id: each.waybill.held for each in Inventory(directories).list()}


def test_an_account_is_frozen_and_thawed_without_a_server(
    command_line: CommandLine, server: Path
) -> None:
    first, second = store(JOHN), store(JOHN, shard=1)
    other, apart = store(LISA), store(JOHN, held="an operator looks at it")
    ran = command_line("user", "freeze", "John@example.org", "--reason", "called\nme")
    assert (ran.status, ran.err) == (0, "")
    assert ran.lines == [f"froze {JOHN}", "2 messages held, 0 sessions ended"]
    reason = f"the account {JOHN} is frozen"
    assert held() == {
        first: reason,
        second: reason,
        other: "",
        apart: "an operator looks at it",
    }
    assert command_line("user", "list").lines == [
        "ACCOUNT           LOGIN       SENDING",
        f"{JOHN}  may log in  frozen since {SINCE} by an operator: called me",
    ]
    assert command_line("user", "show", JOHN).lines == [
        f"account:       {JOHN}",
        "login:         may log in",
        "app passwords: 0",
        f"sending:       frozen since {SINCE} by an operator: called me",
        "held:          2 messages",
    ]

    ran = command_line("user", "unfreeze", JOHN)
    assert ran.lines == [
        f"{JOHN} may send again",
        "released 2 messages",
        "if its password may be known to others, change it, and look at its app passwords",
    ]
    assert held() == {first: "", second: "", other: "", apart: "an operator looks at it"}
    assert command_line("user", "show", JOHN).lines[3:] == ["sending:       may send"]


def test_what_was_held_can_be_deleted(command_line: CommandLine, server: Path) -> None:
    store(JOHN)
    other, apart = store(LISA), store(JOHN, held="an operator looks at it")
    assert command_line("user", "freeze", JOHN).status == 0
    ran = command_line("user", "unfreeze", JOHN, "--delete-held")
    assert ran.lines[1] == "deleted 1 message"
    assert held() == {other: "", apart: "an operator looks at it"}


def test_json(command_line: CommandLine, server: Path) -> None:
    store(JOHN)
    frozen = {"since": NOW, "reason": "", "by": "operator"}
    shown = {"name": JOHN, "enabled": True, "frozen": None, "held": 0, "app_passwords": 0}
    shown["directory"] = "embedded"
    shown |= {"quota_bytes": None, "quota_messages": None, "forward": [], "send_as": []}
    assert command_line("user", "show", JOHN, "--json").json == shown
    ran = command_line("user", "freeze", JOHN, "--json")
    assert ran.json == {"name": JOHN, "held": 1, "sessions": 0}
    (listed,) = command_line("user", "list", "--json").json
    assert listed == {name: shown[name] for name in listed} | {"frozen": frozen}
    ran = command_line("user", "show", JOHN, "--json")
    assert ran.json == shown | {"frozen": frozen, "held": 1}
    ran = command_line("user", "unfreeze", JOHN, "--json")
    assert ran.json == {"name": JOHN, "released": 1, "deleted": 0}
    command_line("user", "freeze", JOHN)
    ran = command_line("user", "unfreeze", JOHN, "--json", "--delete-held")
    assert ran.json == {"name": JOHN, "released": 0, "deleted": 1}


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["freeze", LISA], f"there is no account {LISA}"),
        (["unfreeze", JOHN], f"{JOHN} is not frozen"),
        (["show", LISA], f"there is no account {LISA}"),
        (["show", "john"], "'john' is not an address: an address needs an @"),
    ],
)
def test_mistakes(
    command_line: CommandLine, server: Path, words: list[str], complaint: str
) -> None:
    ran = command_line("user", *words)
    assert (ran.status, ran.out, ran.err) == (65, "", f"postroad: {complaint}\n")


def test_an_account_is_frozen_once(command_line: CommandLine, server: Path) -> None:
    command_line("user", "freeze", JOHN)
    ran = command_line("user", "freeze", JOHN)
    assert (ran.status, ran.err) == (65, f"postroad: {JOHN} is frozen already\n")


def test_a_thaw_that_was_broken_off_can_be_repeated(
    command_line: CommandLine, server: Path
) -> None:
    first = store(JOHN)
    command_line("user", "freeze", JOHN)
    with closing(sqlite3.connect(server / "state" / "directory.db")) as file, file:
        file.execute("UPDATE freezes SET since = NULL")
    ran = command_line("user", "unfreeze", JOHN)
    assert (ran.status, ran.lines[1]) == (0, "released 1 message")
    assert held() == {first: ""}


def test_an_account_that_was_removed_while_it_was_frozen_leaves_held_mail_to_the_operator(
    command_line: CommandLine, server: Path
) -> None:
    first = store(JOHN)
    command_line("user", "freeze", JOHN)
    command_line("user", "remove", JOHN)
    assert held() != {first: ""}
    ran = command_line("user", "unfreeze", JOHN, "--delete-held")
    assert (ran.status, ran.lines[1]) == (0, "deleted 1 message")


def test_what_the_next_start_has_to_do_is_in_the_row(
    command_line: CommandLine, server: Path
) -> None:
    """The operator is told by the server, which has a door."""
    command_line("user", "freeze", JOHN)
    with closing(sqlite3.connect(server / "state" / "directory.db")) as file:
        row = file.execute("SELECT worker, told, finished FROM freezes").fetchone()
    assert row == (0, 0, 0)
