"""Programs of the operator's in a session: the reply when one fails, and what is left then."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from pathlib import Path

import pytest

from postroad.filters.joined import Joined, Member
from postroad.filters.python.building import build
from postroad.filters.settings import FilterSettings, OnFailure
from postroad.intake import Board
from session_world import World, talk

ENVELOPE = ("EHLO peer.example", "MAIL FROM:<ann@example.com>", "RCPT TO:<john@example.org>")
MESSAGE = b"Subject: x\r\n\r\nbody\r\n.\r\n"
BROKEN = "451 4.3.0 Error: internal error in a filter\r\n"
TOP = """
import asyncio, sys, time, threading
from postroad.filter import Answer, Verdict, accept, defer, hold, reject
"""


def board(
    world: World,
    folder: Path,
    *texts: str,
    on_failure: OnFailure = "defer",
    timeout: float = 20,
    settings: dict[str, str] | None = None,
) -> Board:
    for at, text in enumerate(texts):
        (folder / f"{at}.py").write_text(TOP + text)
    own = FilterSettings(
        kind="python",
        folder=folder,
        on_failure=on_failure,
        timeout=timeout,
        settings=settings or {},
    )
    made = build(own, "mine", world.events.append, owners={0, os.geteuid()})
    # The frame's own time is far longer: it is the filter's that a test waits for.
    joined = Joined([Member(made.filter, replace(own, timeout=20))], world.events.append)
    return Board(filters=joined, message_size=20_000_000, header_size=100_000)


async def sent(world: World, looks: Board, message: bytes = MESSAGE) -> str:
    client, *_ = await world.connect(board=looks)
    await talk(client, *ENVELOPE, "DATA")
    reply = await client.say(message)
    await talk(client, "QUIT")
    await asyncio.gather(*world.tasks)
    return reply


FAILING = {
    "raises": ("async def on_message(m): 1 / 0", "ZeroDivisionError: division by zero"),
    "raises in a thread": ("def on_message(m): 1 / 0", "ZeroDivisionError: division by zero"),
    "exits": ("async def on_message(m): sys.exit(3)", "SystemExit: 3"),
    "exits in a thread": ("def on_message(m): sys.exit(3)", "SystemExit: 3"),
    "interrupts": ("async def on_message(m): raise KeyboardInterrupt", "KeyboardInterrupt"),
    "cancels": ("async def on_message(m): raise asyncio.CancelledError", "it cancelled itself"),
    "cancels its task": (
        "async def on_message(m):\n asyncio.current_task().cancel()\n await asyncio.sleep(0)",
        "it cancelled itself",
    ),
    "waits for what was cancelled": (
        "async def on_message(m):\n t = asyncio.ensure_future(m.octets())\n t.cancel()\n await t",
        "it cancelled itself",
    ),
    "wants all memory": ("async def on_message(m): bytearray(1 << 62)", "MemoryError"),
    "answers nonsense": ("async def on_message(m): return 'no'", "of type str: expected None"),
    "refuses without a reply": (
        "async def on_message(m): return Answer(Verdict.REJECT)",
        "ValueError: Verdict.REJECT and the reply None do not go together",
    ),
    "ends as nobody may": ("async def on_message(m): raise GeneratorExit", "GeneratorExit"),
    "has an error whose words exit": (
        "class E(Exception):\n def __str__(self): sys.exit(3)\ndef on_message(m): raise E",
        "on_message failed: E (",
    ),
    "gives points without a name": (
        "async def on_message(m): m.score(1, None)",
        "TypeError: the name of points is of type NoneType",
    ),
    "takes the message away": ("async def on_message(m): m.letter = None", "AttributeError"),
    "makes a body of a number": (
        "async def on_message(m): m.replace_body(1000)",
        "TypeError: a body of type int",
    ),
    "has endless recursion": (
        "async def on_message(m):\n def f(): return f()\n f()",
        "RecursionError",
    ),
    "has an error without words": (
        "class E(Exception):\n def __str__(self): raise self\nasync def on_message(m): raise E",
        "on_message failed: E (",
    ),
    "adds a header that is two": (
        "async def on_message(m): m.add_header('X', 'a\\r\\nBcc: b')",
        "the value for X has a line end in it",
    ),
}


@pytest.mark.parametrize("how", FAILING)
async def test_a_program_that_fails_defers(world: World, tmp_path: Path, how: str) -> None:
    text, words = FAILING[how]
    changing = text.replace("(m):", "(m):\n m.set_sender('x@example.com')\n", 1)

    assert await sent(world, board(world, tmp_path, changing)) == BROKEN

    assert [draft.ended for draft in world.spool.drafts] == ["discarded"]
    assert world.queued == []
    (line,) = [each for each in world.log if "failed, deferred" in each]
    assert words in line
    assert "0.py:" in line


@pytest.mark.parametrize(
    ("on_failure", "reply", "ended"),
    [
        ("defer", "451 4.3.0", "discarded"),
        ("reject", "550 5.5.0", "discarded"),
        ("accept", "250 2.0.0", "committed"),
        ("hold", "250 2.0.0", "committed"),
    ],
)
async def test_what_becomes_of_it_is_said_by_on_failure(
    world: World, tmp_path: Path, on_failure: OnFailure, reply: str, ended: str
) -> None:
    text = "async def on_message(m):\n m.add_header('X-Half', 'way')\n 1 / 0\n"
    after = "async def on_message(m): m.add_header('X-After', 'yes')\n"

    said = await sent(world, board(world, tmp_path, text, after, on_failure=on_failure))

    assert said.startswith(reply)
    (draft,) = world.spool.drafts
    assert draft.ended == ended
    if ended == "committed":
        (queued,) = world.queued
        content = world.spool.drafts[0].octets
        assert b"X-Half" not in content
        assert b"X-After: yes" in content
        held = queued.message.waybill.held
        assert ("ZeroDivisionError" in held) == (on_failure == "hold")


HANGING = {
    "waits": "async def on_message(m): await asyncio.Event().wait()",
    "waits whatever is said": (
        "async def on_message(m):\n"
        " while True:\n"
        "  try: await asyncio.sleep(0.02)\n"
        "  except asyncio.CancelledError: END.append(1)\n"
        "  if len(END) > 1: return\n"
        "END = []\n"
    ),
    "waits in a thread": "GO = threading.Event()\ndef on_message(m): GO.wait(0.5)",
}


@pytest.mark.parametrize("how", HANGING)
async def test_a_program_that_hangs_defers(world: World, tmp_path: Path, how: str) -> None:
    looks = board(world, tmp_path, HANGING[how], timeout=0.05)

    assert await sent(world, looks) == BROKEN

    assert [draft.ended for draft in world.spool.drafts] == ["discarded"]
    (line,) = [each for each in world.log if "failed, deferred" in each]
    assert "on_message (" in line
    assert "it gave no answer within" in line


STEPS = {
    "on_connect(s)": 0,
    "on_helo(s, n)": 1,
    "on_mail(s, a)": 2,
    "on_rcpt(s, a)": 3,
    "on_data(s)": 4,
}


ANSWERS = {
    "fails": ("1 / 0", BROKEN),
    "nonsense": ("return 5", BROKEN),
    "refuses": ("return reject('550 5.7.25 not you')", "550 5.7.25 not you\r\n"),
    "defers": ("return defer()", "451 4.7.1 Please try again later\r\n"),
}


@pytest.mark.parametrize("kind", ["def", "async def"])
@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("answer", ANSWERS)
async def test_each_step(world: World, tmp_path: Path, step: str, answer: str, kind: str) -> None:
    does, reply = ANSWERS[answer]
    looks = board(world, tmp_path, f"{kind} {step}: {does}\n")
    client, _, said = await world.connect(board=looks)
    replies = [said]
    replies += [await talk(client, line) for line in (*ENVELOPE, "DATA") if not client.closed]

    at = STEPS[step]
    if at == 0:  # a greeting is 220, 554 or 421 (RFC 5321 §4.3.2); others come at EHLO
        at, reply = (1, reply) if reply[0] == "4" else (0, f"554{reply[3:]}")
    assert replies[at] == reply
    assert all(each[0] in "23" for each in replies[:at])
    assert world.queued == []
    assert all(draft.ended == "discarded" for draft in world.spool.drafts)


async def test_everything_may_be_changed(world: World, tmp_path: Path) -> None:
    text = """
