"""SQLite's write-ahead log, read without SQLite: is its inside broken, and what can be saved?

Theory of operation. A log is a header and frames; a frame is one page of the database, and one that
ends a transaction says how many pages there are then. Each frame's checksum continues that of the
frame before it, so SQLite takes the log to end at the first that does not fit. It cannot tell a
power cut in the middle of the last transaction from a bit that turned in the middle of a log full
of acknowledged ones, and drops both without a word.

They can be told apart. A transaction is begun only when the sync of the one before it has returned.
So if a frame ends a transaction, and the one behind it continues its checksum, everything up to
there was on stable storage once. A break before such a place is damage. Frames of a transaction
that failed may lie behind the end as well, but no later one continues them: it began where they
began.

What is behind a break can be used, for each frame holds the checksum that the next one continues.

The format is that of https://www.sqlite.org/fileformat2.html#walformat.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

__all__ = ["PAGE", "apply_log", "is_broken_inside"]

PAGE = 4096  # octets of a page in every spool
HEADER = struct.Struct(">8I")
FRAME = struct.Struct(">6I")
BIG_ENDIAN = 0x377F0683  # of the checksums; the other magic number says little-endian
STEP = FRAME.size + PAGE
WORD = 0xFFFF_FFFF

Pair = tuple[int, int]


@dataclass(frozen=True, slots=True)
class _Frame:
    """The head of a frame.

    Attributes:
        page: the page it is.
        pages: of the whole database after it; 0 within a transaction.
        salts: the mark of the round of the log that it is of.
        sums: the checksum up to and with it.
    """

    page: int
    pages: int
    salts: Pair
    sums: Pair


class _Log:
    """An open log.

    Attributes:
        frames: all of them; those of an earlier round last.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        octets = file.read(HEADER.size)
        words = HEADER.unpack(octets) if len(octets) == HEADER.size else (0,) * 8
        self._order = ">" if words[0] == BIG_ENDIAN else "<"
        self.frames = self._heads()
        self._first: Pair | None = None
        self._salts = self.frames[0].salts if self.frames else (0, 0)
        if words[2] == PAGE and self._sum((0, 0), octets[:24]) == words[6:]:
            self._first = (words[6], words[7])
            self._salts = (words[4], words[5])

    def is_sound(self, number: int) -> bool:
        """Whether a frame is of this round and is what was written behind the one before it."""
        frame = self.frames[number]
        before = self.frames[number - 1].sums if number else self._first
        if before is None or not self.is_present(number) or not frame.page:
            return False
        octets = self.page(number)
        head = struct.pack(">2I", frame.page, frame.pages)
        return len(octets) == PAGE and self._sum(self._sum(before, head), octets) == frame.sums

    def is_present(self, number: int) -> bool:
        """Whether a frame is of this round, by its mark."""
        return self.frames[number].salts == self._salts

    def page(self, number: int) -> bytes:
        """The page in a frame."""
        self._file.seek(HEADER.size + number * STEP + FRAME.size)
        return self._file.read(PAGE)

    def _heads(self) -> list[_Frame]:
        found: list[_Frame] = []
        while True:
            self._file.seek(HEADER.size + len(found) * STEP)
            octets = self._file.read(FRAME.size)
            if len(octets) < FRAME.size:
                return found
            page, pages, *rest = FRAME.unpack(octets)
            found.append(_Frame(page, pages, (rest[0], rest[1]), (rest[2], rest[3])))

    def _sum(self, start: Pair, octets: bytes) -> Pair:
        one, two = start
        words = iter(struct.unpack(f"{self._order}{len(octets) // 4}I", octets))
        for first, second in zip(words, words, strict=True):
            one = (one + first + two) & WORD
            two = (two + second + one) & WORD
        return one, two


def is_broken_inside(path: Path, taken: int) -> bool:
    """Whether SQLite leaves out what was once on stable storage.

    Args:
        path: the log; need not be there.
        taken: how many frames SQLite takes for sound.

    Raises:
        OSError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return _last_durable(_Log(file), taken) > taken
    except FileNotFoundError:
        return False


def apply_log(path: Path, image: BinaryIO) -> None:
    """Write what the log holds into a copy of the database, in place of SQLite.

    Pages whose frames are broken stay as an earlier frame, or the database, has them.

    Args:
        path: the log; need not be there.
        image: the copy, open to read and write.

    Raises:
        OSError: it cannot be read or written.
    """
    try:
        with path.open("rb") as file:
            log = _Log(file)
            _apply(log, _sound(log, _last_durable(log, _sound(log, 0))), image)
    except FileNotFoundError:
        return


def _apply(log: _Log, end: int, image: BinaryIO) -> None:
    pending: dict[int, int] = {}
    for number in range(end):
        if not log.is_sound(number):
            continue
        frame = log.frames[number]
        pending[frame.page] = number
        if not frame.pages:
            continue
        for page, source in pending.items():
            image.seek((page - 1) * PAGE)
            image.write(log.page(source))
        pending.clear()
        image.truncate(frame.pages * PAGE)


def _sound(log: _Log, start: int) -> int:
    """Where the transactions end that go on without a break from frame `start` on."""
    end = start
    for number in range(start, len(log.frames)):
        if not log.is_sound(number):
            break
        if log.frames[number].pages:
            end = number + 1
    return end


def _last_durable(log: _Log, taken: int) -> int:
    """The number of frames up to the last that ends a transaction and is continued."""
    for number in range(len(log.frames) - 2, taken - 1, -1):
        if log.frames[number].pages and log.is_present(number) and log.is_sound(number + 1):
            return number + 1
    return taken
