"""The client's side of SMTP and LMTP, sans-IO: bytes in, events out, actions in, bytes out.

It knows nothing of sockets, DNS, queues or time. Whoever drives it feeds it with `receive`, takes
events with `next_event` until there are none, and sends what `data_to_send` gives. It speaks RFC
5321 and, with `Dialect.LMTP`, RFC 2033; a transaction goes out in one piece where the server
offers PIPELINING (RFC 2920), else command by command.

Theory of operation. `Stage` says which reply is awaited. Each stage has one method, in the table
`ClientCore._STEPS`, that takes the reply and gives an event or `None`. The only difference that
pipelining makes is whether the next command was sent already or is sent when its stage is
entered, so both ways share every rule. A recipient's answer is `None` until it is decided;
whatever ends the transaction (a refusal, 421, a lost connection) decides all that are left, and
`Finished` carries exactly one answer for each recipient. Nothing is lost: an end of data without
a reply is a temporary failure, and so at worst a repeated delivery.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from contextlib import suppress
from typing import ClassVar

from postroad.model import BodyType, Reply
from postroad.smtp.client_events import (
    Answer,
    ClientEvent,
    ContentWanted,
    Dialect,
    Ended,
    Finished,
    LoggedIn,
    LoginRefused,
    Ready,
    Stage,
    TlsAccepted,
    TlsRefused,
    Transaction,
)
from postroad.smtp.extensions import Extensions
from postroad.smtp.reply_parser import MalformedReply, ReplyParser
from postroad.smtp.secrets import Secrets
from postroad.smtp.stuffing import Stuffer

__all__ = [
    "Answer",
    "ClientCore",
    "ClientEvent",
    "ContentWanted",
    "Dialect",
    "Ended",
    "Finished",
    "LoggedIn",
    "LoginRefused",
    "Ready",
    "Stage",
    "TlsAccepted",
    "TlsRefused",
    "Transaction",
]


_CONTENT_WANTED = ContentWanted()


class ClientCore:
    """One session with one server.

    Attributes:
        extensions: what the server offered last.
        stage: what is awaited now.
        answered: whether the server has said anything to the transaction that was begun last.
            One that it left wholly unanswered can be tried again elsewhere without harm.
    """

    __slots__ = (
        "_answers",
        "_at",
        "_dialect",
        "_eof",
        "_hostname",
        "_login_steps",
        "_needs_reset",
        "_open",
        "_out",
        "_parser",
        "_peer",
        "_pending",
        "_pipelined",
        "_stuffer",
        "_unsent",
        "answered",
        "extensions",
        "stage",
    )

    def __init__(self, hostname: str, peer: str, dialect: Dialect = Dialect.SMTP) -> None:
        """A session whose greeting is awaited.

        Args:
            hostname: our name for EHLO.
            peer: the server as logs show it, `mx.example.net[192.0.2.1]`, for our own words.
            dialect: SMTP or LMTP.
        """
        self._hostname = hostname
        self._peer = peer
        self._dialect = dialect
        self._parser = ReplyParser()
        self._out: list[bytes] = []
        self._eof = False
        self._pending: ClientEvent | None = None
        self._needs_reset = False
        self._pipelined = False
        self._unsent: list[str] = []
        self._answers: list[Answer | None] = []
        self._open: list[int] = []
        self._at = 0
        self._stuffer = Stuffer()
        self._login_steps: list[str] = []
        self.extensions = Extensions()
        self.stage = Stage.GREETING
        self.answered = False

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

    def next_event(self) -> ClientEvent | None:
        """The next event, or `None` when more must come from the server or the caller."""
        if self._pending is not None:
            pending, self._pending = self._pending, None
            return pending
        while (step := self._STEPS.get(self.stage)) is not None:
            try:
                reply = self._parser.next_reply()
            except MalformedReply as error:
                return self._give_up(f"{error}, from {self._peer} while {self.stage.value}")
            if reply is None:
                break
            if reply.code == 421 and self.stage is not Stage.GREETING:
                # The server hangs up, whatever was asked (RFC 5321 §3.8).
                return self._close(Answer(reply))
            event = step(self, reply)
            if event is not None:
                return event
        if self._eof and self.stage is not Stage.CLOSED:
            return self._close(self._last_words())
        return None

    # Actions -----------------------------------------------------------------------------------

    @property
    def is_idle(self) -> bool:
        """Whether the session can take another transaction."""
        return self.stage is Stage.IDLE

    @property
    def eight_bit_refusal(self) -> Reply:
        """Why this server cannot take content with octets over 127 (RFC 6152 §3)."""
        words = f"8BITMIME is required, but was not offered by host {self._peer}"
        return Reply.of(554, "5.6.3", words)

    def start_tls(self) -> None:
        """Send STARTTLS (RFC 3207 §4)."""
        assert self.stage is Stage.IDLE
        self._command("STARTTLS", Stage.STARTTLS)

    def tls_started(self) -> None:
        """The handshake succeeded: forget what was learnt in plain text (RFC 3207 §4.2)."""
        assert self.stage is Stage.HANDSHAKE
        self.extensions = Extensions()
        self._say_hello()

    def login(self, username: str, password: str) -> None:
        """Log in with PLAIN (RFC 4616), or with LOGIN where only that is offered."""
        assert self.stage is Stage.IDLE
        plain = _base64(f"\0{username}\0{password}")
        self._parser.hide(Secrets(password, plain, _base64(password)))
        if "PLAIN" in self.extensions.mechanisms:
            self._login_steps = []
            self._command(f"AUTH PLAIN {plain}", Stage.AUTH)
        elif "LOGIN" in self.extensions.mechanisms:
            self._login_steps = [_base64(username), _base64(password)]
            self._command("AUTH LOGIN", Stage.AUTH)
        else:
            words = f"cannot authenticate to server {self._peer}: no mechanism available"
            reply = Reply.of(454, "4.7.0", f"SASL authentication failed; {words}")
            self._pending = LoginRefused(Answer(reply, from_peer=False))

    def begin(self, transaction: Transaction) -> None:
        """Begin a transaction; a message that this server cannot take is finished at once.

        A RSET goes first where the last transaction left something behind.

        Raises:
            ValueError: an address holds a line end. It would be a command of its own.
        """
        assert self.stage is Stage.IDLE
        recipients = transaction.recipients
        self._answers = [None] * len(recipients)
        self._open = []
        self._at = 0
        self.answered = False
        commands = [f"RCPT TO:<{recipient}>\r\n" for recipient in recipients]
        commands.insert(0, f"MAIL FROM:<{transaction.sender}>")
        text = "".join(commands)
        if text.count("\n") != len(recipients) or text.count("\r") != len(recipients):
            raise ValueError("an address holds a line end")
        smtputf8 = transaction.smtputf8 or not text.isascii()
        refusal = self._refusal(transaction, smtputf8=smtputf8)
        if refusal is not None:
            answer = Answer(refusal, from_peer=False)
            self._pending = Finished((answer,) * len(recipients))
            return
        commands[0] += f"{self._parameters(transaction, smtputf8=smtputf8)}\r\n"
        commands.append("DATA\r\n")
        self._send_commands(commands)

    def content(self, chunk: bytes) -> None:
        """Send a part of the content; its end may fall anywhere.

        Raises:
            postroad.smtp.stuffing.BareLineEnd: a CR or LF stands alone. The session must be
                closed: what went out already cannot be ended without being delivered.
        """
        assert self.stage is Stage.CONTENT
        self._out.append(self._stuffer.feed(chunk))

    def end_content(self) -> None:
        """Send the end of the content.

        Raises:
            postroad.smtp.stuffing.BareLineEnd: the content ended in the middle of a line end.
        """
        assert self.stage is Stage.CONTENT
        self._out.append(self._stuffer.end())
        self.stage = Stage.END
        self._at = 0

    def timed_out(self) -> None:
        """The server was silent for too long; what follows is the last event."""
        if self.stage is not Stage.CLOSED:
            words = f"conversation with {self._peer} timed out while {self.stage.value}"
            self._pending = self._close(_gone(words))

    def quit(self) -> None:
        """Send QUIT."""
        self._command("QUIT", Stage.QUIT)

    # The session, reply by reply -----------------------------------------------------------------

    def _on_greeting(self, reply: Reply) -> ClientEvent | None:
        """A server that does not want us at all has said nothing of the message: never for good.

        Postfix does the same (smtp_skip_5xx_greeting): another host may be in a better mood.
        """
        if not _is_completion(reply):
            words = f"host {self._peer} refused to talk to me: {reply}"
            enhanced = f"4{(reply.enhanced or '4.0.0')[1:]}"
            return self._close(Answer(Reply.of(451, enhanced, words), from_peer=False))
        self._say_hello()
        return None

    def _on_hello(self, reply: Reply) -> ClientEvent | None:
        if _is_completion(reply):
            extended = self.stage is not Stage.HELO
            self.extensions = Extensions.parse(reply.lines[1:]) if extended else Extensions()
            self.stage = Stage.IDLE
            return Ready(self.extensions)
        if self.stage is Stage.EHLO:  # RFC 5321 §3.2: a server may know only the old word
            self._command(f"HELO {self._hostname}", Stage.HELO)
            return None
        return self._close(Answer(reply))

    def _on_starttls(self, reply: Reply) -> ClientEvent | None:
        if not _is_completion(reply):
            self.stage = Stage.IDLE
            return TlsRefused(reply)
        if not self._parser.is_empty:  # plain text that would be taken for a reply under TLS
            return self._give_up(f"plain text after the reply to STARTTLS from {self._peer}")
        self.stage = Stage.HANDSHAKE
        return TlsAccepted()

    def _on_auth(self, reply: Reply) -> ClientEvent | None:
        if reply.code == 334:
            # "*" gives up an exchange that asks for more than there is (RFC 4954 §4).
            self._command(self._login_steps.pop(0) if self._login_steps else "*", Stage.AUTH)
            return None
        self.stage = Stage.IDLE
        if _is_completion(reply):
            return LoggedIn()
        return LoginRefused(Answer(reply))

    def _on_quit(self, reply: Reply) -> ClientEvent | None:
        return self._close(Answer(reply))

    # The transaction, reply by reply -------------------------------------------------------------

    def _on_reset(self, reply: Reply) -> ClientEvent | None:
        if not _is_completion(reply):
            return self._unexpected(reply)
        self._enter(Stage.MAIL)
        return None

    def _on_mail(self, reply: Reply) -> ClientEvent | None:
        self.answered = True
        if not _is_completion(reply):
            if reply.is_positive:
                return self._unexpected(reply)
            self._decide(Answer(reply))
            if not self._pipelined:
                return self._finish()
        self._enter(Stage.RCPT)
        return None

    def _on_recipient(self, reply: Reply) -> ClientEvent | None:
        at = self._at
        if self._answers[at] is None:
            if _is_completion(reply):
                self._open.append(at)
            elif reply.is_positive:
                return self._unexpected(reply)
            else:
                self._answers[at] = Answer(_too_many_is_transient(reply))
        self._at = at = at + 1
        if at < len(self._answers):
            self._enter(Stage.RCPT)
        elif self._open or self._pipelined:
            self._enter(Stage.DATA)
        else:
            return self._finish(needs_reset=True)
        return None

    def _on_data(self, reply: Reply) -> ClientEvent | None:
        if reply.code >= 400:
            return self._finish(Answer(reply), needs_reset=True)
        if reply.code < 300:
            return self._unexpected(reply)
        if self._open:
            self.stage = Stage.CONTENT
            self._stuffer = Stuffer()
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
        if self._dialect is Dialect.SMTP:
            return self._finish(Answer(reply))
        self._answers[self._open[self._at]] = Answer(reply)
        self._at += 1
        return self._finish() if self._at == len(self._open) else None

    # Inside ------------------------------------------------------------------------------------

    def _command(self, line: str, awaited: Stage) -> None:
        self._out.append(f"{line}\r\n".encode())
        self.stage = awaited

    def _say_hello(self) -> None:
        if self._dialect is Dialect.LMTP:
            self._command(f"LHLO {self._hostname}", Stage.LHLO)
        else:
            self._command(f"EHLO {self._hostname}", Stage.EHLO)

    def _send_commands(self, commands: list[str]) -> None:
        """Send all at once, or the first and the others as their stages come."""
        self.stage = Stage.MAIL
        if self._needs_reset:
            self._needs_reset = False
            commands.insert(0, "RSET\r\n")
            self.stage = Stage.RSET
        self._pipelined = self.extensions.pipelining
        if self._pipelined:
            self._out.append("".join(commands).encode())
        else:
            self._unsent = commands[::-1]
            self._out.append(self._unsent.pop().encode())

    def _enter(self, stage: Stage) -> None:
        """Await the next reply of a transaction; its command goes out now if it has not yet."""
        self.stage = stage
        if not self._pipelined:
            self._out.append(self._unsent.pop().encode())

    def _refusal(self, transaction: Transaction, *, smtputf8: bool) -> Reply | None:
        """Why this server cannot take the message, without asking it."""
        offered = self.extensions
        if smtputf8 and not offered.smtputf8:
            words = f"SMTPUTF8 is required, but was not offered by host {self._peer}"
            return Reply.of(553, "5.6.7", words)  # RFC 6531 §3.5
        if transaction.body is BodyType.EIGHT_BIT_MIME and not offered.eight_bit_mime:
            return self.eight_bit_refusal
        if offered.size and transaction.size > offered.size:
            words = (
                f"message size {transaction.size} exceeds size limit {offered.size} "
                f"of server {self._peer}"
            )
            return Reply.of(552, "5.3.4", words)  # RFC 1870 §6.1
        return None

    def _parameters(self, transaction: Transaction, *, smtputf8: bool) -> str:
        """The parameters of MAIL, each with the space before it."""
        words = "" if self.extensions.size is None else f" SIZE={transaction.size}"
        if transaction.body is BodyType.EIGHT_BIT_MIME:
            words += " BODY=8BITMIME"
        return f"{words} SMTPUTF8" if smtputf8 else words

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
        event = self._finish(answer) if self.stage in _TRANSACTION else Ended(answer)
        self.stage = Stage.CLOSED
        return event

    def _last_words(self) -> Answer:
        """What ended a connection: a refusal in the middle of the content, or nothing at all."""
        if self.stage is Stage.CONTENT:
            with suppress(MalformedReply):
                reply = self._parser.next_reply()
                if reply is not None and reply.code >= 400:
                    return Answer(reply)
        return _gone(f"lost connection with {self._peer} while {self.stage.value}")

    def _give_up(self, words: str) -> ClientEvent:
        """The server broke the protocol: try again later, with a new session."""
        return self._close(Answer(Reply.of(451, "4.5.0", words), from_peer=False))

    def _unexpected(self, reply: Reply) -> ClientEvent:
        return self._give_up(
            f"unexpected reply from {self._peer} while {self.stage.value}: {reply}"
        )

    _STEPS: ClassVar[dict[Stage, Callable[[ClientCore, Reply], ClientEvent | None]]] = {
        Stage.GREETING: _on_greeting,
        Stage.EHLO: _on_hello,
        Stage.HELO: _on_hello,
        Stage.LHLO: _on_hello,
        Stage.STARTTLS: _on_starttls,
        Stage.AUTH: _on_auth,
        Stage.RSET: _on_reset,
        Stage.MAIL: _on_mail,
        Stage.RCPT: _on_recipient,
        Stage.DATA: _on_data,
        Stage.END: _on_end,
        Stage.LONE_DOT: _on_lone_dot,
        Stage.QUIT: _on_quit,
    }


_TRANSACTION = frozenset(
    {
        Stage.RSET,
        Stage.MAIL,
        Stage.RCPT,
        Stage.DATA,
        Stage.CONTENT,
        Stage.END,
        Stage.LONE_DOT,
    }
)


def _is_completion(reply: Reply) -> bool:
    """2xx: the command was carried out (RFC 5321 §4.2.1)."""
    return 200 <= reply.code < 300


def _gone(words: str) -> Answer:
    return Answer(Reply.of(451, "4.4.2", words), from_peer=False)


def _too_many_is_transient(reply: Reply) -> Reply:
    """552 to RCPT without a better reason means "too many recipients" (RFC 5321 §4.5.3.1.10)."""
    if reply.code == 552 and reply.enhanced in {"5.0.0", "5.5.3"}:
        return Reply(452, "4.5.3", reply.lines)
    return reply


def _base64(text: str) -> str:
    return b64encode(text.encode()).decode("ascii")
