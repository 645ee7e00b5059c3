"""How the content of a client's transaction goes out: by DATA or by BDAT, and framed for that.

By DATA its dots are doubled and a lone dot ends it; by BDAT (RFC 3030 §2) its octets are counted.
Which replies have to come in between, and what they mean, is known in `client_transaction`.
"""

from __future__ import annotations

from postroad.model import BodyType
from postroad.smtp.client_parameters import Transaction
from postroad.smtp.stuffing import CountedLines, Counter, Miscounted, Stuffer, check_lines

__all__ = ["ContentFraming"]


class ContentFraming:
    """The content of one transaction after the other; `begin` comes first.

    Attributes:
        chunk: octets of the BDAT that takes the place of DATA; `None`: there is none.
        is_text: whether that BDAT could have been DATA as well.
        sent_ahead: octets of the content that went out as a chunk of their own.
    """

    __slots__ = ("_framer", "chunk", "is_text", "sent_ahead")

    def __init__(self) -> None:
        self.chunk: int | None = None
        self.is_text = True
        self.sent_ahead = 0
        self._framer: Stuffer | Counter | CountedLines | None = None

    def begin(self, transaction: Transaction, *, may_chunk: bool) -> bool:
        """Decide between DATA, BDAT and no content at all.

        Args:
            transaction: the envelope.
            may_chunk: whether BDAT may take the place of DATA where both could be.

        Returns:
            Whether it is DATA.
        """
        self._framer = None
        self.sent_ahead = 0
        self.is_text = transaction.body is not BodyType.BINARY_MIME
        chunked = not self.is_text or (may_chunk and not transaction.estimated)
        self.chunk = transaction.size if chunked and not transaction.probe else None
        return not chunked and not transaction.probe

    @property
    def command(self) -> bytes:
        """The BDAT for what is left of the content: all of it in one chunk."""
        assert self.chunk is not None, "it goes by BDAT"
        return b"BDAT %d LAST\r\n" % (self.chunk - self.sent_ahead)

    def first_octet(self, octet: bytes) -> bytes:
        """The first octet as a chunk of its own; `feed` begins with it all the same."""
        assert len(octet) == 1
        self.sent_ahead = 1
        return b"BDAT 1\r\n" + octet

    def feed(self, part: bytes) -> bytes:
        """What goes out for a part of the content; its end may fall anywhere.

        Raises:
            postroad.smtp.stuffing.Unsendable: it cannot be sent as it is.
        """
        framer = self._framer
        if framer is None:
            framer = self._framer = self._made()
        octets = framer.feed(part)
        if self.sent_ahead and octets:
            octets, self.sent_ahead = octets[1:], 0
        return octets

    def end(self) -> bytes:
        """What goes out behind the content.

        Raises:
            postroad.smtp.stuffing.Unsendable: it ended in the middle of a line end, or before all
                octets came that were announced.
        """
        return (self._framer or self._made()).end()

    @staticmethod
    def check_whole(text: bytes, transaction: Transaction) -> None:
        """See that a whole content may be sent by BDAT, and is as long as it says.

        Raises:
            postroad.smtp.stuffing.Unsendable: it cannot.
        """
        if transaction.body is not BodyType.BINARY_MIME:
            check_lines(text)
        if len(text) != transaction.size:
            raise Miscounted("the content is not as long as its size")

    def _made(self) -> Stuffer | Counter | CountedLines:
        if self.chunk is None:
            return Stuffer()
        return CountedLines(self.chunk) if self.is_text else Counter(self.chunk)
