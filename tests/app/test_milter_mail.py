"""A whole worker with a milter: what the client is told and what is on disk, whatever that does."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from app.test_filtered_mail import JOHN, Worker
from fake_milter import FakeMilter, packet, serving
from postroad.app.parts import Parts
from postroad.app.running import Running
from postroad.config import load
from postroad.directory import CHEAP, DirectoryEditor
from postroad.limits.counters import CounterMemory
from postroad.net.selfsigned import write_self_signed

LATER = (451, "4.7.1 Service unavailable - try again later")
TEXT = """\
hostname = "mail.example.org"
domains = ["example.org"]
state_directory = "state"
[listeners.mx]
[filters.scan]
kind = "milter"
timeout = 1
"""
FOUR_GIGABYTES = struct.pack("!I", 0xFFFF_FFFF) + b"c"


@asynccontextmanager
async def at_work(milter: FakeMilter, folder: Path, on_failure: str) -> AsyncIterator[Worker]:
    tls = folder / "state" / "tls"
    write_self_signed(("localhost",), tls / "certificate.pem", tls / "key.pem")
    accounts = folder / "state" / "directory.db"
    with DirectoryEditor.open(accounts, domains=("example.org",), profile=CHEAP) as editor:
        editor.add_user(JOHN, "summersun")
    file = folder / "postroad.toml"
    async with serving(milter, folder / "milter") as place:
        file.write_text(f'{TEXT}socket = "{place}"\non_failure = "{on_failure}"\n')
        configuration = load(file, examine_files=False)
        worker = Worker(configuration)
        parts = Parts(
            Running(configuration, lambda: configuration),
            CounterMemory(1),
            worker.note,
            lambda: None,
        )
        listening = socket.create_server(("127.0.0.1", 0))
        tasks: list[asyncio.Task[None]] = []
        try:
            await parts.open(0, [0])
            tasks += [asyncio.create_task(runner.run()) for runner in parts.runners]
            await parts.server.listen("mx", listening)
            worker.port = listening.getsockname()[1]
            yield worker
        finally:
            await parts.server.drain(10.0)
            for runner in parts.runners:
                await runner.drain(10.0)
            await asyncio.gather(*tasks)
            await parts.close()


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
    async with at_work(failing(how), tmp_path, on_failure) as worker:
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

    async with at_work(milter, tmp_path, "defer") as worker:
        assert await worker.send(b"body\r\n") == (421, "4.7.0 Go away")

    assert (worker.mail(), worker.bodies()) == ([], [])


async def test_one_that_changes_the_sender_and_adds_a_field(tmp_path: Path) -> None:
    changes = packet(b"e<bob@example.net>\0") + packet(b"i\0\0\0\1X-Seen\0yes\0") + packet(b"c")

    async with at_work(FakeMilter({b"E": changes}), tmp_path, "defer") as worker:
        code, _ = await worker.send(b"body\r\n")
        await worker.delivered()

    assert code == 250
    (octets,) = worker.mail()
    assert octets.startswith(b"Return-Path: <bob@example.net>\n")
    assert b"\nX-Seen: yes\nSubject: x\n" in octets
