"""Services that fail in every way: what the client hears, and what is left on disk."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from fake_scanner import FakeScanner, serving
from postroad.filters.clamav import scanner as clamav
from postroad.filters.joined import Joined, Member
from postroad.filters.rspamd import scanner as rspamd
from postroad.filters.settings import FilterKind, FilterSettings, OnFailure
from postroad.filters.spamassassin import scanner as spamassassin
from postroad.filters.stages import Filter
from postroad.intake import Board
from session_world import World, talk

ENVELOPE = ("EHLO peer.example", "MAIL FROM:<ann@example.com>", "RCPT TO:<john@example.org>")
MESSAGE = b"Subject: x\r\n\r\nbody\r\n.\r\n"
LATER = "451 4.7.1 Service unavailable - try again later"

_BUILD: dict[str, Callable[[FilterSettings, str], Filter]] = {
    "spamassassin": spamassassin.build,
    "rspamd": rspamd.build,
    "clamav": clamav.build,
}
KINDS: tuple[FilterKind, ...] = ("spamassassin", "rspamd", "clamav")
END = {"spamassassin": b"body\r\n", "rspamd": b"body\r\n", "clamav": b"\0\0\0\0"}


def http(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body


def settings_of(kind: FilterKind, path: Path, **more: object) -> FilterSettings:
    place = {"url": f"unix:{path}"} if kind == "rspamd" else {"socket": f"unix:{path}"}
    return FilterSettings(kind=kind, **place, **more)  # type: ignore[arg-type]


async def outcome(world: World, settings: FilterSettings) -> str:
    """What the client hears at the end of its message."""
    filter_ = _BUILD[settings.kind](settings, "scan")
    joined = Joined([Member(filter_, settings)], world.events.append)
    client, _, _ = await world.connect(board=Board(filters=joined))
    await talk(client, *ENVELOPE, "DATA")
    said = await client.say(MESSAGE)
    await talk(client, "QUIT")
    return said.strip()


@pytest.fixture
def world() -> World:
    return World()


WHOLE = {
    "spamassassin": b"SPAMD/1.1 0 EX_OK\r\nContent-length: 2\r\nSpam: False ; 1.2 / 5.0\r\n\r\nAB",
    "rspamd": http(b'{"action": "no action", "score": 1.2, "symbols": {"AB": {"score": 1.2}}}'),
    "clamav": b"stream: OK\0",
}
FAILURES = [
    ("spamassassin", b"", "the connection ended without an answer"),
    ("spamassassin", b"220 hello\r\n", "nonsense"),
    ("spamassassin", b"SPAMD/1.1 75 EX_TEMPFAIL\r\n\r\n", "it says EX_TEMPFAIL"),
    ("spamassassin", WHOLE["spamassassin"][:30], "an answer without a score"),
    ("spamassassin", WHOLE["spamassassin"][:-1], "the answer ended in the middle"),
    ("spamassassin", b"x" * 70_000, "its answer is larger than 65536 octets"),
    ("spamassassin", b"SPAMD/1.1 0 EX_OK\r\nSpam: True ; nan / 5\r\n\r\n", "without a score"),
    ("spamassassin", b"SPAMD/1.1 " + b"9" * 5000 + b" EX_OK\r\n\r\n", "nonsense"),
    ("rspamd", b"", "no whole HTTP answer: Server disconnected"),
    ("rspamd", b"220 hello\r\n\r\n", "no whole HTTP answer: illegal status line"),
    ("rspamd", b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n", "it answered with 500"),
    ("rspamd", http(b"<html>"), "something else than JSON"),
    ("rspamd", http(b"[1]"), "something else than a verdict"),
    ("rspamd", http(b'{"error": "no\\nroom"}'), "without a score: no room"),
    ("rspamd", http(b'{"score": NaN, "action": "reject"}'), "without a score"),
    ("rspamd", WHOLE["rspamd"][:-1], "peer closed connection"),
    ("rspamd", http(b" " * 1_100_000), "larger than 1048576 octets"),
    ("clamav", b"", "the connection ended without an answer"),
    ("clamav", b"hello\r\n", "it says hello"),
    ("clamav", b"stream: Eicar FOU", "it says stream: Eicar FOU"),
    ("clamav", b"INSTREAM size limit exceeded. ERROR\0", "it says INSTREAM size limit"),
    ("clamav", b"x" * 5000, "its answer is larger than 4096 octets"),
]


@pytest.mark.parametrize(("kind", "answer", "words"), FAILURES)
async def test_an_answer_that_is_none(
    world: World, tmp_path: Path, kind: FilterKind, answer: bytes, words: str
) -> None:
    path = tmp_path / "socket"
    async with serving(path, FakeScanner(answer, END[kind])):
        assert await outcome(world, settings_of(kind, path)) == LATER

    assert any("scan=failed, deferred (" in line and words in line for line in world.log)
    assert [draft.ended for draft in world.spool.drafts] == ["discarded"]
    assert world.queued == []


@pytest.mark.parametrize("kind", KINDS)
async def test_nobody_is_there(world: World, tmp_path: Path, kind: FilterKind) -> None:
    assert await outcome(world, settings_of(kind, tmp_path / "socket")) == LATER

    (line,) = [each for each in world.log if "scan=failed" in each]
    assert line.endswith("socket: No such file or directory)")
    assert [draft.ended for draft in world.spool.drafts] == ["discarded"]


@pytest.mark.parametrize("kind", KINDS)
async def test_it_is_too_slow(world: World, tmp_path: Path, kind: FilterKind) -> None:
    path = tmp_path / "socket"
    async with serving(path, FakeScanner(end=END[kind], hangs=True)):
        assert await outcome(world, settings_of(kind, path, timeout=0.05)) == LATER

    (line,) = [each for each in world.log if "scan=failed" in each]
    assert line.endswith("scan=failed, deferred (it gave no answer within 0.05 s)")
    assert line.startswith("warning: ")
    assert [draft.ended for draft in world.spool.drafts] == ["discarded"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("on_failure", "reply", "ended"),
    [
        ("defer", LATER, "discarded"),
        ("reject", "550 5.5.0 Service unavailable", "discarded"),
        ("accept", "250 2.0.0 Ok: queued as Q1", "committed"),
        ("hold", "250 2.0.0 Ok: queued as Q1", "committed"),
    ],
)
async def test_what_the_setting_says(
    world: World, tmp_path: Path, *, kind: FilterKind, on_failure: OnFailure, reply: str, ended: str
) -> None:
    path = tmp_path / "socket"
    async with serving(path, FakeScanner(b"nonsense\r\n\r\n", END[kind])):
        assert await outcome(world, settings_of(kind, path, on_failure=on_failure)) == reply

    assert [draft.ended for draft in world.spool.drafts] == [ended]


async def test_an_answer_that_a_message_makes_too_large_lets_it_not_pass(
    world: World, tmp_path: Path
) -> None:
    path = tmp_path / "socket"
    links = json.dumps({"action": "reject", "score": 99.0, "urls": ["x" * 200] * 10_000})
    async with serving(path, FakeScanner(http(links.encode()), END["rspamd"])):
        assert await outcome(world, settings_of("rspamd", path, on_failure="accept")) == LATER

    assert [draft.ended for draft in world.spool.drafts] == ["discarded"]


@pytest.mark.parametrize("kind", KINDS)
async def test_a_whole_answer(world: World, tmp_path: Path, kind: FilterKind) -> None:
    path = tmp_path / "socket"
    scanner = FakeScanner(WHOLE[kind], END[kind])
    async with serving(path, scanner):
        assert await outcome(world, settings_of(kind, path)) == "250 2.0.0 Ok: queued as Q1"

    (question,) = scanner.questions
    assert b"Subject: x\r\n" in question
    assert b"\r\n\r\n" in question
    assert [draft.ended for draft in world.spool.drafts] == ["committed"]


@pytest.mark.parametrize(
    ("action", "reply", "log"),
    [
        ("discard", "550 5.7.1 Message rejected as spam (score 4.0)", "scan=4.0/5.0"),
        ("quarantine", "250 2.0.0 Ok: queued as Q1", "hold: scan: it asks for quarantine"),
        ("accept", "250 2.0.0 Ok: queued as Q1", "scan=4.0/5.0"),
        ("burn\r\nit", "250 2.0.0 Ok: queued as Q1", "an action that is not known: burn  it"),
    ],
)
async def test_actions_of_rspamd_that_are_seldom(
    world: World, tmp_path: Path, action: str, reply: str, log: str
) -> None:
    path = tmp_path / "socket"
    answer = http(json.dumps({"action": action, "score": 4.0}).encode())
    async with serving(path, FakeScanner(answer, END["rspamd"])):
        assert await outcome(world, settings_of("rspamd", path)) == reply

    assert any(log in line for line in world.log)
    (draft,) = world.spool.drafts
    assert draft.ended == ("discarded" if reply.startswith("550") else "committed")
    assert (b"X-Spam-Flag: YES" in draft.octets) is (action in ("quarantine", "burn\r\nit"))
