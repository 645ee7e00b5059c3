"""The client's side of SMTP and LMTP, sans-IO: bytes in, events out, actions in, bytes out.

It knows nothing of sockets, DNS, queues or time. Whoever drives it feeds it with `receive`, takes
events with `next_event` until there are none, and sends what `data_to_send` gives. It speaks RFC
5321 and, with `Dialect.LMTP`, RFC 2033; a transaction goes out in one piece where the server
offers PIPELINING (RFC 2920), else command by command.

Theory of operation. `Stage` says which reply is awaited. Each stage has one method, in the table
`ClientCore._STEPS`, that takes the reply and gives an event or `None`; those of a transaction are
in `client_transaction`. The only difference that pipelining makes is whether the next command was
sent already or is sent when its stage is entered, so both ways share every rule. A recipient's
answer is `None` until it is decided; whatever ends the transaction (a refusal, 421, a lost
connection) decides all that are left, and `Finished` carries exactly one answer for each
recipient. Nothing is lost: an end of data without a reply is a temporary failure, and so at worst
a repeated delivery.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Callable, Sequence
from typing import ClassVar

from postroad.model import Reply
from postroad.smtp.client_conversation import is_completion
from postroad.smtp.client_events import (
    Answer,
    Challenged,
    ClientEvent,
    ContentWanted,
    Dialect,
    Ended,
    Finished,
    FirstOctetWanted,
    LoggedIn,
    LoginRefused,
    Ready,
    Stage,
    TlsAccepted,
    TlsRefused,
)
from postroad.smtp.client_parameters import Parameters, RecipientParameters, Transaction
from postroad.smtp.client_transaction import ClientTransaction
from postroad.smtp.extensions import Extensions
from postroad.smtp.reply_parser import MalformedReply
from postroad.smtp.secrets import Secrets

__all__ = [
    "MAX_CHALLENGES",
    "Answer",
    "Challenged",
    "ClientCore",
    "ClientEvent",
    "ContentWanted",
    "Dialect",
    "Ended",
    "Finished",
    "FirstOctetWanted",
    "LoggedIn",
    "LoginRefused",
    "Parameters",
    "Ready",
    "RecipientParameters",
    "Stage",
    "TlsAccepted",
    "TlsRefused",
    "Transaction",
]

MAX_AUTH_LINE = 510
"""Octets of an AUTH command without its end (RFC 4954 §4): a longer initial response waits until
the server asks for it."""

MAX_CHALLENGES = 10
"""In one login. No mechanism here has more than three; a server may ask on for ever."""


class ClientCore(ClientTransaction):
    """One session with one server.

    Attributes:
        extensions: what the server offered last.
        stage: what is awaited now.
        answered: whether the server has said anything to the transaction that was begun last.
            One that it left wholly unanswered can be tried again elsewhere without harm.
        doubtful: whether the session ended without a reply to a content that was sent with its
            end: the server may have the message, or not.
        lost: whether the session ended without a last word of the server's.
        heard: replies so far, whole ones.
        chunk_misunderstood: whether the last transaction failed for nothing but BDAT, which the
            server announced and does not know, or hung up on without a word; by DATA it may yet go
            in another session.
        chunking_proved: whether the server has taken a chunk.
        server_name: what the server calls itself in its reply to EHLO or HELO.
    """

    __slots__ = ("_auth_parameter", "_challenges", "_hostname", "_initial")

    def __init__(
        self,
        hostname: str,
        peer: str,
        dialect: Dialect = Dialect.SMTP,
        *,
        auth_parameter: bool = False,
        chunking: bool = False,
        chunking_proved: bool = False,
    ) -> None:
        """A session whose greeting is awaited.

        Args:
            hostname: our name for EHLO.
            peer: the server as logs show it, `mx.example.net[192.0.2.1]`, for our own words.
            dialect: SMTP or LMTP.
            auth_parameter: whether MAIL has `AUTH=<>` after a login (RFC 4954 §5): we vouch for
                this machine, not for the submitter of each message.
            chunking: whether text goes by BDAT where CHUNKING is offered; what is no text always
                does (RFC 3030).
            chunking_proved: whether a chunk was taken there before.
        """
        super().__init__(peer, dialect, chunking=chunking, proved=chunking_proved)
        self._hostname = hostname
        self._auth_parameter = auth_parameter
        self._initial: str | None = None  # of a login, while it waits for its turn
        self._challenges = 0  # that may still come; none after a login was given up

    # Bytes -------------------------------------------------------------------------------------

    def next_event(self) -> ClientEvent | None:
        """The next event, or `None` when more must come from the server or the caller."""
        if self._pending is not None:
            pending, self._pending = self._pending, None
            return pending
        while (step := self._STEPS.get(self.stage)) is not None:
            try:
                reply = self._parser.next_reply()
            except MalformedReply as error:
                return self._broken(error)
            if reply is None:
                break
            self.heard += 1
            if reply.code == 421 and self._hangs_up:
                # The server hangs up, whatever was asked (RFC 5321 §3.8).
                return self._close(Answer(reply))
            event = step(self, reply)
            if event is not None:
                return event
        if self._eof and self.stage is not Stage.CLOSED:
            self._suspect_chunk()
            return self._close(self._last_words())
        return None

    # Actions -----------------------------------------------------------------------------------

    @property
    def is_idle(self) -> bool:
        """Whether the session can take another transaction."""
        return self.stage is Stage.IDLE

    def start_tls(self) -> None:
        """Send STARTTLS (RFC 3207 §4)."""
        assert self.stage is Stage.IDLE
        self._command("STARTTLS", Stage.STARTTLS)

    def tls_started(self) -> None:
        """The handshake succeeded: forget what was learnt in plain text (RFC 3207 §4.2)."""
        assert self.stage is Stage.HANDSHAKE
        self.extensions = Extensions()
        self._say_hello()

    def authenticate(
        self, mechanism: str, initial: bytes | None, secrets: Sequence[str] = ()
    ) -> None:
        """Begin a login (RFC 4954 §4); `Challenged` events follow, then its end.

        Args:
            mechanism: the SASL mechanism's name.
            initial: its initial response; `None` where the server speaks first.
            secrets: what must not come back in the server's words, in every spelling.
        """
        assert self.stage is Stage.IDLE
        # A lone "=" is an empty response (RFC 4954 §4).
        response = None if initial is None else (_base64(initial) or "=")
        self._parser.hide(Secrets(*secrets, *filter(None, (response,))))
        line = f"AUTH {mechanism}" if response is None else f"AUTH {mechanism} {response}"
        self._initial = None
        if len(line) > MAX_AUTH_LINE:
            line, self._initial = f"AUTH {mechanism}", response
        self._challenges = MAX_CHALLENGES
        self._command(line, Stage.AUTH)

    def respond(self, response: bytes | None) -> None:
        """Answer a challenge; `None` gives the login up."""
        assert self.stage is Stage.CHALLENGED
        if response is None:
            self._give_up_login()
        else:
            self._command(_base64(response), Stage.AUTH)

    def quit(self) -> None:
        """Send QUIT."""
        self._command("QUIT", Stage.QUIT)

    # The session, reply by reply -----------------------------------------------------------------

    def _on_greeting(self, reply: Reply) -> ClientEvent | None:
        """A server that does not want us at all has said nothing of the message: never for good.

        Postfix does the same (smtp_skip_5xx_greeting): another host may be in a better mood.
        """
        if not is_completion(reply):
            words = f"host {self._peer} refused to talk to me: {reply}"
            enhanced = f"4{(reply.enhanced or '4.0.0')[1:]}"
            return self._close(Answer(Reply.of(451, enhanced, words), from_peer=False))
        self._say_hello()
        return None

    def _on_hello(self, reply: Reply) -> ClientEvent | None:
        if is_completion(reply):
            extended = self.stage is not Stage.HELO
            self.server_name = reply.lines[0].partition(" ")[0]
            self.extensions = Extensions.parse(reply.lines[1:]) if extended else Extensions()
            self.stage = Stage.IDLE
            return Ready(self.extensions)
        if self.stage is Stage.EHLO:  # RFC 5321 §3.2: a server may know only the old word
            self._command(f"HELO {self._hostname}", Stage.HELO)
            return None
        return self._close(Answer(reply, command="HELO"))

    def _on_starttls(self, reply: Reply) -> ClientEvent | None:
        if not is_completion(reply):
            self.stage = Stage.IDLE
            return TlsRefused(reply)
        if not self._parser.is_empty:  # plain text that would be taken for a reply under TLS
            return self._give_up(f"plain text after the reply to STARTTLS from {self._peer}")
        self.stage = Stage.HANDSHAKE
        return TlsAccepted()

    def _on_auth(self, reply: Reply) -> ClientEvent | None:
        if reply.code == 334:
            return self._on_challenge(reply)
        self.stage = Stage.IDLE
        if is_completion(reply):
            self._logged_in = True
            self._mail_tail = " AUTH=<>" if self._auth_parameter else ""
            return LoggedIn()
        return LoginRefused(Answer(reply))

    def _on_challenge(self, reply: Reply) -> ClientEvent | None:
        if not self._challenges:  # RFC 4954 §4: "*" is answered with 501, and there is an end
            return self._unexpected(reply)
        self._challenges -= 1
        if self._initial is not None:  # which was too long for the command's own line
            self._command(self._initial, Stage.AUTH)
            self._initial = None
            return None
        try:
            data = b64decode(self._parser.challenge, validate=True)
        except ValueError:  # binascii's
            self._give_up_login()
            return None
        self.stage = Stage.CHALLENGED
        return Challenged(data)

    def _on_quit(self, reply: Reply) -> ClientEvent | None:
        return self._close(Answer(reply))

    # Inside ------------------------------------------------------------------------------------

    def _give_up_login(self) -> None:
        self._challenges = 0
        self._command("*", Stage.AUTH)

    def _say_hello(self) -> None:
        if self._dialect is Dialect.LMTP:
            self._command(f"LHLO {self._hostname}", Stage.LHLO)
        else:
            self._command(f"EHLO {self._hostname}", Stage.EHLO)

    _STEPS: ClassVar[dict[Stage, Callable[[ClientCore, Reply], ClientEvent | None]]] = {
        Stage.GREETING: _on_greeting,
        Stage.EHLO: _on_hello,
        Stage.HELO: _on_hello,
        Stage.LHLO: _on_hello,
        Stage.STARTTLS: _on_starttls,
        Stage.AUTH: _on_auth,
        **ClientTransaction.TRANSACTION_STEPS,
        Stage.QUIT: _on_quit,
    }


def _base64(octets: bytes) -> str:
    return b64encode(octets).decode("ascii")
