"""`postroad queue hold`, `release` and `delete`, over real shards and without a server."""

from __future__ import annotations

import asyncio
import io
import os
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from command_line import CommandLine
from postroad.cli.main import run
from postroad.config import load
from postroad.model import Address, Addressee, Envelope, Waybill
from postroad.spool import Retry, Shard, SpoolSettings

ARRIVED = 1_700_000_000.0
LATER = 4_000_000_000.0
BOB = Address("bob", "x.example")


def store(
    sender: str,
    login: str = "",
    *,
    shard: int = 0,
    held: str = "",
    tried: int = 0,
    others: Sequence[str] = (),
) -> str:
    """A message in the queue; its ID."""
    spool = load(Path("postroad.toml")).spool_directory

    async def run() -> str:
        opened = await Shard.open(spool / str(shard), shard, SpoolSettings(), lambda: ARRIVED)
        draft = opened.begin()
        draft.write(b"Subject: hello\r\n\r\ntext\r\n")
        envelope = Envelope(Address.parse(sender) if sender else None)
        waybill = Waybill(login, "192.0.2.7" if login else "", held)
        recipients = [BOB, *map(Address.parse, others)]
        pairs = [Addressee(each, each) for each in recipients]
        claimed = await draft.commit(envelope, pairs, ARRIVED, waybill)
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
    return [
        each["queue_id"] for each in command_line("queue", "list", "--held", "--json").json_lines
    ]


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
    would = command_line("queue", "hold", *named, "--dry-run", "-v")
    assert would.lines == [*names, f"would hold {len(names)} {noun}"]
    would = command_line("queue", "hold", *named, "--dry-run")
    assert would.lines == [f"would hold {len(names)} {noun}"]
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
    assert ran.json == told("hold", 1, unchanged=2)
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
    needed = "say which by options, or say --all"
    assert ran.err == f"postroad: name the messages to {command}, {needed}\n"


def test_a_sender_that_is_none(command_line: CommandLine, server: Path) -> None:
    ran = command_line("queue", "hold", "--sender", "john")
    assert (ran.status, ran.err) == (os.EX_DATAERR, "postroad: john: an address needs an @\n")


def test_the_reason_is_listed(command_line: CommandLine, mail: list[str]) -> None:
    assert command_line("queue", "hold", mail[1], "--why", " \x1b[2J ").status == 0
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
    (said,) = command_line("queue", "list", "--held", "--json").json_lines
    assert (said["held"], said["login"], said["client"], said["filter"]) == (
        "?[2J",
        "john@example.org",
        "192.0.2.7",
        None,
    )
    assert command_line("queue", "hold", mail[0], "--why", " ").status == os.EX_USAGE


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
    assert command_line("queue", "list", "--login", "x", "--json").json_lines == []


def test_a_flush_says_what_is_on_hold(command_line: CommandLine, mail: list[str]) -> None:
    command_line("queue", "hold", mail[1])
    assert command_line("queue", "flush", "--dry-run").out == "would flush 2 messages\n"
    assert command_line("queue", "flush").lines == [
        "0 recipients will be tried now",
        "1 recipient on hold: postroad queue release",
    ]


def told(command: str, count: int, **others: object) -> dict[str, object]:
    """What a change tells a program."""
    rest = {"unchanged": 0, "recipients": 0, "busy": 0, "waiting": 0, "on_hold": 0, "failures": []}
    return {"command": command, "dry_run": False, "count": count, **rest, **others}


@pytest.mark.parametrize(
    ("words", "left"),
    [
        (["--login", "john@example.org"], [2]),
        (["--sender", "<>"], [0, 1]),
        (["--all", "--yes"], []),
    ],
    ids=str,
)
def test_delete(
    command_line: CommandLine, mail: list[str], words: list[str], left: list[int]
) -> None:
    would = command_line("queue", "delete", *words, "--dry-run", "--json").json
    assert would["queue_ids"] == [each for each in mail if mail.index(each) not in left]
    gone = len(mail) - len(left)
    said = command_line("queue", "delete", *words, "--json").json
    assert said == told("delete", gone, recipients=gone)
    still = [each["queue_id"] for each in command_line("queue", "list", "--json").json_lines]
    assert still == [mail[at] for at in left]