async def on_message(m):
    for name, _ in m.headers:
        m.remove_header(name)
    m.add_header("Subject", "Grüße " * 30)
    m.replace_body("a\\nb\\rc")
    m.set_sender("")
    m.remove_recipient("john@example.org")
    m.add_recipient("info@example.org")
"""
    assert (await sent(world, board(world, tmp_path, text))).startswith("250")

    (queued,) = world.queued
    content = world.spool.drafts[0].octets
    header, _, body = content.partition(b"\r\n\r\n")
    assert header.startswith(b"Received: from peer.example")
    assert header.count(b"\r\nSubject: =?utf-8?") == 1
    assert max(map(len, header.split(b"\r\n"))) < 80
    assert body == b"a\r\nb\r\nc"
    assert queued.message.envelope.sender is None
    assert [str(each.original) for each in queued.recipients] == ["info@example.org"]


async def test_a_body_that_outgrows_all_limits_is_refused(world: World, tmp_path: Path) -> None:
    text = "async def on_message(m): m.replace_body(b'x' * 30_000_000)"

    assert (await sent(world, board(world, tmp_path, text))).startswith("552 5.3.4")

    assert [draft.ended for draft in world.spool.drafts] == ["discarded"]


@pytest.mark.parametrize("kind", ["octets", "read"])
async def test_a_message_of_ten_megabytes(world: World, tmp_path: Path, kind: str) -> None:
    waits = "len(await m.octets())" if kind == "octets" else "len(m.read())"
    prefix = "async def" if kind == "octets" else "def"
    text = f"{prefix} on_message(m): m.log(f'{{{waits}}} of {{m.size}}')\n"
    line = b"0123456789" * 7 + b"\r\n"
    message = b"Subject: x\r\n\r\n" + line * (10_000_000 // len(line)) + b".\r\n"

    assert (await sent(world, board(world, tmp_path, text), message)).startswith("250")

    (told,) = [each for each in world.log if " of 1" in each]
    said, size = told.rsplit(": ", 1)[1].split(" of ")
    assert int(said) == int(size) > 9_999_000


async def test_steps_remember_and_may_excuse(world: World, tmp_path: Path) -> None:
    one = """
