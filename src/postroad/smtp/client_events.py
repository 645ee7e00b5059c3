"""What the client core is asked to send and what it tells of it, as plain values."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from postroad.model import BodyType, Reply
from postroad.smtp.extensions import Extensions

__all__ = [
    "Answer",
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


class Dialect(Enum):
    """Which of the two protocols is spoken."""

    SMTP = auto()
    LMTP = auto()


class Stage(Enum):
    """What is awaited; the value completes Postfix's "lost connection … while …"."""

    GREETING = "receiving the initial server greeting"
    EHLO = "performing the EHLO handshake"
    HELO = "performing the HELO handshake"
    LHLO = "performing the LHLO handshake"
    STARTTLS = "sending STARTTLS"
    HANDSHAKE = "performing the TLS handshake"
    AUTH = "performing SASL authentication"
    IDLE = "waiting for the next message"
    RSET = "sending RSET"
    MAIL = "sending MAIL FROM"
    RCPT = "sending RCPT TO"
    DATA = "sending DATA command"
    CONTENT = "sending message body"
    END = "sending end of data -- message may be sent more than once"
    LONE_DOT = "ending a message without recipients"
    QUIT = "sending the QUIT command"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Transaction:
    """The envelope of one message as it goes to one server.

    Attributes:
        sender: the reverse-path without brackets; empty for the null one.
        recipients: the forward-paths without brackets, at least one.
        size: octets of the content (RFC 1870).
        body: whether the content needs 8BITMIME.
        smtputf8: whether the message needs SMTPUTF8 whatever its addresses look like.
    """

    sender: str
    recipients: tuple[str, ...]
    size: int
    body: BodyType = BodyType.SEVEN_BIT
    smtputf8: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """What was said of one recipient, or of a session, and whether the server said it."""

    reply: Reply
    from_peer: bool = True


@dataclass(frozen=True, slots=True)
class Ready:
    """The server took EHLO, HELO or LHLO: start TLS, log in, or begin a transaction."""

    extensions: Extensions


@dataclass(frozen=True, slots=True)
class TlsAccepted:
    """The server waits for the TLS handshake; then call `tls_started`."""


@dataclass(frozen=True, slots=True)
class TlsRefused:
    """The server offered STARTTLS and then refused it; the session goes on in plain text."""

    reply: Reply


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """The login was taken."""


@dataclass(frozen=True, slots=True)
class LoginRefused:
    """The login failed; no secret is in the words."""

    answer: Answer


@dataclass(frozen=True, slots=True)
class ContentWanted:
    """The server waits for the content: `content`, as often as needed, then `end_content`."""


@dataclass(frozen=True, slots=True)
class Finished:
    """The transaction is over: one answer for each recipient, in the order they were given."""

    answers: tuple[Answer, ...]


@dataclass(frozen=True, slots=True)
class Ended:
    """The session ended outside a transaction; the answer says why."""

    answer: Answer


ClientEvent = (
    Ready | TlsAccepted | TlsRefused | LoggedIn | LoginRefused | ContentWanted | Finished | Ended
)
