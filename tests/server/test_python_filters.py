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
from postroad.filter import Answer, accept, defer, hold, reject
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
    "answers with a wrong code": (
        "async def on_message(m): return reject('250 fine')",
        "ValueError: 250 is no code of this answer",
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

    assert replies[STEPS[step]] == reply
    assert all(each[0] in "23" for each in replies[: STEPS[step]])
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

    _, _, said = await world.connect(board=looks)

    assert said == BROKEN
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
