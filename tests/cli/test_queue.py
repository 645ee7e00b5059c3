"""`postroad queue`, over real shards and without a server."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from command_line import CommandLine
from postroad.config import load
from postroad.model import (
    Action,
    Address,
    Addressee,
    ByMode,
    DeliverBy,
    Envelope,
    Notify,
    Return,
)
from postroad.spool import Done, Retry, Shard, SpoolSettings

ARRIVED = 1_700_000_000.0
LATER = 4_000_000_000.0  # October 2096, due only when somebody hurries it
CONTENT = b"Subject: hello\r\n\r\ntext\r\n"


@pytest.fixture(autouse=True)
def _utc() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "UTC")
        time.tzset()
        yield
    time.tzset()


def store(
    sender: str,
    recipients: Sequence[str],
    *,
    shard: int = 0,
    reasons: Sequence[str] = (),
    content: bytes = CONTENT,
    tried: bool = True,
    envelope: Envelope | None = None,
    asked: Addressee | None = None,
) -> str:
    """A message in the queue; a recipient with a reason has been tried and waits for long."""
    spool = load(Path("postroad.toml")).spool_directory

    async def run() -> str:
        opened = await Shard.open(
            spool / str(shard), shard, SpoolSettings(inline_limit=100), lambda: ARRIVED + shard
        )
        draft = opened.begin()
        draft.write(content)
        pairs = [Addressee(Address.parse(each), Address.parse(each)) for each in recipients]
        pairs += [asked] if asked is not None else []
        plain = Envelope(Address.parse(sender) if sender else None)
        claimed = await draft.commit(envelope or plain, pairs, ARRIVED)
        results: list[Done | Retry] = [
            Retry(recipient.id, LATER, reason, tried)
            for recipient, reason in zip(claimed.recipients, reasons, strict=False)
        ]
        await opened.settle(results)
        await opened.close()
        return draft.queue_id

    (spool / str(shard)).mkdir(parents=True, exist_ok=True)
    return asyncio.run(run())


def test_an_empty_queue(command_line: CommandLine, server: Path) -> None:
    assert command_line("queue", "list").out == "Mail queue is empty\n"
    assert command_line("queue", "list", "--json").out == ""


def test_the_list_looks_like_postqueues(command_line: CommandLine, server: Path) -> None:
    first = store(
        "john@example.org",
        ["a@x.example", "b@x.example", "c@y.example"],
        reasons=["connect to x.example: refused", "connect to x.example: refused", "greylisted"],
    )
    second = store("", ["d@z.example"], shard=1, content=b"x" * 2000)
    assert command_line("queue", "list").lines == [
        "-Queue ID----  --Size-- ----Arrival Time---- -Sender/Recipient-------",
        f"{first}         24  Tue Nov 14 22:13:20 john@example.org",
        "(connect to x.example: refused)",
        "                                             a@x.example",
        "                                             b@x.example",
        "(greylisted)",
        "                                             c@y.example",
        "",
        f"{second}*      2000  Tue Nov 14 22:13:20 MAILER-DAEMON",
        "                                             d@z.example",
        "",
        "-- 2 Kbytes in 2 Requests.",
    ]


def test_the_list_as_json(command_line: CommandLine, server: Path) -> None:
    queue_id = store("john@example.org", ["a@x.example"], reasons=["greylisted"])
    other = store("", ["d@z.example"], shard=1)
    said = command_line("queue", "list", "--json").json_lines
    assert [each["queue_id"] for each in said] == [queue_id, other]
    assert said[0] == {
        "queue_id": queue_id,
        "sender": "john@example.org",
        "size": len(CONTENT),
        "arrived": ARRIVED,
        "login": None,
        "client": None,
        "held": None,
        "filter": None,
        "listener": None,
        "damage": None,
        "body": "7BIT",
        "smtputf8": False,
        "ret": None,
        "envid": None,
        "require_tls": False,
        "hold_until": None,
        "deliver_by": None,
        "by_mode": None,
        "priority": 0,
        "recipients": [
            {
                "address": "a@x.example",
                "original": "a@x.example",
                "attempts": 1,
                "next_attempt": LATER,
                "reason": "greylisted",
                "notify": None,
                "orcpt": None,
                "owed": None,
                "sender": None,
            }
        ],
    }


def test_words_of_peers_cannot_command_the_terminal(
    command_line: CommandLine, server: Path
) -> None:
    store("john@example.org", ["a@x.example"], reasons=["451 \x1b[2Jgone\nfor good"])
    assert "(451 ?[2Jgone?for good)" in command_line("queue", "list").lines


@pytest.mark.parametrize("content", [CONTENT, b"Subject: large\r\n\r\n" + b"text\r\n" * 50])
def test_a_message_is_shown(command_line: CommandLine, server: Path, content: bytes) -> None:
    queue_id = store(
        "john@example.org", ["a@x.example", "b@x.example"], reasons=["full"], content=content
    )
    ran = command_line("queue", "show", queue_id.lower(), "--content")
    envelope, _, shown = ran.out.partition("\n\n")
    assert command_line("queue", "show", queue_id).out == f"{envelope}\n"
    assert envelope.splitlines() == [
        f"queue ID:  {queue_id}",
        "sender:    <john@example.org>",
        "arrived:   Tue Nov 14 22:13:20",
        f"size:      {len(content)}",
        "recipient: a@x.example: tried 1 time (full), next at Tue Oct 02 07:06:40",
        "recipient: b@x.example: about to be tried",
    ]
    assert shown.encode().replace(b"\r\n", b"\n") == content.replace(b"\r\n", b"\n")
    assert command_line("queue", "show", queue_id, "--json").json["queue_id"] == queue_id


@pytest.mark.parametrize("content", [CONTENT, b"Subject: large\r\n\r\n" + b"text\r\n" * 50_000])
def test_header_and_body_apart(command_line: CommandLine, server: Path, content: bytes) -> None:
    queue_id = store("john@example.org", ["a@x.example"], content=content)
    header, _, body = content.decode().partition("\r\n\r\n")

    def shown(*words: str) -> str:
        return command_line("queue", "show", queue_id, *words).out

    envelope = shown()
    assert header not in envelope
    assert shown("--header") == f"{envelope}\n{header}\r\n\r\n"
    assert shown("--body") == f"{envelope}\n{body}"
    assert shown("--header", "--body") == shown("--content") == f"{envelope}\n{content.decode()}"
    assert shown("--raw") == content.decode()
    assert shown("--raw", "--header") == f"{header}\r\n\r\n"
    assert shown("--raw", "--body") == body


def test_a_content_without_a_body(command_line: CommandLine, server: Path) -> None:
    queue_id = store("john@example.org", ["a@x.example"], content=b"Subject: x\r\n")
    assert command_line("queue", "show", queue_id, "--raw").out == "Subject: x\r\n"
    assert command_line("queue", "show", queue_id, "--raw", "--header").out == "Subject: x\r\n"
    assert command_line("queue", "show", queue_id, "--raw", "--body").out == ""


def test_a_recipient_that_waits_without_an_attempt(command_line: CommandLine, server: Path) -> None:
    queue_id = store("", ["a@x.example"], reasons=["x.example is down"], tried=False)
    shown = command_line("queue", "show", queue_id).out
    assert "a@x.example: not tried (x.example is down), next at " in shown


BOB = Address("bob", "y.example")
WISHES = Envelope(
    Address("john", "example.org"),
    ret=Return.HEADERS,
    envid="QQ\x1b314159",
    require_tls=True,
    hold_until=LATER,
    deliver_by=DeliverBy(LATER + 60, ByMode.RETURN, trace=True),
    priority=-3,
)
ASKED = Addressee(BOB, BOB, Notify.SUCCESS | Notify.DELAY, "rfc822;Bob@y.example")


def test_wishes_are_listed_and_shown(command_line: CommandLine, server: Path) -> None:
    queue_id = store("john@example.org", ["a@x.example"], envelope=WISHES, asked=ASKED)
    assert command_line("queue", "list").lines == [
        "-Queue ID----  --Size-- ----Arrival Time---- -Sender/Recipient-------",
        f"{queue_id}         24  Tue Nov 14 22:13:20 john@example.org",
        "(held until Tue Oct 02 07:06:40, as its sender asked)",
        "                                             a@x.example",
        "                                             bob@y.example",
        "",
        "-- 1 Kbytes in 1 Requests.",
    ]
    envelope, _, _ = command_line("queue", "show", queue_id).out.partition("\n\n")
    assert envelope.splitlines()[4:] == [
        "ret:       HDRS",
        "envid:     QQ?314159",
        "tls:       required",
        "held until: Tue Oct 02 07:06:40",
        "deliver by: Tue Oct 02 07:07:40 (return)",
        "priority:  -3",
        "recipient: a@x.example: held",
        "recipient: bob@y.example: held",
        "           notify SUCCESS,DELAY, orcpt rfc822;Bob@y.example",
    ]


def test_wishes_as_json(command_line: CommandLine, server: Path) -> None:
    store("john@example.org", [], envelope=WISHES, asked=ASKED)
    (said,) = command_line("queue", "list", "--json").json_lines
    recipient = said.pop("recipients")[0]
    assert {name: said[name] for name in list(said)[10:]} == {
        "body": "7BIT",
        "smtputf8": False,
        "ret": "HDRS",
        "envid": "QQ\x1b314159",
        "require_tls": True,
        "hold_until": LATER,
        "deliver_by": LATER + 60,
        "by_mode": "RT",
        "priority": -3,
    }
    assert (recipient["notify"], recipient["orcpt"]) == ("SUCCESS,DELAY", "rfc822;Bob@y.example")
    assert (recipient["next_attempt"], recipient["owed"]) == (LATER, None)


def test_a_report_that_is_owed(command_line: CommandLine, server: Path) -> None:
    asked = Addressee(BOB, BOB, Notify.NEVER, owed=Action.EXPANDED)
    queue_id = store("john@example.org", ["a@x.example"], asked=asked)
    shown = command_line("queue", "show", queue_id).out
    assert "recipient: bob@y.example: to be reported as expanded\n" in shown
    (said,) = command_line("queue", "list", "--json").json_lines
    assert [each["owed"] for each in said["recipients"]] == [None, "expanded"]


def test_a_copy_under_another_name(command_line: CommandLine, server: Path) -> None:
    owner = Address("owner", "example.org")
    queue_id = store("john@example.org", ["a@x.example"], asked=Addressee(BOB, BOB, sender=owner))
    shown = command_line("queue", "show", queue_id).out
    assert "           from <owner@example.org>\n" in shown
    (said,) = command_line("queue", "list", "--json").json_lines
    assert [each["sender"] for each in said["recipients"]] == [None, "owner@example.org"]


@pytest.mark.parametrize("queue_id", ["ABCDEFGHIJ00", "nonsense", "\x1b[2J"])
def test_a_message_that_is_not_there(
    command_line: CommandLine, server: Path, queue_id: str
) -> None:
    ran = command_line("queue", "show", queue_id)
    assert ran.status == os.EX_DATAERR
    assert ran.err.startswith("postroad: there is no message ")
    assert "\x1b" not in ran.err


def waiting(command_line: CommandLine) -> dict[str, float | None]:
    """Each recipient's next attempt."""
    entries = command_line("queue", "list", "--json").json_lines
    return {each["address"]: each["next_attempt"] for one in entries for each in one["recipients"]}


