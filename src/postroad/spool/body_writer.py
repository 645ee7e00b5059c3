"""A large content on its way into its file, written in threads while the loop goes on.

A disk that is busy writing back may hold up any step of a file for seconds: creating it, writing
to it, removing it. None of them is taken on the loop. Octets gather until they make a piece, and
a piece is in the thread while the next one gathers. Whoever brings the octets is asked to wait
where a piece is under way, and so no more than a piece and what was brought last is in memory.

A failure has nobody to tell while a thread finds it: the next call raises it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from functools import partial
from pathlib import Path

from postroad.model import Content
from postroad.spool.bodies import Body
from postroad.spool.errors import SpoolError
from postroad.spool.pieces import Pieces, keep

__all__ = ["BodyWriter"]

PIECE = 131_072  # octets: handing them to a thread costs little beside writing them


class BodyWriter:
    """Writes one body. Lives on the loop it was made on.

    Args:
        body: where the octets go.
        executor: whose threads take the steps.
    """

    def __init__(self, body: Body, executor: Executor) -> None:
        self._body = body
        self._executor = executor
        self._pieces: Pieces = []
        self._size = 0
        self._writing: asyncio.Task[None] | None = None
        self._error: Exception | None = None

    def write(self, octets: bytes) -> Awaitable[None] | None:
        """Append `octets`.

        Returns:
            What to wait for before more is written, so that memory holds; it raises nothing.
            `None`: nothing.

        Raises:
            SpoolError: something written earlier could not be stored.
        """
        if self._error is not None:
            raise self._error
        keep(self._pieces, octets)
        self._size += len(octets)
        if self._size < PIECE:
            return None
        if self._writing is None:
            self._writing = asyncio.get_running_loop().create_task(self._write())
        return asyncio.shield(self._writing)

    async def settle(self) -> Path:
        """Have all octets in the file, so that they can be read there; nothing is synced.

        Raises:
            SpoolError: they cannot be written.
        """
        await self._finish_writing()
        pieces, self._pieces, self._size = self._pieces, [], 0
        await self._in_thread(partial(self._body.write, pieces))
        return self._body.part

    async def copy(self, head: bytes, content: Content) -> None:
        """Write `head` and another content, as the first octets of this one.

        Raises:
            SpoolError: they cannot be written, or the content not be read.
        """
        await self._in_thread(partial(self._copy, head, content))

    async def publish(self) -> int:
        """Bring everything to stable storage, under the body's final name.

        Returns:
            The checksum of all octets.

        Raises:
            SpoolError: it cannot be stored; `discard` removes what there is.
        """
        await self._finish_writing()
        await self._in_thread(self._finish)
        return self._body.checksum

    def discard(self) -> None:
        """Remove the file, whatever is still being done to it."""
        self._pieces.clear()
        self._size = 0
        try:
            self._executor.submit(self._body.discard)
        except RuntimeError:  # the shard is closed, and nothing else is left for the loop to do
            self._body.discard()

    async def _write(self) -> None:
        """Write until less than a piece waits."""
        try:
            while self._size >= PIECE:
                pieces, self._pieces, self._size = self._pieces, [], 0
                await self._in_thread(partial(self._body.write, pieces))
        except Exception as error:  # noqa: BLE001 - the next call raises it
            self._error = error
        except BaseException:
            self._error = SpoolError("spool: interrupted while a content was written")
            raise
        finally:
            self._writing = None

    async def _finish_writing(self) -> None:
        while self._writing is not None:
            await asyncio.shield(self._writing)
        if self._error is not None:
            raise self._error

    def _copy(self, head: bytes, content: Content) -> None:
        pieces, size = [head], len(head)
        for piece in content.chunks():
            pieces.append(piece)
            size += len(piece)
            if size >= PIECE:
                self._body.write(pieces)
                pieces, size = [], 0
        self._body.write(pieces)

    def _finish(self) -> None:
        self._body.write(self._pieces)
        self._body.publish()

    async def _in_thread(self, step: Callable[[], None]) -> None:
        """Take a step that goes on even if whoever waits for it is cancelled."""
        try:
            work = asyncio.get_running_loop().run_in_executor(self._executor, step)
        except RuntimeError:
            raise SpoolError("spool: closed") from None
        await asyncio.shield(work)
