"""Costly steps, one in each turn of the event loop.

A step of a TLS handshake takes most of a millisecond of the processor. When fifty clients come at
once, the loop would do fifty before it looks at anybody else; in turns, every other session is
looked at between two of them.
"""

from __future__ import annotations

import asyncio
from collections import deque

__all__ = ["Turns"]


class Turns:
    """A queue for the one step of each turn."""

    __slots__ = ("_loop", "_taken", "_waiting")

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._taken = False
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def mine(self) -> None:
        """Wait until the step of this turn is ours; it is to follow at once."""
        loop = asyncio.get_running_loop()
        if self._loop is not loop:  # the one before was left as it was
            self._loop, self._taken = loop, False
            self._waiting.clear()
        if not self._taken:
            self._taken = True
            loop.call_soon(self._next, loop)
            return
        turn = loop.create_future()
        self._waiting.append(turn)
        await turn

    def _next(self, loop: asyncio.AbstractEventLoop) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():  # who gave up needs none
                turn.set_result(None)
                loop.call_soon(self._next, loop)
                return
        self._taken = False
