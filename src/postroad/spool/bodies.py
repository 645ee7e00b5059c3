"""Large contents as files: `bodies/QUEUEID`, written as `bodies/QUEUEID.part`.

Where a message was changed after it came, it is written once more, as `bodies/QUEUEID.again.part`.

A file gets its final name only when its octets are on stable storage, and its row in the database
is committed only when the name is. So a row implies its file; a file without a row, or with
`.part`, is left from a crash and belongs to nobody. Files go after their row's deletion committed.

Knows nothing of messages: the caller says which names have a row.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from zlib import crc32

from postroad.model.durable import Durable, Operation
from postroad.spool.errors import SpoolError
from postroad.spool.quarantine import sync_directory

__all__ = ["Bodies", "Body"]

PART = ".part"
AGAIN = f".again{PART}"
VECTORS = 1024  # pieces that one system call takes (IOV_MAX)


class Body:
    """A content on its way into a file.

    Every step blocks and may be taken in any thread; a lock keeps them apart. So a content can be
    given up while one of its steps is still under way, or has yet to begin.

    Args:
        path: its final name.
        durable: the gate for its steps.
        again: whether it takes the place of another content of the same message, whose file is
            still being read: it has a name of its own then.

    Attributes:
        part: its name while it is unfinished.
        checksum: CRC-32 of the octets written so far.
    """

    def __init__(self, path: Path, durable: Durable, *, again: bool = False) -> None:
        self.part = path.with_name(path.name + (AGAIN if again else PART))
        self.checksum = 0
        self._path = path
        self._durable = durable
        self._lock = threading.Lock()
        self._descriptor: int | None = None
        self._is_named = False
        self._is_discarded = False

    def write(self, pieces: Sequence[bytes | bytearray]) -> None:
        """Append all octets of `pieces`; the first time creates the file.

        Raises:
            SpoolError: not all could be written, or the content was given up.
        """
        with self._lock:
            try:
                descriptor = self._opened()
                if pieces:
                    write = partial(_write, descriptor, pieces)
                    self._durable.perform(Operation.WRITE, self.part, write)
                    for piece in pieces:
                        self.checksum = crc32(piece, self.checksum)
            except OSError as error:
                raise SpoolError(f"{self.part}: {error.strerror}") from error

    def publish(self) -> None:
        """Bring the file under its final name, all of it on stable storage.

        Raises:
            SpoolError: a step failed; `discard` removes what there is.
        """
        perform, part, path = self._durable.perform, self.part, self._path
        with self._lock:
            try:
                descriptor = self._opened()
                perform(Operation.SYNC_FILE, part, lambda: os.fsync(descriptor))
                self._close()
                self._is_named = True  # from here on it may be
                perform(Operation.RENAME, part, lambda: part.rename(path))
                perform(Operation.SYNC_DIRECTORY, path.parent, lambda: sync_directory(path.parent))
            except OSError as error:
                raise SpoolError(f"{path}: {error.strerror}") from error

    def discard(self) -> None:
        """Remove the file under whichever name it has. What cannot go, goes at the next start."""
        with self._lock:
            self._is_discarded = True
            with contextlib.suppress(OSError):
                self._close()
            for path in (self.part, self._path):
                # Under the final name there may be the file that took this one's place.
                if (path is self.part or self._is_named) and path.exists():
                    with contextlib.suppress(OSError):
                        self._durable.perform(Operation.UNLINK, path, path.unlink)

    def _opened(self) -> int:
        if self._is_discarded:
            raise SpoolError(f"{self.part}: given up")
        if self._descriptor is None:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            self._descriptor = self._durable.perform(
                Operation.CREATE, self.part, lambda: os.open(self.part, flags, 0o600)
            )
        return self._descriptor

    def _close(self) -> None:
        if self._descriptor is not None:
            descriptor, self._descriptor = self._descriptor, None
            os.close(descriptor)


class Bodies:
    """The directory of content files of one shard.

    Args:
        directory: exists, and is ours alone.
        durable: the gate for every step.

    Attributes:
        directory: as given.
    """

    def __init__(self, directory: Path, durable: Durable) -> None:
        self.directory = directory
        self._durable = durable

    def path(self, queue_id: str) -> Path:
        """Where the content of a message is, if it is a file."""
        return self.directory / queue_id

    def create(self, queue_id: str, *, again: bool = False) -> Body:
        """A content file, not yet on disk; `again`: in the place of one that is there."""
        return Body(self.path(queue_id), self._durable, again=again)

    def size(self, queue_id: str) -> int | None:
        """Octets of a message's file; `None` when it is not there."""
        try:
            return self.path(queue_id).stat().st_size
        except FileNotFoundError:
            return None

    def remove(self, queue_id: str) -> None:
        """Delete a message's file. What cannot go, goes at the next start."""
        path = self.path(queue_id)
        with contextlib.suppress(OSError):
            self._durable.perform(Operation.UNLINK, path, path.unlink)

    def recover(
        self, is_known: Callable[[str], bool], keep: Callable[[Path], object] | None = None
    ) -> None:
        """Delete what a crash left: unfinished files, and files whose message is not stored.

        Args:
            is_known: whether a name is that of a message.
            keep: takes finished files whose message is not stored, instead: they may be all that is
                left of it.

        Raises:
            OSError: the directory cannot be read, or a file not be deleted.
        """
        with os.scandir(self.directory) as entries:
            names = [entry.name for entry in entries]
        for name in names:
            path = self.directory / name
            if not name.endswith(PART) and is_known(name):
                continue
            if keep is not None and not name.endswith(PART):
                keep(path)
            else:
                self._durable.perform(Operation.UNLINK, path, path.unlink)


def _write(descriptor: int, pieces: Sequence[bytes | bytearray]) -> None:
    """All of them, in as few calls as can be: after each the thread waits for the interpreter."""
    for start in range(0, len(pieces), VECTORS):
        rest = [memoryview(piece) for piece in pieces[start : start + VECTORS]]
        while rest:
            written = os.writev(descriptor, rest)
            while rest and written >= len(rest[0]):
                written -= len(rest.pop(0))
            if written:
                rest[0] = rest[0][written:]