@pytest.mark.parametrize(("command", "verb"), [("delete", "deleted"), ("bounce", "returned")])
def test_the_whole_queue_goes_only_on_a_second_word(
    command_line: CommandLine, mail: list[str], command: str, verb: str
) -> None:
    ran = command_line("queue", command, "--all")
    words = f"postroad: to {command} the whole queue, say --yes as well (3 messages)\n"
    assert (ran.status, ran.err) == (os.EX_USAGE, words)
    assert len(command_line("queue", "list", "--json").lines) == 3
    assert command_line("queue", command, "--all", "--yes").lines[0] == f"{verb} 3 messages"


@pytest.mark.parametrize(
    "words",
    [
        ["--sender", "*"],
        ["--recipient", "*@*"],
        ["--domain", "**.*"],
        ["--client", "*", "--login", "*"],
    ],
    ids=str,
)
def test_stars_alone_are_the_whole_queue(
    command_line: CommandLine, mail: list[str], words: list[str]
) -> None:
    ran = command_line("queue", "delete", *words)
    assert ran.status == os.EX_USAGE
    assert "to delete the whole queue, say --yes as well" in ran.err
    assert len(command_line("queue", "list", "--json").lines) == 3


@pytest.mark.parametrize(("answer", "left"), [("y\n", 0), ("n\n", 3), ("\n", 3)])
def test_on_a_terminal_it_is_asked(
    command_line: CommandLine,
    mail: list[str],
    monkeypatch: pytest.MonkeyPatch,
    answer: str,
    left: int,
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr("sys.stdin", Terminal(answer))
    status = run(["queue", "delete", "--all"])
    assert status == (os.EX_OK if not left else os.EX_USAGE)
    assert len(command_line("queue", "list", "--json").lines) == left


MEANT = [
    (["--recipient", "BOB@x.example"], [0, 1, 2]),
    (["--recipient", "*@x.example"], [0, 1, 2]),
    (["--recipient", "alice@x.example"], []),
    (["--domain", "X.example"], [0, 1, 2]),
    (["--domain", "*.example"], [0, 1, 2]),
    (["--domain", "example"], []),
    (["--sender", "*@example.org"], [0, 1]),
    (["--sender", "j?hn@example.org"], []),
    (["--user", "john@*"], [0, 1]),
    (["--client", "192.0.2.7"], [0, 1]),
    (["--client", "192.0.2.*"], [0, 1]),
    (["--client", "2001:db8::1"], []),
    (["--older", "1d"], [0, 1, 2]),
    (["--younger", "1d"], []),
    (["--older", "1d", "--younger", "3650d"], [0, 1, 2]),
    (["--larger", "23"], [0, 1, 2]),
    (["--larger", "24"], []),
    (["--larger", "1k"], []),
    (["--status", "deferred"], [1]),
    (["--status", "active"], [0, 2]),
    (["--status", "held"], []),
    (["--status", "waiting"], []),
    (["--status", "damaged"], []),
    (["--reason", "451 X"], [1]),
    (["--reason", "452"], []),
    (["--domain", "x.example", "--reason", "451", "--user", "john@example.org"], [1]),
]


def test_what_is_meant(command_line: CommandLine, mail: list[str]) -> None:
    """The same in a listing, in a count, and in a dry run."""
    for words, meant in MEANT:
        names = [mail[at] for at in meant]
        listed = command_line("queue", "list", *words, "--json").json_lines
        assert [each["queue_id"] for each in listed] == names, words
        would = command_line("queue", "delete", *words, "--dry-run", "--json").json
        assert would["queue_ids"] == names, words
        counted = command_line("queue", "count", *words, "--json").json
        assert counted["total"] == len(names), words


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (["--domain", "*.example", "--reason", "451"], [1]),
        (["--status", "active", "--sender", "*@example.org"], [0]),
    ],
    ids=str,
)
def test_what_is_meant_is_what_is_done(
    command_line: CommandLine, mail: list[str], words: list[str], meant: list[int]
) -> None:
    names = [mail[at] for at in meant]
    assert command_line("queue", "delete", *words, "--json").json["count"] == len(names)
    left = command_line("queue", "list", "--json").json_lines
    assert [each["queue_id"] for each in left] == [each for each in mail if each not in names]


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["--older", "soon"], "soon: a duration is a number of seconds or text such as"),
        (["--larger", "big"], "big: a size is a number of octets"),
        (["--larger", "-1"], "-1: a size is a number of octets"),
        (["--client", "mail.example.net"], "mail.example.net: not an IP address, nor one with *"),
        (["--recipient", "bob"], "bob: an address needs an @"),
        (["--sender", "*a*b*c*d*e"], "more than 4 wildcards in one word: *a*b*c*d*e"),
    ],
    ids=str,
)
def test_words_that_mean_nothing(
    command_line: CommandLine, server: Path, words: list[str], error: str
) -> None:
    ran = command_line("queue", "delete", *words)
    assert ran.status in {os.EX_DATAERR, os.EX_USAGE}
    assert ran.err.startswith(f"postroad: {error}")


