r"""The content that follows DATA: its end is found, its dot-stuffing undone (RFC 5321 §4.5.2).

It streams: of what was fed, at most four octets stay here, those that may begin the end mark.

Theory of operation. Only `CRLF . CRLF` ends the content, so the end is the first occurrence of
these five octets; the CRLF of the DATA command counts as the first one, which is why a pair that
was never received is put in front and taken off again. Whatever could be the beginning of the
mark at the end of a piece is kept for the next one. So no CRLF, and no CRLF with a dot behind it,
is ever cut in two, and the dots to drop are simply those behind a CRLF. What is wrong with the
text is told at the real end.
"""

from __future__ import annotations

from postroad.model import Reply
from postroad.smtp.events import BodyChunk, EndOfData
from postroad.smtp.inspection import Inspection
from postroad.smtp.lines import LineBuffer
from postroad.smtp.settings import SessionLimits

__all__ = ["ContentReader"]

_END = b"\r\n.\r\n"
_BEGINNINGS = (b"\r\n.\r", b"\r\n.", b"\r\n", b"\r")  # of the end mark, the longest first


class ContentReader:
    """Reads the content of one message.

    Attributes:
        finished: whether the end mark was read.
        rest: once finished, what was fed behind the end mark.
    """

    __slots__ = ("_fresh", "_held", "_inspection", "finished", "rest")

    def __init__(self, limits: SessionLimits) -> None:
        self.finished = False
        self.rest = b""
        self._held = b"\r\n"  # the end of the DATA command itself
        self._fresh = True
        self._inspection = Inspection(limits)

    @property
    def size(self) -> int:
        """Octets of content so far, without dot-stuffing."""
        return self._inspection.size

    @property
    def fault(self) -> Reply | None:
        """Why the content must be refused. Sure once finished, however it was cut in pieces."""
        return self._inspection.fault

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
        inspection = self._inspection
        inspection.see(text)
        return b"" if inspection.fault else text

    def read(self, lines: LineBuffer) -> BodyChunk | EndOfData | None:
        """The next of the content, or its end; `None` where more has to be received first."""
        while not self.finished:
            if not lines.pending:
                return None
            text = self.feed(lines.take_all())
            if self.rest:
                lines.append(self.rest)
            if text:
                return BodyChunk(text)
        return EndOfData(self.size, self.fault)

    def _cut(self, data: bytes) -> bytes:
        end = data.find(_END)
        if end >= 0:
            self.finished = True
            self.rest = data[end + len(_END) :]
            self._held = b""
            return data[: end + 2]
        self._held = next((part for part in _BEGINNINGS if data.endswith(part)), b"")
        return data[: len(data) - len(self._held)]
