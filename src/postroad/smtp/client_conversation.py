"""What a client's session and its transactions share: the octets either way, and how it ends.

The bottom of the client core. It knows which reply is awaited and how to give a transaction's
recipients their answers; what a reply means is known above, in `client_transaction` and `client`.

Whatever ends a session ends the transaction that is going on, with exactly one answer for each of
its recipients. That is in one place here, so that no way out can forget one.
"""

from __future__ import annotations

from contextlib import suppress

from postroad.model import Reply
from postroad.smtp.client_events import (
    IN_TRANSACTION,
    Answer,
    ClientEvent,
    Dialect,
    Ended,
    Finished,
    Stage,
)
from postroad.smtp.extensions import Extensions
from postroad.smtp.reply_parser import MalformedReply, ReplyParser

__all__ = ["ClientConversation", "gone", "is_completion"]


class ClientConversation:
    """What `ClientCore` knows of the conversation; its attributes are documented there."""

    __slots__ = (
        "_answers",
        "_dialect",
        "_eof",
        "_needs_reset",
        "_out",
        "_parser",
        "_peer",
        "_pending",
        "_unsent",
        "_whole_sent",
        "answered",
        "doubtful",
        "extensions",
        "heard",
        "lost",
        "server_name",
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
        self._unsent: list[str] = []
        self._answers: list[Answer | None] = []
        self._whole_sent = False  # the content with its end, and no reply to it yet
        self.extensions = Extensions()
        self.server_name = ""
        self.stage = Stage.GREETING
        self.answered = False
        self.lost = False
        self.doubtful = False
        self.heard = 0

    # Bytes -------------------------------------------------------------------------------------

    def receive(self, data: bytes) -> None:
        """Buffer what the server sent; `b""` is the end of the connection."""
        if data:
            self._parser.feed(data)
        else:
            self._eof = True

    def data_to_send(self) -> bytes:
        """What is to be sent now; empties the buffer."""
        out = self._out
        if len(out) == 1:
            return out.pop()
        data = b"".join(out)
        out.clear()
        return data

    # Ends --------------------------------------------------------------------------------------

    def timed_out(self) -> None:
        """The server was silent for too long; what follows is the last event."""
        if self.stage is not Stage.CLOSED:
            words = f"conversation with {self._peer} timed out while {self._doing}"
            self._pending = self._close(gone(words))

    def interrupted(self) -> bool:
        """Whether the server spoke in the middle of the content; what follows is the last event.

        It refuses what it has not seen the end of. The end cannot be sent any more, nor can it be
        left out, so the session is over; its word counts all the same.
        """
        assert self.stage is Stage.CONTENT
        try:
            reply = self._parser.next_reply()
        except MalformedReply as error:
            self._pending = self._broken(error)
            return True
        if reply is None:
            return False
        refused = reply.code >= 400
        self._pending = self._close(Answer(reply)) if refused else self._unexpected(reply)
        return True

    def _command(self, line: str, awaited: Stage) -> None:
        self._out.append(f"{line}\r\n".encode())
        self.stage = awaited

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
        self.lost = not answer.from_peer
        self.doubtful = self._whole_sent and self.lost
        event = self._finish(answer) if self.stage in IN_TRANSACTION else Ended(answer)
        self.stage = Stage.CLOSED
        return event

    def _last_words(self) -> Answer:
        """What ended a connection: a refusal in the middle of the content, or nothing at all."""
        if self.stage is Stage.CONTENT:
            with suppress(MalformedReply):
                reply = self._parser.next_reply()
                if reply is not None and reply.code >= 400:
                    return Answer(reply)
        return gone(f"lost connection with {self._peer} while {self._doing}")

    @property
    def _doing(self) -> str:
        """What is awaited; that the message may arrive twice is said wherever it is so."""
        return (Stage.END if self._whole_sent else self.stage).value

    def _give_up(self, words: str) -> ClientEvent:
        """The server broke the protocol: try again later, with a new session."""
        return self._close(Answer(Reply.of(451, "4.5.0", words), from_peer=False))

    def _broken(self, error: MalformedReply) -> ClientEvent:
        return self._give_up(f"{error}, from {self._peer} while {self.stage.value}")

    def _unexpected(self, reply: Reply) -> ClientEvent:
        return self._give_up(
            f"unexpected reply from {self._peer} while {self.stage.value}: {reply}"
        )


def is_completion(reply: Reply) -> bool:
    """2xx: the command was carried out (RFC 5321 §4.2.1)."""
    return 200 <= reply.code < 300


def gone(words: str) -> Answer:
    """The connection is lost; nothing is known of what became of the message."""
    return Answer(Reply.of(451, "4.4.2", words), from_peer=False)
