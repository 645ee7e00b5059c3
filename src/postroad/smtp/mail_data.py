"""The mail data of a session (RFC 5321 §2.3.9): lines behind DATA, or chunks behind BDAT.

One reader at a time has the octets that come. Content by chunks outlives each of them, and what
all of them announced is counted here, against the limit. A chunk that nobody wants has a reader
too, as its octets follow whatever the answer (RFC 3030 §2). Which command may come, and what is
answered, is the core's.
"""

from __future__ import annotations

from postroad.model import Reply
from postroad.smtp import replies
from postroad.smtp.chunks import Chunk, ChunkedContent, UnwantedChunk
from postroad.smtp.content import ContentReader
from postroad.smtp.settings import SessionLimits

__all__ = ["UNWANTED_OCTETS", "MailData", "Reader"]

UNWANTED_OCTETS = 67_108_864
"""Octets over the size limit of a message that a refused chunk may have and is still read: a
client that pipelines learns of the refusal late. One that announces more is cut off."""

Reader = ContentReader | ChunkedContent | UnwantedChunk


class MailData:
    """What comes of content, one transaction after the other.

    Attributes:
        reader: reads what comes next; `None` where that is a command. The core drops it at the end.
        first: the first chunk of a transaction, while the session is asked about it.
    """

    __slots__ = ("_chunks", "_limits", "first", "reader")

    def __init__(self, limits: SessionLimits) -> None:
        """Of a session with these bounds."""
        self._limits = limits
        self._chunks: ChunkedContent | None = None  # of this transaction, between chunks too
        self.reader: Reader | None = None
        self.first: Chunk | None = None

    @property
    def verb(self) -> str:
        """The command by which the content of this transaction comes."""
        return "DATA" if self._chunks is None else "BDAT"

    def begin_lines(self) -> None:
        """The content comes in lines, from here on (RFC 5321 §4.1.1.4)."""
        self.reader = ContentReader(self._limits)

    def excess(self, chunk: Chunk) -> Reply | None:
        """The refusal of a chunk that makes the message too large."""
        announced = chunk.size + (0 if self._chunks is None else self._chunks.announced)
        limit = self._limits.message_size
        return replies.CHUNK_TOO_BIG if limit and announced > limit else None

    def takes_next(self, chunk: Chunk) -> bool:
        """Read a chunk behind others of its message.

        Returns:
            False for the first one, which waits for `begin_chunks` or `skip`.
        """
        if self._chunks is None:
            self.first = chunk
            return False
        self._begin(self._chunks, chunk)
        return True

    def begin_chunks(self, *, binary: bool) -> None:
        """The first chunk is wanted: read it.

        Args:
            binary: whether the content is octets, not lines (RFC 3030 §3).
        """
        assert self.first is not None, "a chunk was asked about"
        self._begin(ChunkedContent(self._limits, binary=binary), self.first)

    def skip(self, chunk: Chunk, refusal: Reply, *, known: bool) -> bool:
        """Read over a chunk that is refused, and forget what came before it of its message.

        Args:
            chunk: it.
            refusal: told once its octets are over.
            known: whether that is the session's own refusal.

        Returns:
            False where it is too long for that.
        """
        if chunk.size > self._limits.message_size + UNWANTED_OCTETS:
            return False
        self._chunks = None
        self.reader = UnwantedChunk(chunk, refusal, known=known)
        return True

    def forget(self) -> None:
        """The transaction is over, or failed."""
        self._chunks = None

    def _begin(self, chunks: ChunkedContent, chunk: Chunk) -> None:
        chunks.begin(chunk)
        self._chunks = self.reader = chunks
