"""The transaction half of the client core: from MAIL to the reply to the end of the content.

The steps of a transaction, one method for each reply, on what `client_conversation` knows. `client`
adds the session around them, and says which method belongs to which stage.

Theory of operation, of the content. By DATA a reply (354) is needed before it. By BDAT (RFC 3030
§2) none is, and content that is no lines of text (BINARYMIME) cannot do without it.

BDAT has no go-ahead: a server that announces CHUNKING and does not know BDAT would read the content
as commands, and so whoever wrote the message would speak in our name. Until a server has taken a
chunk, the first one is therefore a single octet, which can be no command; the rest follows its
reply. A server that did not know it is heard out no further: whatever it reads as commands, nothing
is sent behind it.

Where that is proved, here or in an earlier session with the same endpoint, and the caller has the
whole content at hand, MAIL, every RCPT, BDAT and the content go out in one piece: one round trip in
place of two (`takes_at_once`). A server that takes no recipient then gets octets it did not want,
and has to skip them. So this is not done behind a login, nor is a session used again that took no
recipient.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from postroad.model import Reply
from postroad.smtp.client_commands import (
    commands,
    eight_bit_refusal,
    refusal,
    smtputf8_refusal,
)
from postroad.smtp.client_conversation import ClientConversation, is_completion
from postroad.smtp.client_events import (
    Answer,
    ClientEvent,
    ContentWanted,
    Dialect,
    Finished,
    FirstOctetWanted,
    Stage,
)
from postroad.smtp.client_parameters import Transaction
from postroad.smtp.content_framing import ContentFraming
from postroad.smtp.stuffing import stuffed

__all__ = ["ClientTransaction"]

_CONTENT_WANTED = ContentWanted()
_FIRST_OCTET_WANTED = FirstOctetWanted()

_NO_SUCH_COMMAND = frozenset({500, 501, 502, 503, 504, 521})
"""Replies to BDAT that say nothing of the message: the server does not know what it announced."""


class ClientTransaction(ClientConversation):
    """What `ClientCore` knows of transactions; its attributes are documented there."""

    __slots__ = (
        "_at",
        "_at_once",
        "_chunk_taken",
        "_chunking",
        "_framing",
        "_logged_in",
        "_mail_tail",
        "_open",
        "_pipelined",
        "_probing",
        "chunk_misunderstood",
        "chunking_proved",
    )

    def __init__(
        self, peer: str, dialect: Dialect, *, chunking: bool = False, proved: bool = False
    ) -> None:
        super().__init__(peer, dialect)
        self._chunking = chunking
        self._pipelined = False
        self._probing = False
        self._mail_tail = ""
        self._open: list[int] = []
        self._at = 0
        self._at_once = False
        self._logged_in = False
        self.chunk_misunderstood = False
        self.chunking_proved = proved
        self._chunk_taken = False  # by this server, in this session
        self._framing = ContentFraming()

    # Actions -----------------------------------------------------------------------------------

    @property
    def eight_bit_refusal(self) -> Reply:
        """Why this server cannot take content with octets over 127 (RFC 6152 §3)."""
        return eight_bit_refusal(self._peer)

    @property
    def smtputf8_refusal(self) -> Reply:
        """Why this server cannot take a recipient whose name is not ASCII (RFC 6531 §3.5)."""
        return smtputf8_refusal(self._peer)

    @property
    def said(self) -> tuple[Answer | None, ...]:
        """What is known of each recipient while replies to the content are awaited; else nothing.

        A mail store may have spoken of some and not yet of others (RFC 2033 §4.2).
        """
        return tuple(self._answers) if self.stage is Stage.END else ()

    @property
    def takes_at_once(self) -> bool:
        """Whether a whole content may go out with the commands of its transaction.

        Not behind a login, nor to a mail store, which does not say how many replies come when no
        recipient was taken (RFC 2033 §4.2).
        """
        offered = self.extensions
        return (
            self._chunking
            and self.chunking_proved
            and offered.chunking
            and offered.pipelining
            and self._dialect is Dialect.SMTP
            and not self._logged_in
        )

    def begin(self, transaction: Transaction, text: bytes | None = None) -> None:
        """Begin a transaction; a message that this server cannot take is finished at once.

        A RSET goes first where the last transaction left something behind.

        Args:
            transaction: the envelope.
            text: the whole content, where it is to go out with the commands (`takes_at_once`).

        Raises:
            ValueError: an address holds a line end. It would be a command of its own.
            postroad.smtp.stuffing.Unsendable: the text cannot be sent; nothing was.
        """
        assert self.stage is Stage.IDLE
        count = len(transaction.recipients)
        self._answers = [None] * count
        self._open = []
        self._at = 0
        self.answered = self._whole_sent = self._at_once = False
        offered, smtputf8 = self.extensions, transaction.smtputf8
        lines = commands(transaction, offered, smtputf8=smtputf8, tail=self._mail_tail)
        written = "".join(lines)
        if written.count("\n") != count + 1 or written.count("\r") != count + 1:
            raise ValueError("an address holds a line end")
        if not smtputf8 and not written.isascii():
            smtputf8 = True
            lines = commands(transaction, offered, smtputf8=True, tail=self._mail_tail)
        final = self._dialect is Dialect.LMTP
        why = refusal(transaction, offered, self._peer, smtputf8=smtputf8, final=final)
        if why is not None:
            self._pending = Finished((Answer(why, from_peer=False),) * count)
            return
        if text is not None:
            self._framing.check_whole(text, transaction)
        self._probing = transaction.probe
        self.chunk_misunderstood = False
        if self._framing.begin(transaction, may_chunk=self._chunking and offered.chunking):
            lines.append("DATA\r\n")
        self._send_commands(lines)
        if text is not None:  # RFC 3030 §4.2
            self._out += (b"BDAT %d LAST\r\n" % transaction.size, text)
            self._at_once = self._whole_sent = True

    def content(self, chunk: bytes) -> None:
        """Send a part of the content; its end may fall anywhere.

        Raises:
            postroad.smtp.stuffing.Unsendable: it cannot be sent as it is. The session must be
                closed: what went out already cannot be ended without being delivered.
        """
        assert self.stage is Stage.CONTENT
        self._out.append(self._framing.feed(chunk))

    def first_octet(self, octet: bytes) -> None:
        """Send the first octet of the content as a chunk; `content` begins with it all the same."""
        assert self.stage is Stage.FIRST_OCTET
        self._out.append(self._framing.first_octet(octet))

    def end_content(self) -> None:
        """Send the end of the content.

        Raises:
            postroad.smtp.stuffing.Unsendable: it ended in the middle of a line end, or before all
                octets came that were announced.
        """
        assert self.stage is Stage.CONTENT
        self._out.append(self._framing.end())
        self._content_sent()

    def whole_content(self, text: bytes) -> None:
        """Send a content that comes in one piece; the same as `content` and `end_content`.

        Raises:
            postroad.smtp.stuffing.Unsendable: it cannot be sent as it is.
        """
        if self._framing.chunk is not None:
            self.content(text)
            self.end_content()
            return
        assert self.stage is Stage.CONTENT
        self._out.append(stuffed(text))
        self._content_sent()

    # The transaction, reply by reply -------------------------------------------------------------

    def _on_reset(self, reply: Reply) -> ClientEvent | None:
        if not is_completion(reply):
            return self._unexpected(reply)
        self._enter(Stage.MAIL)
        return None

    def _on_mail(self, reply: Reply) -> ClientEvent | None:
        self.answered = True
        if not is_completion(reply):
            if reply.is_positive:
                return self._unexpected(reply)
            self._decide(Answer(reply, command="MAIL FROM"))
            if not self._pipelined:
                return self._finish()
        self._enter(Stage.RCPT)
        return None

    def _on_recipient(self, reply: Reply) -> ClientEvent | None:
        at = self._at
        if self._answers[at] is None:
            if 200 <= reply.code < 300:  # `is_completion`, for the most frequent reply of all
                if self._probing:
                    self._answers[at] = Answer(reply)
                else:
                    self._open.append(at)
            elif reply.is_positive:
                return self._unexpected(reply)
            else:
                self._answers[at] = Answer(_too_many_is_transient(reply), command="RCPT TO")
        self._at = at = at + 1
        if at < len(self._answers):
            self._enter(Stage.RCPT)
            return None
        if self._probing:
            return self._finish(needs_reset=True)
        if self._at_once:
            self.stage = Stage.END if self._open else Stage.LONE_DOT
            self._at = 0
            return None
        if self._framing.chunk is not None and self._open:
            return self._begin_chunk()
        if self._framing.chunk is None and (self._open or self._pipelined):
            self._enter(Stage.DATA)
            return None
        return self._finish(needs_reset=True)

    def _begin_chunk(self) -> ClientEvent:
        """All of the content in one chunk; only a refused one needs a reply before (RFC 3030 §2).

        A connection that breaks within it leaves nothing that could be taken for a whole message.
        """
        if self._framing.chunk and not self.chunking_proved:
            self.stage = Stage.FIRST_OCTET
            return _FIRST_OCTET_WANTED
        self._out.append(self._framing.command)
        self.stage = Stage.CONTENT
        return _CONTENT_WANTED

    def _on_first_octet(self, reply: Reply) -> ClientEvent | None:
        if not is_completion(reply):
            return self._unexpected(reply) if reply.is_positive else self._chunk_refused(reply)
        self.chunking_proved = self._chunk_taken = True
        return self._begin_chunk()

    def _chunk_refused(self, reply: Reply) -> ClientEvent:
        """The message is, unless the server has never heard of BDAT; the transaction is still open.

        A server that has taken a chunk in this session does not mean that by whatever code.
        """
        unknown = reply.code in _NO_SUCH_COMMAND and not self._chunk_taken
        if not (unknown and self._framing.is_text):
            event = self._finish(Answer(reply, command="end of DATA"), needs_reset=True)
            if unknown:
                self.stage = Stage.CLOSED
            return event
        self._chunking = False
        self.chunk_misunderstood = True
        words = f"host {self._peer} announces CHUNKING and does not know BDAT: {reply}"
        event = self._finish(Answer(Reply.of(451, "4.5.1", words), from_peer=False))
        self.stage = Stage.CLOSED
        return event

    def _suspect_chunk(self) -> None:
        """The server hung up on the first octet; if that was for BDAT, DATA does better."""
        if self.stage is Stage.FIRST_OCTET and self._framing.sent_ahead and self._framing.is_text:
            self.chunk_misunderstood = not self._chunk_taken

    def _on_data(self, reply: Reply) -> ClientEvent | None:
        if reply.code >= 400:
            return self._finish(Answer(reply, command="DATA"), needs_reset=True)
        if reply.code < 300:
            return self._unexpected(reply)
        if self._open:
            self.stage = Stage.CONTENT
            return _CONTENT_WANTED
        return self._end_without_recipients()

    def _end_without_recipients(self) -> ClientEvent | None:
        """DATA was taken though no recipient was: send nothing (RFC 2920 §3.1).

        LMTP gives one reply for each recipient that was taken, here none (RFC 2033 §4.2), so
        nothing would tell that the server is done: that session ends.
        """
        if self._dialect is Dialect.LMTP:
            event = self._finish()
            self.stage = Stage.CLOSED
            return event
        self._out.append(b".\r\n")
        self.stage = Stage.LONE_DOT
        return None

    def _on_lone_dot(self, reply: Reply) -> ClientEvent | None:
        del reply  # nobody's: no recipient was left
        event = self._finish(needs_reset=True)
        if self._at_once:  # it has read a content that it did not want, if it knows how
            self.stage = Stage.CLOSED
        return event

    def _on_end(self, reply: Reply) -> ClientEvent | None:
        if 300 <= reply.code < 400:
            return self._unexpected(reply)
        self._whole_sent = False
        if self._framing.chunk is not None:
            if reply.code < 300:
                self.chunking_proved = self._chunk_taken = True
            elif self._dialect is Dialect.SMTP:
                return self._chunk_refused(reply)
        answer = Answer(reply, command="end of DATA")
        if self._dialect is Dialect.SMTP:
            return self._finish(answer)
        # A chunk that was refused leaves the transaction open (RFC 3030 §2).
        needs_reset = self._framing.chunk is not None and reply.code >= 400
        self._answers[self._open[self._at]] = answer
        self._at += 1
        return self._finish(needs_reset=needs_reset) if self._at == len(self._open) else None

    # Inside ------------------------------------------------------------------------------------

    @property
    def _hangs_up(self) -> bool:
        """Whether a 421 ends the session now; one to the greeting is refused with it.

        A mail store answers for each recipient (RFC 2033 §4.2). What it says of one is no answer
        for those behind it, who may have got the message: their own answers are still taken.
        """
        if self.stage is Stage.END and self._dialect is Dialect.LMTP:
            return self._at + 1 >= len(self._open)
        return self.stage is not Stage.GREETING

    def _content_sent(self) -> None:
        self.stage = Stage.END
        self._at = 0
        self._whole_sent = True

    def _send_commands(self, lines: list[str]) -> None:
        """Send all at once, or the first and the others as their stages come."""
        self.stage = Stage.MAIL
        if self._needs_reset:
            self._needs_reset = False
            lines.insert(0, "RSET\r\n")
            self.stage = Stage.RSET
        self._pipelined = self.extensions.pipelining
        if self._pipelined:
            self._out.append("".join(lines).encode())
        else:
            self._unsent = lines[::-1]
            self._out.append(self._unsent.pop().encode())

    def _enter(self, stage: Stage) -> None:
        """Await the next reply of a transaction; its command goes out now if it has not yet."""
        self.stage = stage
        if not self._pipelined:
            self._out.append(self._unsent.pop().encode())

    def _decide(self, answer: Answer) -> None:
        """Give the answer to every recipient that has none yet."""
        self._answers = [answer if said is None else said for said in self._answers]

    TRANSACTION_STEPS: ClassVar[
        dict[Stage, Callable[[ClientTransaction, Reply], ClientEvent | None]]
    ] = {
        Stage.RSET: _on_reset,
        Stage.MAIL: _on_mail,
        Stage.RCPT: _on_recipient,
        Stage.DATA: _on_data,
        Stage.FIRST_OCTET: _on_first_octet,
        Stage.END: _on_end,
        Stage.LONE_DOT: _on_lone_dot,
    }


def _too_many_is_transient(reply: Reply) -> Reply:
    """552 to RCPT without a better reason means "too many recipients" (RFC 5321 §4.5.3.1.10)."""
    if reply.code == 552 and reply.enhanced in {"5.0.0", "5.5.3"}:
        return Reply(452, "4.5.3", reply.lines)
    return reply
