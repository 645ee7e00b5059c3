"""What the client core tells of a session and its transactions, as plain values."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, auto

from postroad.model import Reply
from postroad.smtp.extensions import Extensions

__all__ = [
    "IN_TRANSACTION",
    "Answer",
    "Challenged",
    "ClientEvent",
    "ContentWanted",
    "Dialect",
    "Ended",
    "Finished",
    "FirstOctetWanted",
    "LoggedIn",
    "LoginRefused",
    "Ready",
    "Stage",
    "TlsAccepted",
    "TlsRefused",
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
    CHALLENGED = "answering a SASL challenge"
    IDLE = "waiting for the next message"
    RSET = "sending RSET"
    MAIL = "sending MAIL FROM"
    RCPT = "sending RCPT TO"
    DATA = "sending DATA command"
    FIRST_OCTET = "sending BDAT command"
    CONTENT = "sending message body"
    END = "sending end of data -- message may be sent more than once"
    LONE_DOT = "ending a message without recipients"
    QUIT = "sending the QUIT command"
    CLOSED = "closed"

    # Members are one of a kind. Each reply looks its stage up; `Enum` hashes the name for that.
    __hash__ = object.__hash__


IN_TRANSACTION = frozenset(
    {
        Stage.RSET,
        Stage.MAIL,
        Stage.RCPT,
        Stage.DATA,
        Stage.FIRST_OCTET,
        Stage.CONTENT,
        Stage.END,
        Stage.LONE_DOT,
    }
)
"""Where the end of the session is the end of a transaction too."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What was said of one recipient, or of a session, and whether the server said it.

    Attributes:
        reply: the words.
        from_peer: whether they are the server's.
        command: what it refused with them, in Postfix's words; empty where nobody needs to know.
    """

    reply: Reply
    from_peer: bool = True
    command: str = field(default="", compare=False)


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
class Challenged:
    """The server asks for a response in a login: call `respond`.

    Attributes:
        data: what it says, decoded.
    """

    data: bytes


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
class FirstOctetWanted:
    """The server has to show that it knows BDAT: `first_octet`; then the whole may be wanted."""


@dataclass(frozen=True, slots=True)
class Finished:
    """The transaction is over: one answer for each recipient, in the order they were given."""

    answers: tuple[Answer, ...]


@dataclass(frozen=True, slots=True)
class Ended:
    """The session ended outside a transaction; the answer says why."""

    answer: Answer


ClientEvent = (
    Ready
    | TlsAccepted
    | TlsRefused
    | Challenged
    | LoggedIn
    | LoginRefused
    | ContentWanted
    | FirstOctetWanted
    | Finished
    | Ended
)
