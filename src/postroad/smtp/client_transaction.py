"""The transaction half of the client core: from MAIL to the reply to the end of the content.

It holds what a session and its transactions share (the bytes either way, the stage, how a session
ends) and the steps of a transaction, one method for each reply. `client` adds the session around
it, and says which method belongs to which stage.

The content goes by DATA, with its dots doubled; what cannot, because it is no lines of text, by
one BDAT that names its octets (RFC 3030 §2). BDAT would do for all mail and gain nothing: with
PIPELINING both take two round trips, the line ends have to be looked at either way, and doubling
the dots of 4 KiB takes 3 µs of the 500 that a message costs. DATA is what every server knows best.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import ClassVar

from postroad.model import BodyType, Reply
from postroad.smtp.client_commands import (
    commands,
    eight_bit_refusal,
    refusal,
    smtputf8_refusal,
)
from postroad.smtp.client_events import (
    Answer,
    ClientEvent,
    ContentWanted,
    Dialect,
    Ended,
    Finished,
    Stage,
)
from postroad.smtp.client_parameters import Transaction
from postroad.smtp.extensions import Extensions
from postroad.smtp.reply_parser import MalformedReply, ReplyParser
from postroad.smtp.stuffing import Counter, Stuffer

__all__ = ["ClientTransaction", "gone", "is_completion"]

_CONTENT_WANTED = ContentWanted()


class ClientTransaction:
    """What `ClientCore` knows of transactions; its attributes are documented there."""

    __slots__ = (
        "_answers",
        "_at",
        "_chunk",
        "_dialect",
        "_eof",
        "_framing",
        "_mail_tail",
        "_needs_reset",
        "_open",
        "_out",
        "_parser",
        "_peer",
        "_pending",
        "_pipelined",
        "_probing",
        "_unsent",
        "answered",
        "extensions",
        "stage",
    )

    def __init__(self, peer: str, dialect: Dialect) -> None:
        self._peer = peer
        self._dialect = dialect
        self._parser = ReplyParser()
        self._out: list[bytes] = []
        self._eof = False
        self._pending: ClientEvent | None = None
        self._needs_reset = False
        self._pipelined = False
        self._probing = False
        self._mail_tail = ""
        self._unsent: list[str] = []
        self._answers: list[Answer | None] = []
        self._open: list[int] = []
        self._at = 0
        self._chunk: int | None = None  # octets of the BDAT that takes the place of DATA
        self._framing: Stuffer | Counter = Stuffer()
        self.extensions = Extensions()
        self.stage = Stage.GREETING
        self.answered = False

    # Actions -----------------------------------------------------------------------------------

    @property
    def eight_bit_refusal(self) -> Reply:
        """Why this server cannot take content with octets over 127 (RFC 6152 §3)."""
        return eight_bit_refusal(self._peer)

    @property
    def smtputf8_refusal(self) -> Reply:
        """Why this server cannot take a recipient whose name is not ASCII (RFC 6531 §3.5)."""
        return smtputf8_refusal(self._peer)

    def begin(self, transaction: Transaction) -> None:
        """Begin a transaction; a message that this server cannot take is finished at once.

        A RSET goes first where the last transaction left something behind.

        Raises:
            ValueError: an address holds a line end. It would be a command of its own.
        """
        assert self.stage is Stage.IDLE
        count = len(transaction.recipients)
        self._answers = [None] * count
        self._open = []
        self._at = 0
        self.answered = False
        offered, smtputf8 = self.extensions, transaction.smtputf8
        lines = commands(transaction, offered, smtputf8=smtputf8, tail=self._mail_tail)
        text = "".join(lines)
        if text.count("\n") != count + 1 or text.count("\r") != count + 1:
            raise ValueError("an address holds a line end")
        if not smtputf8 and not text.isascii():
            smtputf8 = True
            lines = commands(transaction, offered, smtputf8=True, tail=self._mail_tail)
        final = self._dialect is Dialect.LMTP
        why = refusal(transaction, offered, self._peer, smtputf8=smtputf8, final=final)
        if why is not None:
            self._pending = Finished((Answer(why, from_peer=False),) * count)
            return
        self._chunk = None
        self._probing = transaction.probe
        if transaction.body is BodyType.BINARY_MIME:
            self._chunk = transaction.size
        elif not transaction.probe:
            lines.append("DATA\r\n")
        self._send_commands(lines)

    def content(self, chunk: bytes) -> None:
        """Send a part of the content; its end may fall anywhere.

        Raises:
            postroad.smtp.stuffing.Unsendable: it cannot be sent as it is. The session must be
                closed: what went out already cannot be ended without being delivered.
        """
        assert self.stage is Stage.CONTENT
        self._out.append(self._framing.feed(chunk))

    def end_content(self) -> None:
        """Send the end of the content.

        Raises:
            postroad.smtp.stuffing.Unsendable: it ended in the middle of a line end, or before all
                octets came that were announced.
        """
        assert self.stage is Stage.CONTENT
        self._out.append(self._framing.end())
        self.stage = Stage.END
        self._at = 0

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
            if is_completion(reply):
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
        if self._chunk is not None and self._open:
            return self._begin_chunk(self._chunk)
        if self._chunk is None and (self._open or self._pipelined):
            self._enter(Stage.DATA)
            return None
        return self._finish(needs_reset=True)

    def _begin_chunk(self, size: int) -> ClientEvent:
        """All of the content in one chunk; only a refused one needs a reply before (RFC 3030 §2).

        A connection that breaks within it leaves nothing that could be taken for a whole message.
        """
        self._out.append(b"BDAT %d LAST\r\n" % size)
        self.stage = Stage.CONTENT
        self._framing = Counter(size)
        return _CONTENT_WANTED

    def _on_data(self, reply: Reply) -> ClientEvent | None:
        if reply.code >= 400:
            return self._finish(Answer(reply), needs_reset=True)
        if reply.code < 300:
            return self._unexpected(reply)
        if self._open:
            self.stage = Stage.CONTENT
            self._framing = Stuffer()
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
        return self._finish(needs_reset=True)

    def _on_end(self, reply: Reply) -> ClientEvent | None:
        if 300 <= reply.code < 400:
            return self._unexpected(reply)
        # A chunk that was refused leaves the transaction open (RFC 3030 §2).
        needs_reset = self._chunk is not None and reply.code >= 400
        if self._dialect is Dialect.SMTP:
            return self._finish(Answer(reply), needs_reset=needs_reset)
        self._answers[self._open[self._at]] = Answer(reply)
        self._at += 1
        return self._finish(needs_reset=needs_reset) if self._at == len(self._open) else None

    # Inside ------------------------------------------------------------------------------------

    def _command(self, line: str, awaited: Stage) -> None:
        self._out.append(f"{line}\r\n".encode())
        self.stage = awaited

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

    def _finish(self, answer: Answer | None = None, *, needs_reset: bool = False) -> Finished:
        """End the transaction; the answer is for the recipients that have none yet.

        A reply that nobody asked for means that both sides count differently: the session ends.
        """
        self._needs_reset = needs_reset
        self._unsent = []
        self.stage = Stage.IDLE if self._parser.is_empty else Stage.CLOSED
        said: list[Answer] = []
        for known in self._answers:
            one = known or answer
            assert one is not None
            said.append(one)
        return Finished(tuple(said))

    def _close(self, answer: Answer) -> ClientEvent:
        """End the session, and with it a transaction that is going on."""
        event = self._finish(answer) if self.stage in _IN_TRANSACTION else Ended(answer)
        self.stage = Stage.CLOSED
        return event

    def _last_words(self) -> Answer:
        """What ended a connection: a refusal in the middle of the content, or nothing at all."""
        if self.stage is Stage.CONTENT:
            with suppress(MalformedReply):
                reply = self._parser.next_reply()
                if reply is not None and reply.code >= 400:
                    return Answer(reply)
        return gone(f"lost connection with {self._peer} while {self.stage.value}")

    def _give_up(self, words: str) -> ClientEvent:
        """The server broke the protocol: try again later, with a new session."""
        return self._close(Answer(Reply.of(451, "4.5.0", words), from_peer=False))

    def _unexpected(self, reply: Reply) -> ClientEvent:
        return self._give_up(
            f"unexpected reply from {self._peer} while {self.stage.value}: {reply}"
        )

    TRANSACTION_STEPS: ClassVar[
        dict[Stage, Callable[[ClientTransaction, Reply], ClientEvent | None]]
    ] = {
        Stage.RSET: _on_reset,
        Stage.MAIL: _on_mail,
        Stage.RCPT: _on_recipient,
        Stage.DATA: _on_data,
        Stage.END: _on_end,
        Stage.LONE_DOT: _on_lone_dot,
    }


_IN_TRANSACTION = frozenset({*ClientTransaction.TRANSACTION_STEPS, Stage.CONTENT})


def is_completion(reply: Reply) -> bool:
    """2xx: the command was carried out (RFC 5321 §4.2.1)."""
    return 200 <= reply.code < 300


def gone(words: str) -> Answer:
    """The connection is lost; nothing is known of what became of the message."""
    return Answer(Reply.of(451, "4.4.2", words), from_peer=False)


def _too_many_is_transient(reply: Reply) -> Reply:
    """552 to RCPT without a better reason means "too many recipients" (RFC 5321 §4.5.3.1.10)."""
    if reply.code == 552 and reply.enhanced in {"5.0.0", "5.5.3"}:
        return Reply(452, "4.5.3", reply.lines)
    return reply
