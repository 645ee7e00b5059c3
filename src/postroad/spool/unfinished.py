"""A content that is still a draft's: what was written of it so far, to be read before it is stored.

It is in a file that was not synced and has no final name. Whoever reads it has it for as long as
the draft is neither ended nor given another content.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from postroad.spool.errors import SpoolError

__all__ = ["Unfinished"]

PIECE = 131_072  # octets in one chunk, which a thread is asked for each time


@dataclass(frozen=True, slots=True)
class Unfinished:
    """Octets of a file that is being written; implements `Content`.

    Attributes:
        path: the file.
        start: the first octet of it that belongs to this content.
        size: octets in all.
    """

    path: Path
    start: int
    size: int

    def chunks(self) -> Iterator[bytes]:
        """The octets in order. Blocks while it reads.

        Raises:
            SpoolError: they are gone, or cannot be read.
        """
        left = self.size
        try:
            with self.path.open("rb") as file:
                file.seek(self.start)
                while left:
                    piece = file.read(min(left, PIECE))
                    if not piece:
                        raise SpoolError(f"{self.path}: {left} octets are missing")
                    left -= len(piece)
                    yield piece
        except OSError as error:
            raise SpoolError(f"{self.path}: {error.strerror}") from error
