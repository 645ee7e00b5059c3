"""A whole worker with a milter: what the client is told and what is on disk, whatever that does."""

from __future__ import annotations

import errno
import os
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from fake_milter import FakeMilter, packet, serving
from worker_world import Worker, at_work, site

LATER = (451, "4.7.1 Service unavailable - try again later")
TABLES = """\
[listeners.mx]
[filters.scan]
kind = "milter"
"""
FOUR_GIGABYTES = struct.pack("!I", 0xFFFF_FFFF) + b"c"


@asynccontextmanager
async def asking(
    milter: FakeMilter, folder: Path, on_failure: str, seconds: int = 30
) -> AsyncIterator[Worker]:
    """A worker that shows its mail to this milter, and waits so many seconds for it."""
    async with serving(milter, folder / "milter") as place:
        tables = f'{TABLES}socket = "{place}"\non_failure = "{on_failure}"\ntimeout = {seconds}\n'
        async with at_work(site(folder, tables)) as worker:
            yield worker


def failing(how: str) -> FakeMilter:
    if how == "dies":
        return FakeMilter(hangs_up_at=b"E")
    answers = {"garbage": b"HTTP/1.1 400 Bad\r\n", "huge": FOUR_GIGABYTES, "slow": None}
    return FakeMilter({b"E": answers[how]})


@pytest.mark.parametrize("how", ["dies", "garbage", "huge", "slow"])
@pytest.mark.parametrize(
    ("on_failure", "code"), [("defer", 451), ("reject", 550), ("accept", 250), ("hold", 250)]
)
async def test_one_that_fails(tmp_path: Path, how: str, on_failure: str, code: int) -> None:
    seconds = 1 if how == "slow" else 30
    async with asking(failing(how), tmp_path, on_failure, seconds) as worker:
        said = await worker.send(b"body\r\n")
        if on_failure == "accept":
            await worker.delivered()

    assert said[0] == code
    assert on_failure != "defer" or said == LATER
    assert len(worker.mail()) == (on_failure == "accept")
    held = [each for each in worker.events if "status=hold" in each.text or "hold:" in each.text]
    assert bool(held) == (on_failure == "hold")


async def test_one_that_ends_the_session(tmp_path: Path) -> None:
    milter = FakeMilter({b"E": packet(b"y421 4.7.0 Go away\0")})

    async with asking(milter, tmp_path, "defer") as worker:
        assert await worker.send(b"body\r\n") == (421, "4.7.0 Go away")

    assert (worker.mail(), worker.bodies()) == ([], [])


async def test_one_that_changes_the_sender_and_adds_a_field(tmp_path: Path) -> None:
    changes = packet(b"e<bob@example.net>\0") + packet(b"i\0\0\0\1X-Seen\0yes\0") + packet(b"c")

    async with asking(FakeMilter({b"E": changes}), tmp_path, "defer") as worker:
        code, _ = await worker.send(b"body\r\n")
        await worker.delivered()

    assert code == 250
    (octets,) = worker.mail()
    assert octets.startswith(b"Return-Path: <bob@example.net>\n")
    assert b"\nX-Seen: yes\nSubject: x\n" in octets


async def test_one_that_writes_a_large_body_anew(tmp_path: Path) -> None:
    line = b"0123456789" * 7 + b"\n"  # bare, to be mended
    part = packet(b"b" + line * 900)
    changes = part * 40 + packet(b"i\0\0\0\1X-Seen\0yes\0") + packet(b"c")

    async with asking(FakeMilter({b"E": changes}), tmp_path, "defer") as worker:
        code, _ = await worker.send(b"body\r\n")
        await worker.delivered()

    assert code == 250
    (octets,) = worker.mail()
    assert octets.partition(b"\n\n")[2] == line * 36_000
    assert worker.bodies() == []


async def test_a_new_body_for_which_the_disk_has_no_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    changes = packet(b"b" + b"x" * 500_000) + packet(b"c")

    async with asking(FakeMilter({b"E": changes}), tmp_path, "accept") as worker:
        monkeypatch.setattr(os, "pwrite", full)
        said = await worker.send(b"body\r\n")

    assert said == (452, "4.3.1 Insufficient system storage")
    assert (worker.mail(), worker.bodies()) == ([], [])
    assert any("No space left on device" in each.text for each in worker.events)
