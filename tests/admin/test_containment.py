"""What workers are asked about a frozen account, over their control sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from postroad.admin.containment import (
    Contained,
    contain,
    containing_commands,
    hold_reason,
    tell_of_thaw,
)
from postroad.admin.control import ControlError, ControlServer, ask

JOHN = "john@example.org"


class Workers:
    """Three workers; of one only the socket is left, another cannot do what it is asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.thawed: list[str] = []

    async def contain(self, user: str) -> Contained:
        self.asked.append(user)
        return Contained(3, 2)

    async def fail(self, user: str) -> Contained:
        raise OSError("the disk is full")


@pytest.fixture
async def workers(tmp_path: Path) -> AsyncIterator[Workers]:
    workers = Workers()
    folder = tmp_path / "run"
    async with AsyncExitStack() as exits:
        for number, answer in enumerate((workers.contain, workers.contain, workers.fail)):
            commands = containing_commands(answer, workers.thawed.append)
            control = ControlServer(folder / f"worker-{number}.sock", commands)
            await control.start()
            exits.push_async_callback(control.close)
        yield workers


async def test_all_that_answer_are_counted(workers: Workers, tmp_path: Path) -> None:
    assert await asyncio.to_thread(contain, tmp_path, JOHN) == Contained(6, 4, 2)
    assert workers.asked == [JOHN, JOHN]


def test_where_no_server_runs_nobody_answers(tmp_path: Path) -> None:
    assert contain(tmp_path, JOHN) == Contained()


async def test_a_request_without_an_account_is_refused(workers: Workers, tmp_path: Path) -> None:
    path = tmp_path / "run" / "worker-0.sock"
    with pytest.raises(ControlError, match="user must be a string"):
        await asyncio.to_thread(ask, path, {"command": "contain", "user": 7})
    assert workers.asked == []


def test_the_reason_names_the_account() -> None:
    assert hold_reason(JOHN) == "the account john@example.org is frozen"


async def test_one_worker_tells_of_a_thaw(workers: Workers, tmp_path: Path) -> None:
    await asyncio.to_thread(tell_of_thaw, tmp_path, JOHN)
    assert workers.thawed == [JOHN]
    tell_of_thaw(tmp_path / "elsewhere", JOHN)  # where no server runs, nobody does
