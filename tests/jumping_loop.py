"""An event loop whose clock stands still while anybody is at work, and then jumps to what is due.

A test marked `jumps` runs on it. A time limit ends there once everybody waits, and never before:
however long it is, the test takes no time, and on a busy machine nobody is called late who is at
work. Other processes are not seen at work: a test that waits for one does not belong here.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from typing import Any

import pytest

__all__ = ["JumpingLoop"]

_QUIET = 0.05
"""Seconds of the real clock that the kernel has to hand on what one of our sockets sent another."""
_PATIENCE = 60.0
"""Seconds of the real clock that a thread may take; only a broken test waits so long."""


@pytest.hookimpl(tryfirst=True)
def pytest_asyncio_loop_factories(
    item: pytest.Item,
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]] | None:
    return {"jumping": JumpingLoop} if item.get_closest_marker("jumps") else None


class JumpingLoop(asyncio.SelectorEventLoop):
    """See the module."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.threads = 0  # those that work for the loop
        super().__init__(_Waiting(self))

    def time(self) -> float:
        return self.now

    def run_in_executor(
        self, executor: Executor | None, func: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        future = super().run_in_executor(executor, func, *args)
        self.threads += 1
        future.add_done_callback(self._worked)
        return future

    def _worked(self, _: object) -> None:
        self.threads -= 1


class _Waiting(selectors.DefaultSelector):
    """What the loop waits with: for its sockets, or until the first timer is due."""

    def __init__(self, loop: JumpingLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None or timeout <= 0:
            return super().select(timeout)
        happened = super().select(_PATIENCE if self._loop.threads else _QUIET)
        if not happened:
            self._loop.now += timeout
        return happened