def test_flush_makes_waiting_mail_due(command_line: CommandLine, server: Path) -> None:
    first = store("", ["a@x.example", "b@y.example"], reasons=["no", "no"])
    store("", ["c@x.example"], shard=1, reasons=["no"])
    assert waiting(command_line)["c@x.example"] == LATER
    ran = command_line("queue", "flush", first.lower())
    assert (ran.status, ran.out) == (0, "2 recipients will be tried now\n")
    assert waiting(command_line)["c@x.example"] == LATER
    ran = command_line("queue", "flush", "--domain", "X.example")
    assert (ran.status, ran.out) == (0, "1 recipient will be tried now\n")
    assert LATER not in waiting(command_line).values()
    ran = command_line("queue", "flush")
    assert (ran.status, ran.out) == (0, "0 recipients will be tried now\n")


def test_flush_says_what_stays_held(command_line: CommandLine, server: Path) -> None:
    store("", ["a@x.example"], reasons=["no"])
    store("john@example.org", ["b@x.example"], envelope=WISHES)
    ran = command_line("queue", "flush")
    assert ran.lines == [
        "1 recipient will be tried now",
        "1 recipient held until the time that the sender asked for",
    ]
    assert waiting(command_line)["b@x.example"] == LATER


def test_delete(command_line: CommandLine, server: Path) -> None:
    first = store("", ["a@x.example"], reasons=["no"])
    second = store("", ["b@x.example"], shard=1)
    store("", ["c@x.example"], shard=1)
    ran = command_line("queue", "delete", first.lower(), second)
    assert (ran.status, ran.out) == (0, "deleted 2 messages\n")
    assert list(waiting(command_line)) == ["c@x.example"]
    ran = command_line("queue", "delete", first)
    assert (ran.status, ran.out) == (os.EX_DATAERR, "deleted 0 messages\n")
    assert ran.err == "postroad: 1 message not in the queue\n"
    ran = command_line("queue", "delete", "--all", "--yes")
    assert (ran.status, ran.out) == (0, "deleted 1 message\n")
    assert command_line("queue", "list").out == "Mail queue is empty\n"


def test_a_long_deletion_shows_how_far_it_is(
    command_line: CommandLine, server: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [store("", ["a@x.example"], reasons=["no"]) for _ in range(3)]
    monkeypatch.setattr("postroad.admin.queue.PORTION", 2)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    ran = command_line("queue", "delete", *names)
    assert (ran.status, ran.out) == (0, "deleted 3 messages\n")
    assert ran.err == "deleted 2\rdeleted 3\r"
