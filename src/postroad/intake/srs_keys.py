"""The keys that rewritten addresses are signed with: a small file that all workers share.

One key a line, `TIME HEX`, the newest first; TIME is when it was made, in seconds since the epoch.
The newest signs, all of them read. A key is replaced when it is old enough, by whichever worker
finds that out first, and is forgotten when nothing that it signed is good any more. A worker looks
at the file's identity each time it needs a key and reads it when that has changed: an address may
come back to a worker that was running before the key was made that signed it.

The file is made whole under another name, synced, and renamed; a lock beside it lets one process at
a time replace it. It must not know what the keys are for.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from postroad.limits.whole_file import locked, write_whole

__all__ = ["DatedKey", "KeysUnavailable", "SrsKeys"]

KEY_SIZE = 32  # octets, as the digest has
LONGEST = 65_536  # octets of the file: hundreds of keys, where there are two or three
DAY = 86_400  # seconds

NO_KEY = bytes(KEY_SIZE)
"""For those who only say what would be."""


_Seen = tuple[tuple[int, int] | None, list[tuple[float, bytes]]]
"""What the file looked like, and the keys in it with the times they were made."""


class KeysUnavailable(Exception):
    """The file cannot be read or made; the text is for the log."""


@dataclass(frozen=True, slots=True)
class DatedKey:
    """A key, as it may be shown.

    Attributes:
        identity: tells keys apart and gives nothing away: the beginning of its SHA-256.
        made: seconds since the epoch.
        good_until: likewise; `None` for the one that signs now.
    """

    identity: str
    made: float
    good_until: float | None


class SrsKeys:
    """Keys in a file."""

    def __init__(
        self,
        path: Path,
        *,
        lifetime: float,
        overlap: float,
        clock: Callable[[], float],
        is_read_only: bool = False,
    ) -> None:
        """Nothing is opened yet.

        Args:
            path: the file.
            lifetime: seconds after which a key is replaced; 0: never.
            overlap: seconds for which a replaced key is still good.
            clock: seconds since the epoch.
            is_read_only: whether no key may be made; where one is needed and there is none,
                `NO_KEY` is given, which reads nothing.
        """
        self._is_read_only = is_read_only
        self._path = path
        self._lifetime = lifetime
        self._overlap = overlap + DAY  # days are counted whole
        self._clock = clock
        # One value: a thread that replaces a key may read the file at the same time.
        self._seen: _Seen = (None, [])

    def newest(self) -> bytes:
        """The key to sign with; made, or replaced, where that is due.

        Raises:
            KeysUnavailable: there is none to be had.
        """
        self._refresh()
        if self._is_read_only:
            return self._keys[0][1] if self._keys else NO_KEY
        if not self._keys or self._is_old(self._keys[0][0]):
            self.rotate(only_if_due=True)
        return self._keys[0][1]

    async def current(self) -> bytes:
        """As `newest`, from an event loop: locks and disks are waited for in a thread.

        Raises:
            KeysUnavailable: there is none to be had.
        """
        self._refresh()
        if not self._is_read_only and (not self._keys or self._is_old(self._keys[0][0])):
            await asyncio.to_thread(self.rotate, only_if_due=True)
        return self.newest()

    def all(self) -> list[bytes]:
        """The keys that are good, the newest first; none where there is no file.

        Raises:
            KeysUnavailable: the file cannot be read.
        """
        self._refresh()
        return [key for _, key in self._keys]

    def dated(self) -> list[DatedKey]:
        """The keys that are in the file, the newest first.

        Raises:
            KeysUnavailable: the file cannot be read.
        """
        self._refresh()
        found: list[DatedKey] = []
        replaced: float | None = None
        for made, key in self._keys:
            end = None if replaced is None else replaced + self._overlap
            found.append(DatedKey(hashlib.sha256(key).hexdigest()[:8], made, end))
            replaced = made
        return found

    def rotate(self, *, only_if_due: bool = False) -> None:
        """Have a new key sign from now on; the others stay good for their time.

        Args:
            only_if_due: leave it where another process was quicker.

        Raises:
            KeysUnavailable: the file cannot be written.
        """
        try:
            with locked(self._path.with_suffix(".lock"), is_given_away=True):
                self._refresh()
                if only_if_due and self._keys and not self._is_old(self._keys[0][0]):
                    return
                keys = [(self._clock(), secrets.token_bytes(KEY_SIZE)), *self._kept()]
                lines = [f"{made:.0f} {key.hex()}\n".encode("ascii") for made, key in keys]
                write_whole(self._path, lines, is_given_away=True)
                self._refresh()
        except OSError as error:
            raise KeysUnavailable(f"{self._path}: {error.strerror or error}") from error

    @property
    def _keys(self) -> list[tuple[float, bytes]]:
        return self._seen[1]

    def _is_old(self, made: float) -> bool:
        return self._lifetime > 0 and self._clock() >= made + self._lifetime

    def _kept(self) -> Iterator[tuple[float, bytes]]:
        """Those that may have signed something that is still good: a key signs up to its successor.

        So each is good for the overlap after the next one was made; the newest is replaced now.
        """
        replaced = self._clock()
        for made, key in self._keys:
            if replaced + self._overlap >= self._clock():
                yield made, key
            replaced = made

    def _refresh(self) -> None:
        """Read the file if it is another one than the last time."""
        try:
            found = self._path.stat()
            identity = (found.st_ino, found.st_mtime_ns)
            if identity == self._seen[0]:
                return
            with self._path.open("rb") as file:
                octets = file.read(LONGEST)
        except FileNotFoundError:
            self._seen = (None, [])
            return
        except OSError as error:
            raise KeysUnavailable(f"{self._path}: {error.strerror or error}") from error
        self._seen = (identity, self._parsed(octets))

    def _parsed(self, octets: bytes) -> list[tuple[float, bytes]]:
        keys = []
        for number, line in enumerate(octets.splitlines(), 1):
            try:
                made, text = line.decode("ascii").split()
                keys.append((float(made), bytes.fromhex(text)))
            except ValueError:
                raise KeysUnavailable(f"{self._path}:{number}: no key") from None
        return keys