async def on_connect(session):
    session.memory["came"] = session.client.address
async def on_rcpt(session, recipient):
    session.memory["for"] = (session.sender, session.recipients, recipient)
    return hold("to look at")
async def on_message(message):
    message.log(f"memory {message.memory} {message.session.hello} {message.origin}")
    return accept()
"""
    never = "async def on_message(message): return reject('never asked')"

    assert (await sent(world, board(world, tmp_path, one, never))).startswith("250")

    assert any(
        "Q1: memory {'came': '192.0.2.7', 'for': ('ann@example.com', (), 'john@example.org')} "
        "peer.example outside" in each
        for each in world.log
    )
    assert world.queued[0].message.waybill.held == "mine: to look at"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("import nowhere_at_all\ndef on_data(s): ...", "ModuleNotFoundError: No module named"),
        ("def on_data(s): ...\ndef setup(s): s['url']", "cannot be run: KeyError: 'url'"),
        ("def on_data(s): ...\nraise SystemExit", "cannot be run: SystemExit"),
        ("def on_data(s: ...", "not Python"),
    ],
)
async def test_a_program_that_cannot_be_run_defers_all_mail(
    world: World, tmp_path: Path, text: str, words: str
) -> None:
    looks = board(world, tmp_path, text)

    client, *_ = await world.connect(board=looks)

    assert await talk(client, ENVELOPE[0]) == BROKEN
    assert any(words in each for each in world.log)


async def test_start_comes_before_the_first_mail_and_once(world: World, tmp_path: Path) -> None:
    text = """
