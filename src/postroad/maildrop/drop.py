"""Leaving a message in the drop: the side of the program that sends.

Theory of operation. The message is written to a file of a hidden name, which nobody picks up. When
it is complete it is synced and renamed, and synced once more: the sync of a file also makes its
latest name durable on the file systems in use (ext4, XFS, btrfs), and the folder itself cannot be
opened by those who may only write to it. After that the caller may be told that the message is
taken. Whoever is killed before leaves a hidden file, which the server removes after a day.
"""

from __future__ import annotations

import os
import stat

from postroad.maildrop import slip as slips
from postroad.maildrop.folder import NEW, WAKE
from postroad.maildrop.slip import Slip

__all__ = ["HIDDEN", "Writing", "wake"]

HIDDEN = "."
"""How the name of a file begins that is still being written."""

_NAME_OCTETS = 16  # that nobody guesses

_WAY = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class Writing:
    """A message on its way into the drop. Exactly one of `finish` and `discard` ends it."""

    __slots__ = ("_descriptor", "_folder", "_name", "_size", "_slip")

    def __init__(self, folder: str, slip: Slip) -> None:
        """Begin.

        Args:
            folder: the drop's.
            slip: the envelope.

        Raises:
            OSError: the drop cannot be written to.
            SlipError: the envelope cannot be written.
        """
        self._folder = os.path.join(folder, NEW)
        self._name = os.urandom(_NAME_OCTETS).hex()
        self._slip = slip
        self._size = 0
        first = slips.write(slip, self._name)
        shared = os.stat(self._folder).st_mode & stat.S_ISGID
        self._descriptor = os.open(self._hidden, _WAY, 0o600)
        try:
            os.fchmod(self._descriptor, 0o640 if shared else 0o644)
            self._write(first)
        except BaseException:
            self.discard()
            raise

    def write(self, chunk: bytes) -> None:
        """Append octets of the content, lines ended by LF.

        Raises:
            OSError: they cannot be written.
        """
        self._write(chunk)
        self._size += len(chunk)

    def finish(self) -> None:
        """Make the message durable, and have it picked up.

        Raises:
            OSError: it is not; `discard` is still to be called.
        """
        descriptor = self._descriptor
        os.lseek(descriptor, 0, os.SEEK_SET)
        self._write(slips.write(self._slip, self._name, self._size))
        os.fsync(descriptor)
        final = os.path.join(self._folder, self._name)
        os.rename(self._hidden, final)
        try:
            os.fsync(descriptor)
        except OSError:
            os.unlink(final)  # nobody was told that it is taken
            raise
        os.close(descriptor)
        self._descriptor = -1
        wake(os.path.dirname(self._folder))

    def discard(self) -> None:
        """Give the message up. Harmless after `finish`."""
        if self._descriptor < 0:
            return
        os.close(self._descriptor)
        self._descriptor = -1
        if os.path.lexists(self._hidden):
            os.unlink(self._hidden)

    @property
    def _hidden(self) -> str:
        return os.path.join(self._folder, HIDDEN + self._name)

    def _write(self, octets: bytes) -> None:
        left = memoryview(octets)
        while left:
            left = left[os.write(self._descriptor, left) :]


def wake(folder: str) -> None:
    """Tell the server that there is something. One that does not run will look when it starts."""
    try:
        pipe = os.open(os.path.join(folder, WAKE), os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return
    try:
        if stat.S_ISFIFO(os.fstat(pipe).st_mode):
            os.write(pipe, b"\n")
    except OSError:
        pass  # it has been told often enough
    finally:
        os.close(pipe)
