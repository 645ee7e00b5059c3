r"""The content that comes in chunks of announced size (RFC 3030 §2), and chunks nobody wants.

Nothing in a chunk is a command, whatever it looks like: `CRLF . CRLF` in it is text. What is
stored afterwards still has lines that end in CRLF and in nothing else, because a next hop may get
it by DATA. So what is a fault behind DATA is one here (a bare CR or LF, a lone dot that NULs hide),
and a last line without its end gets one. Only BODY=BINARYMIME is kept octet for octet (RFC 3030
§3): no next hop gets it by DATA.

It streams: of what was fed, at most one octet stays here, a CR whose LF may still come, even with
the next chunk.
"""

from __future__ import annotations

from dataclasses import dataclass

from postroad.model import Reply
from postroad.smtp.events import BodyChunk, EndOfData
from postroad.smtp.inspection import Inspection
from postroad.smtp.lines import LineBuffer
from postroad.smtp.settings import SessionLimits

__all__ = ["Chunk", "ChunkEnd", "ChunkedContent", "UnwantedChunk"]


@dataclass(frozen=True, slots=True)
class Chunk:
    """BDAT (RFC 3030 §2): so many octets of content follow, whatever the answer.

    Attributes:
        size: octets.
        last: whether they are the last of the message.
    """

    size: int
    last: bool


@dataclass(frozen=True, slots=True)
class ChunkEnd:
    """All octets of a chunk were read, and the content goes on behind it or is lost.

    Attributes:
        chunk: what was announced.
        refusal: why it is not taken, if it is not.
        known: whether that is the session's own refusal.
    """

    chunk: Chunk
    refusal: Reply | None
    known: bool = False


class ChunkedContent:
    """Reads the content of one message.

    Attributes:
        announced: octets of all chunks so far, as their commands said.
        chunk: the chunk at hand.
        left: octets of it that were not fed yet.
    """

    __slots__ = ("_held", "_inspection", "_open_line", "_size", "announced", "chunk", "left")

    def __init__(self, limits: SessionLimits, *, binary: bool) -> None:
        """Content of which nothing came yet.

        Args:
            limits: the session's bounds.
            binary: whether it is octets, not lines.
        """
        self.announced = 0
        self.chunk = Chunk(0, last=False)
        self.left = 0
        self._inspection = None if binary else Inspection(limits)
        self._size = 0
        self._held = b""
        self._open_line = False

    @property
    def size(self) -> int:
        """Octets of content so far."""
        return self._size

    @property
    def fault(self) -> Reply | None:
        """Why the content must be refused. Sure at the end of a chunk, however that was cut."""
        return None if self._inspection is None else self._inspection.fault

    def begin(self, chunk: Chunk) -> None:
        """The next chunk was announced, and taken."""
        self.announced += chunk.size
        self.chunk = chunk
        self.left = chunk.size

    def feed(self, data: bytes) -> bytes:
        """Read on.

        Args:
            data: no more than is left of the chunk.

        Returns:
            The next octets of content. Empty where nothing is sure yet or a fault was found.
        """
        self.left -= len(data)
        if self._inspection is None:
            self._size += len(data)
            return data
        text = self._held + data
        self._held = b"\r" if text.endswith(b"\r") else b""
        return self._pass(text[:-1] if self._held else text)

    def read(self, lines: LineBuffer) -> BodyChunk | EndOfData | ChunkEnd | None:
        """The next of the content, or its end; `None` where more has to be received first."""
        while self.left:
            octets = lines.take(self.left)
            if not octets:
                return None
            text = self.feed(octets)
            if text:
                return BodyChunk(text)
        if not self.chunk.last:
            return ChunkEnd(self.chunk, self.fault)
        rest = self.complete()
        return BodyChunk(rest) if rest else EndOfData(self.size, self.fault)

    def complete(self) -> bytes:
        """The last chunk was read: what the content lacks at its end; empty the second time."""
        if self._inspection is None:
            return b""
        text, self._held = self._held, b""  # a CR that is alone now, and a fault
        return self._pass(text + b"\r\n" if text or self._open_line else b"")

    def _pass(self, text: bytes) -> bytes:
        if not text or self._inspection is None:
            return b""
        self._open_line = not text.endswith(b"\r\n")
        self._size += len(text)
        self._inspection.see(text)
        return b"" if self._inspection.fault else text


class UnwantedChunk:
    """A chunk whose octets are read and dropped before its refusal is told (RFC 3030 §2)."""

    __slots__ = ("_end", "_left")

    def __init__(self, chunk: Chunk, refusal: Reply, *, known: bool) -> None:
        """A chunk of which nothing came yet; see `ChunkEnd`."""
        self._end = ChunkEnd(chunk, refusal, known)
        self._left = chunk.size

    def read(self, lines: LineBuffer) -> ChunkEnd | None:
        """Drop what there is of it: its end; `None` where more has to be received first."""
        while self._left:
            octets = lines.take(self._left)
            if not octets:
                return None
            self._left -= len(octets)
        return self._end
