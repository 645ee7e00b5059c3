r"""What makes content unfit to be taken, found while it streams by.

A CR or LF outside of a CRLF pair is a fault of the message (RFC 5321 §2.3.8): some servers take it
for the end of a line, and text that means an end to them and nothing to us is how messages are
smuggled. A lone dot that NULs hide is another such text (`hidden_end`). Whatever is taken here can
be sent on by DATA: `stuffing` refuses nothing of it. Work is a handful of searches over each piece
as a whole, never a step per line or octet.
"""

from __future__ import annotations

from postroad.model import Reply
from postroad.smtp import replies
from postroad.smtp.hidden_end import HiddenEndSearch
from postroad.smtp.line_ends import are_paired
from postroad.smtp.settings import SessionLimits

__all__ = ["Inspection"]


class Inspection:
    """Sees the text of one message go by.

    Attributes:
        size: octets so far.
    """

    __slots__ = (
        "_bare_cr",
        "_bare_lf",
        "_hidden_end",
        "_line",
        "_line_limit",
        "_long_line",
        "_size_limit",
        "size",
    )

    def __init__(self, limits: SessionLimits) -> None:
        self.size = 0
        self._line = 0  # octets since the last CRLF
        self._line_limit = limits.text_line
        self._size_limit = limits.message_size
        self._bare_lf = self._bare_cr = self._long_line = False
        self._hidden_end = HiddenEndSearch()

    @property
    def fault(self) -> Reply | None:
        """Why the content must be refused. Sure at its end, however it was cut in pieces."""
        if self._bare_lf:
            return replies.BARE_LF
        if self._bare_cr:
            return replies.BARE_CR
        if self._hidden_end.found:
            return replies.HIDDEN_END
        if self._size_limit and self.size > self._size_limit:
            return replies.TOO_BIG
        return replies.TEXT_LINE_TOO_LONG if self._long_line else None

    def see(self, text: bytes) -> None:
        """Look at the next octets; no CRLF may be cut in two."""
        self.size += len(text)
        if not are_paired(text):
            pairs = text.count(b"\r\n")
            self._bare_lf |= text.count(b"\n") != pairs
            self._bare_cr |= text.count(b"\r") != pairs
        self._hidden_end.see(text)
        if self._line_limit:
            self._measure(text)

    def _measure(self, text: bytes) -> None:
        """Find a line over its limit by leaping from CRLF to CRLF as far as the limit allows."""
        start = -self._line
        while len(text) - start > self._line_limit:
            last = text.rfind(b"\r\n", max(start, 0), max(start + self._line_limit, 0))
            if last < 0:
                self._long_line = True
                break
            start = last + 2
        newest = text.rfind(b"\r\n", max(start, 0))
        self._line = len(text) - (newest + 2 if newest >= 0 else start)
