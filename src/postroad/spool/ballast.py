"""A file that is thrown overboard when the disk is full, so that the queue can shrink.

What is delivered has to be written down before it can be removed, and on a disk without any room
that fails: nothing gets in, and nothing gets out. New mail stops long before (`room`), but the disk
may be filled by others. So some room is kept by a file that nobody needs. The first commit that
finds the disk full removes it and is tried again; what is removed from the queue then makes more.
The file is there again at the next start, or as soon as there is room again.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from postroad.spool.room import look

__all__ = ["SIZE", "Ballast"]

SIZE = 8_388_608
"""Octets: two thousand pages of a log, by which thousands of results of deliveries are written."""


class Ballast:
    """The file, shared by all workers on a file system; usable from any thread.

    Args:
        path: where it is.
        spare: octets that must be free beside it.
        size: how many it takes.
    """

    def __init__(self, path: Path, spare: int, size: int = SIZE) -> None:
        self._path = path
        self._spare = spare
        self._size = size

    def lay(self) -> None:
        """Make it, where there is room; where there is none, deliveries have to find their own."""
        with contextlib.suppress(OSError):
            if self._path.exists() and self._path.stat().st_size == self._size:
                return
            if look(self._path.parent).octets >= self._spare + self._size:
                self._allocate()

    @property
    def wanted(self) -> int:
        """Octets that have to be free before mail may use the disk: some, while it is overboard."""
        return 0 if self._path.exists() else self._size * 3 // 2

    def drop(self) -> bool:
        """Throw it overboard; whether there was any."""
        try:
            self._path.unlink()
        except OSError:
            return False
        return True

    def _allocate(self) -> None:
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
        descriptor = os.open(self._path, flags, 0o600)
        try:
            os.posix_fallocate(descriptor, 0, self._size)
        except OSError:
            self.drop()
            raise
        finally:
            os.close(descriptor)
