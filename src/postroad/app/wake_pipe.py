"""The pipe by which programs say that they left something in the drop.

What is written to it means nothing but «look». It is open for both directions, so that it has no
end when a writer goes.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

__all__ = ["WakePipe"]

_TAKEN = 65_536
"""Octets that are taken from it at once: all that a pipe of Linux holds (pipe(7))."""


class WakePipe:
    """Belongs to an event loop, which watches it.

    Args:
        woken: called when somebody wrote.
    """

    def __init__(self, woken: Callable[[], None]) -> None:
        self._woken = woken
        self._pipe = -1

    def open(self, path: Path) -> None:
        """Watch a pipe.

        Raises:
            OSError: it cannot be opened.
        """
        self._pipe = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW)
        asyncio.get_running_loop().add_reader(self._pipe, self._read)

    def close(self) -> None:
        """Watch it no more; does nothing if it is not open."""
        if self._pipe >= 0:
            asyncio.get_running_loop().remove_reader(self._pipe)
            os.close(self._pipe)
            self._pipe = -1

    def _read(self) -> None:
        try:
            os.read(self._pipe, _TAKEN)
        except BlockingIOError:
            return
        self._woken()