GIVEN = []
def setup(settings): GIVEN.append(dict(settings))
async def start(): GIVEN.append("started")
async def on_data(session): session.log(f"given {GIVEN}")
"""
    looks = board(world, tmp_path, text, settings={"url": "x"})
    await sent(world, looks)

    assert (await sent(world, looks)).startswith("250")
    assert [each for each in world.log if "given" in each] == [
        "given [{'url': 'x'}, 'started']"
    ] * 2


HOLDING: dict[str, tuple[str, OnFailure]] = {
    "the connection": ("async def on_connect(s): return hold('suspect')", "defer"),
    "the greeting": ("async def on_helo(s, n): return hold('suspect')", "defer"),
    "an error": ("async def on_connect(s): raise KeyError('suspect')", "hold"),
}


@pytest.mark.parametrize("how", HOLDING)
async def test_a_hold_of_the_session_is_for_each_of_its_messages(
    world: World, tmp_path: Path, how: str
) -> None:
    text, on_failure = HOLDING[how]
    looks = board(world, tmp_path, text, on_failure=on_failure)
    client, *_ = await world.connect(board=looks)
    await talk(client, ENVELOPE[0], ENVELOPE[1], "RSET")
    for _ in range(2):
        await talk(client, *ENVELOPE[1:], "DATA")
        assert (await client.say(MESSAGE)).startswith("250")

    assert ["suspect" in each.message.waybill.held for each in world.queued] == [True, True]


async def test_a_stranger_adds_no_field(world: World, tmp_path: Path) -> None:
    text = "async def on_message(m): m.set_header('Subject', '[x] ' + m.header('Subject'))"
    message = b"Subject: hello\x0cAuthentication-Results : mx; dmarc=pass\r\n\r\nbody\r\n.\r\n"

    assert (await sent(world, board(world, tmp_path, text), message)).startswith("250")

    header = world.spool.drafts[0].octets.partition(b"\r\n\r\n")[0]
    assert b"\nAuthentication-Results" not in header
    assert b"Subject: [x] hello Authentication-Results" in header


async def test_a_message_for_nobody_is_refused(world: World, tmp_path: Path) -> None:
    text = "async def on_message(m):\n for r in m.recipients: m.remove_recipient(r)\n"

    said = await sent(world, board(world, tmp_path, text))

    assert said == "550 5.7.1 Message refused: nobody is left to get it\r\n"
    assert [draft.ended for draft in world.spool.drafts] == ["discarded"]


async def test_who_excuses_a_recipient_excuses_no_message(world: World, tmp_path: Path) -> None:
    one = "async def on_rcpt(s, a): return accept()"
    two = "async def on_rcpt(s, a): return reject('not asked')"
    three = "async def on_message(m): return reject('bad')"

    said = await sent(world, board(world, tmp_path, one, two, three))

    assert said == "550 5.7.1 bad\r\n"


async def test_a_client_that_is_put_off_is_so_for_the_session(world: World, tmp_path: Path) -> None:
    looks = board(world, tmp_path, "async def on_connect(s): return defer('450 4.7.1 later')")
    client, *_ = await world.connect(board=looks)

    said = [await talk(client, each) for each in (ENVELOPE[0], "HELO peer.example", ENVELOPE[1])]

    assert said[:2] == ["450 4.7.1 later\r\n"] * 2
    assert said[2][:3] in ("450", "503")
    assert (await talk(client, ENVELOPE[2])).startswith("503")
