r"""The content that follows DATA: its end is found, its dot-stuffing undone (RFC 5321 §4.5.2).

It streams: of what was fed, at most four octets stay here, those that may begin the end mark.
Work is a handful of searches over each piece as a whole, never a step per line or octet.

Theory of operation. Only `CRLF . CRLF` ends the content, so the end is the first occurrence of
these five octets; the CRLF of the DATA command counts as the first one, which is why a pair that
was never received is put in front and taken off again. Whatever could be the beginning of the
mark at the end of a piece is kept for the next one. So no CRLF, and no CRLF with a dot behind it,
is ever cut in two, and the dots to drop are simply those behind a CRLF. A CR or LF outside such a
pair is a fault of the message: some servers take it for the end of a line, and text that means
an end to them and nothing to us is how messages are smuggled. The fault is told at the real end.
"""

from __future__ import annotations

from postroad.model import Reply
from postroad.smtp import replies
from postroad.smtp.settings import SessionLimits

__all__ = ["ContentReader"]

_END = b"\r\n.\r\n"
_BEGINNINGS = (b"\r\n.\r", b"\r\n.", b"\r\n", b"\r")  # of the end mark, the longest first


class ContentReader:
    """Reads the content of one message.

    Attributes:
        finished: whether the end mark was read.
        size: octets of content so far, without dot-stuffing.
        rest: once finished, what was fed behind the end mark.
    """

    __slots__ = (
        "_bare_cr",
        "_bare_lf",
        "_fresh",
        "_held",
        "_line",
        "_line_limit",
        "_long_line",
        "_size_limit",
        "finished",
        "rest",
        "size",
    )

    def __init__(self, limits: SessionLimits) -> None:
        self.finished = False
        self.size = 0
        self.rest = b""
        self._held = b"\r\n"  # the end of the DATA command itself
        self._fresh = True
        self._line = 0  # octets since the last CRLF
        self._line_limit = limits.text_line
        self._size_limit = limits.message_size
        self._bare_lf = self._bare_cr = self._long_line = False

    @property
    def fault(self) -> Reply | None:
        """Why the content must be refused. Sure once finished, however it was cut in pieces."""
        if self._bare_lf:
            return replies.BARE_LF
        if self._bare_cr:
            return replies.BARE_CR
        if self._size_limit and self.size > self._size_limit:
            return replies.TOO_BIG
        return replies.TEXT_LINE_TOO_LONG if self._long_line else None

    def feed(self, data: bytes) -> bytes:
        """Read on.

        Args:
            data: what was received; not to be called once finished.

        Returns:
            The next octets of content. Empty where nothing is sure yet or a fault was found.
        """
        text = self._cut(self._held + data).replace(b"\r\n.", b"\r\n")
        if self._fresh and text:
            text = text[2:]
            self._fresh = False
        self.size += len(text)
        self._inspect(text)
        return b"" if self.fault else text

    def _cut(self, data: bytes) -> bytes:
        end = data.find(_END)
        if end >= 0:
            self.finished = True
            self.rest = data[end + len(_END) :]
            self._held = b""
            return data[: end + 2]
        self._held = next((part for part in _BEGINNINGS if data.endswith(part)), b"")
        return data[: len(data) - len(self._held)]

    def _inspect(self, text: bytes) -> None:
        pairs = text.count(b"\r\n")
        self._bare_lf |= text.count(b"\n") != pairs
        self._bare_cr |= text.count(b"\r") != pairs
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
