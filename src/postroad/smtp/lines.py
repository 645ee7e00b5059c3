"""Received octets, given out as lines that end in CRLF, or as they are.

The buffer never holds more than one line's limit and what the session fed last. A line over its
limit is dropped as it comes, up to its CRLF. Only CRLF ends a line (RFC 5321 §2.3.8): a lone LF
or CR is reported, never taken for an end, because another server on the way may have read it
otherwise.
"""

from __future__ import annotations

from enum import Enum

__all__ = ["LineBuffer", "LineFault"]


class LineFault(Enum):
    """Why a line cannot be used."""

    TOO_LONG = "line too long"
    BARE_LF = "bare <LF>"
    BARE_CR = "bare <CR>"


class LineBuffer:
    """What was received and not yet used."""

    __slots__ = ("_at", "_data", "_dropping")

    def __init__(self) -> None:
        self._data = b""
        self._at = 0
        self._dropping = False

    @property
    def pending(self) -> int:
        """Octets not yet used."""
        return len(self._data) - self._at

    @property
    def is_empty(self) -> bool:
        """Whether everything was used."""
        return self._at >= len(self._data)

    def append(self, data: bytes) -> None:
        """Add octets behind those not yet used."""
        if self._at >= len(self._data):
            self._data = data
        else:
            self._data = self._data[self._at :] + data
        self._at = 0

    def starts_with(self, head: bytes) -> bool:
        """Whether the line at hand begins so; `head` is in capitals, case does not matter."""
        if self._dropping:
            return False
        return self._data[self._at : self._at + len(head)].upper() == head

    def take_line(self, limit: int) -> bytes | LineFault | None:
        """The next line without its CRLF; `None` while it is incomplete.

        Args:
            limit: the most octets it may have, CRLF included.
        """
        start = self._at
        end = self._data.find(b"\n", start)
        if end < 0:
            self._bound(limit)
            return None
        self._at = end + 1
        if end == start or self._data[end - 1] != 0x0D:
            self._dropping = False
            return LineFault.BARE_LF
        if self._dropping or end + 1 - start > limit:
            self._dropping = False
            return LineFault.TOO_LONG
        line = self._data[start : end - 1]
        return LineFault.BARE_CR if b"\r" in line else line

    def _bound(self, limit: int) -> None:
        """Drop what came of a line that is too long already."""
        if not self._dropping and self.pending <= limit:
            return
        self._dropping = True
        # The CR that is kept tells the CRLF at the end from a bare LF.
        self._data = b"\r" if self._data.endswith(b"\r") else b""
        self._at = 0

    def take(self, count: int) -> bytes:
        """The next octets, whatever they are: at most so many."""
        data = self._data[self._at : self._at + count]
        self._at += len(data)
        return data

    def take_all(self) -> bytes:
        """Everything not yet used, whatever it is."""
        data = self._data[self._at :]
        self.clear()
        return data

    def clear(self) -> None:
        """Forget everything."""
        self._data = b""
        self._at = 0
        self._dropping = False
