"""A large content that belongs to no message yet, in a file without a name.

A filter may write a message's body anew while the old one is still being read. Where it is large it
is put here, beside the contents of messages, so that memory holds whatever many filters do at once;
it asks for room on the disks as it grows, as new mail does. Nothing of it is durable, and nothing
is left of it after a crash, nor when nobody has it any more: the file has no name, and goes with
the last who refers to it. It is closed in a thread, as it is then that the disk gets its room back.

That the last one is gone may be found out anywhere: by the collector, while the executor holds its
lock to take other work. Whoever asked it for a thread there would wait for himself for ever. So the
loop is told, which takes no lock, and asks for the thread in its next turn.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import weakref
from collections.abc import Iterator
from concurrent.futures import Executor
from pathlib import Path

from postroad.model import Content
from postroad.spool.bodies import PART
from postroad.spool.errors import SpoolError
from postroad.spool.room import Room

__all__ = ["Aside"]

PIECE = 131_072  # octets in one chunk, which a thread is asked for each time


class Aside:
    """One, as it grows. Lives on the loop it was made on."""

    __slots__ = ("_directory", "_executor", "_file", "_room", "_size")

    def __init__(self, directory: Path, executor: Executor, room: Room | None = None) -> None:
        """Nothing is written yet, and there is no file.

        Args:
            directory: where it is to be; a content file of a shard has its place there.
            executor: whose threads take the steps.
            room: who knows how full the disks are; `None`: nobody is asked.
        """
        self._room = room
        self._directory = directory
        self._executor = executor
        self._file: _File | None = None
        self._size = 0

    async def write(self, octets: bytes | bytearray) -> None:
        """Append octets; who stops to wait must not write any more.

        Args:
            octets: they are not changed while this waits.

        Raises:
            SpoolError: they cannot be written, or would take what is to stay free.
        """
        if self._room is not None:
            if not self._room.has(len(octets)):
                raise SpoolError("the disks have no room for what a filter writes")
            self._room.promise(len(octets))
        loop = asyncio.get_running_loop()
        try:
            work = loop.run_in_executor(self._executor, self._write, octets, loop)
        except RuntimeError:
            raise SpoolError("spool: closed") from None
        try:
            await asyncio.shield(work)
        finally:
            del work  # it has the failure, which has this frame: the file is to go without them

    def content(self) -> Content:
        """All that was written. It can be read for as long as somebody has it."""
        assert self._file is not None, "nothing was written"
        return _Nameless(self._file, self._size)

    def _write(self, octets: bytes | bytearray, loop: asyncio.AbstractEventLoop) -> None:
        try:
            if self._file is None:
                self._file = _File(self._directory, self._executor, loop)
            rest = memoryview(octets)
            while rest:
                written = os.pwrite(self._file.descriptor, rest, self._size)
                self._size += written
                rest = rest[written:]
        except OSError as error:
            raise SpoolError(f"{self._directory}: {error.strerror}") from error


class _File:
    """An open file without a name, which is closed when nobody refers to it."""

    __slots__ = ("__weakref__", "descriptor")

    def __init__(
        self, directory: Path, executor: Executor, loop: asyncio.AbstractEventLoop
    ) -> None:
        # Where the file system has only files with names, it has one for a moment; if the process
        # ends then, recovery finds it by that.
        with tempfile.TemporaryFile(buffering=0, dir=directory, suffix=PART) as file:
            self.descriptor = os.dup(file.fileno())
        weakref.finalize(self, _let_go, loop, executor, self.descriptor)


class _Nameless:
    """Implements `Content`."""

    __slots__ = ("_file", "size")

    def __init__(self, file: _File, size: int) -> None:
        self._file = file
        self.size = size

    def chunks(self) -> Iterator[bytes]:
        """The octets in order. Blocks while it reads.

        Raises:
            SpoolError: they cannot be read.
        """
        at = 0
        while at < self.size:
            try:
                piece = os.pread(self._file.descriptor, min(PIECE, self.size - at), at)
            except OSError as error:
                raise SpoolError(f"what was put aside cannot be read: {error.strerror}") from error
            if not piece:
                raise SpoolError(f"{self.size - at} octets of what was put aside are missing")
            at += len(piece)
            yield piece


def _let_go(loop: asyncio.AbstractEventLoop, executor: Executor, descriptor: int) -> None:
    """Called in whatever thread, between any two steps of it: it must take no lock."""
    try:
        loop.call_soon_threadsafe(_close, executor, descriptor)
    except RuntimeError:  # the loop is closed
        os.close(descriptor)


def _close(executor: Executor, descriptor: int) -> None:
    try:
        executor.submit(os.close, descriptor)
    except RuntimeError:  # the shard is closed, and nothing else is left for the loop to do
        os.close(descriptor)