def test_of_several_recipients_only_those_that_are_meant(
    command_line: CommandLine, server: Path
) -> None:
    name = store("john@example.org", others=["ann@dead.example", "eve@dead.example"])
    ran = command_line("queue", "delete", "--domain", "dead.example")
    assert ran.out == "deleted 2 recipients of 1 message\n"
    (left,) = command_line("queue", "list", "--json").json_lines
    assert (left["queue_id"], [each["address"] for each in left["recipients"]]) == (
        name,
        ["bob@x.example"],
    )


def test_requeue(command_line: CommandLine, mail: list[str]) -> None:
    command_line("queue", "hold", mail[2])
    ran = command_line("queue", "requeue", "--all")
    assert ran.lines == ["requeued 3 messages"]
    first, second, third = command_line("queue", "list", "--json").json_lines
    for each in (first, second):
        (recipient,) = each["recipients"]
        assert (recipient["attempts"], recipient["reason"]) == (0, None)
        assert recipient["next_attempt"] > ARRIVED
    assert third["held"] == "by an operator"
    ran = command_line("queue", "requeue", mail[0], "ABCDEFGHIJ00")
    assert (ran.status, ran.out) == (os.EX_DATAERR, "requeued 1 message\n")


@pytest.mark.parametrize(
    ("why", "reply"),
    [
        ([], "550 5.7.1 returned by the operator of this server"),
        (["--why", "nobody reads this"], "550 5.7.1 nobody reads this"),
        (["--why", "5.1.1 no such user"], "550 5.1.1 no such user"),
        (["--why", "5.1.1"], "550 5.1.1 returned by the operator of this server"),
        (["--why", "4.1.1 x\ny"], "550 5.7.1 4.1.1 x?y"),
        (["--why", "550 5.0.0 x"], "550 5.0.0 x"),
    ],
    ids=str,
)
def test_bounce_without_a_server(
    command_line: CommandLine, mail: list[str], why: list[str], reply: str
) -> None:
    """It is written down what is owed to the senders; the queue does the rest."""
    command_line("queue", "hold", mail[1])
    ran = command_line("queue", "bounce", *mail[:2], *why)
    assert ran.lines == ["returned 2 messages", "the reports are sent when the server is started"]
    first, second, third = command_line("queue", "list", "--json").json_lines
    for each in (first, second):
        (recipient,) = each["recipients"]
        assert (recipient["owed"], recipient["reason"]) == ("failed", reply)
        assert (each["held"], recipient["next_attempt"] is None) == (None, False)
    assert third["recipients"][0]["owed"] is None


def test_a_shard_that_cannot_be_used_keeps_nobody_from_the_others(
    command_line: CommandLine, mail: list[str]
) -> None:
    spool = load(Path("postroad.toml")).spool_directory
    (spool / "7").mkdir()
    (spool / "7" / "spool.db").mkdir()
    ran = command_line("queue", "requeue", mail[0], "--json")
    assert ran.status == os.EX_UNAVAILABLE
    assert (ran.json["count"], len(ran.json["failures"])) == (1, 1)
    assert ran.json["failures"][0]["place"].endswith("/spool/7")
    assert ran.err.startswith("postroad: not everywhere: ")
