"""What the server core tells its session, one frozen class each.

Some events pause the core: nothing behind them is read until `ServerCore.reply` answered them.
That is what makes slow decisions and pipelining safe together (RFC 2920 §3.2). The others only
inform. No event knows who decides, and none carries more than the client said.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from postroad.model import Address, BodyType, Reply

__all__ = [
    "Auth",
    "AuthResponse",
    "BodyChunk",
    "Closed",
    "Data",
    "EndOfData",
    "Event",
    "Hello",
    "Mail",
    "Need",
    "Pausing",
    "Quit",
    "Rcpt",
    "Refused",
    "Reset",
    "StartTls",
]


class Need(Enum):
    """Why there is no event now."""

    DATA = "data"
    """Everything received is used up: send what is queued, then feed more."""

    REPLY = "reply"
    """The last event waits for an answer: `reply`, or `greet` or `tls_started`."""


@dataclass(frozen=True, slots=True)
class Hello:
    """EHLO (`extended`) or HELO, with the name the client gives itself (RFC 5321 §4.1.1.1).

    The name is what the client wrote: printable ASCII, perhaps with spaces or brackets.
    """

    name: str
    extended: bool


@dataclass(frozen=True, slots=True)
class Mail:
    """MAIL: a transaction would begin (RFC 5321 §4.1.1.2).

    Attributes:
        sender: the reverse-path; `None` is `<>`.
        size: octets the client expects the content to have (RFC 1870), if it said so.
        body: what the content needs (RFC 6152).
        smtputf8: whether SMTPUTF8 was asked for (RFC 6531).
        auth: the AUTH parameter decoded (RFC 4954 §5): the original submitter, or `<>`.
    """

    sender: Address | None
    size: int | None
    body: BodyType
    smtputf8: bool
    auth: str | None


@dataclass(frozen=True, slots=True)
class Rcpt:
    """RCPT: one more recipient (RFC 5321 §4.1.1.3); `Postmaster` alone has an empty domain."""

    recipient: Address


@dataclass(frozen=True, slots=True)
class Auth:
    """AUTH: a login begins (RFC 4954 §4). Answer 334 to challenge, 235 when logged in.

    Attributes:
        mechanism: the SASL mechanism's name in capitals; always one of those offered.
        initial: the initial response decoded, empty for `=`; `None` where none was sent.
    """

    mechanism: str
    initial: bytes | None


@dataclass(frozen=True, slots=True)
class AuthResponse:
    """The client's answer to a 334, decoded. A cancelled exchange comes as `Refused` instead."""

    data: bytes


@dataclass(frozen=True, slots=True)
class StartTls:
    """STARTTLS (RFC 3207). After a 220: send it, do the handshake, then call `tls_started`."""


@dataclass(frozen=True, slots=True)
class Data:
    """DATA, with at least one recipient (RFC 5321 §4.1.1.4). Answer 354, or refuse."""


@dataclass(frozen=True, slots=True)
class EndOfData:
    """The content is complete.

    Attributes:
        size: octets of it, without dot-stuffing.
        fault: set where the content itself must be refused: discard what came and answer this.
    """

    size: int
    fault: Reply | None


@dataclass(frozen=True, slots=True)
class BodyChunk:
    """The next octets of the content, without dot-stuffing. Chunks stop at the first fault."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Reset:
    """The transaction is over (RSET, EHLO, end of data): forget sender, recipients, content."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The core refused a command by itself; the reply is already queued.

    Attributes:
        command: the verb, or `UNKNOWN`: the words of an unknown command may be a password.
        reply: what the client is told.
    """

    command: str
    reply: Reply


@dataclass(frozen=True, slots=True)
class Quit:
    """QUIT; the 221 is queued and `Closed` follows."""


@dataclass(frozen=True, slots=True)
class Closed:
    """The session is over: send what is queued and close.

    Attributes:
        reason: for the log, in words; empty where nothing unexpected happened.
    """

    reason: str


Pausing = Hello | Mail | Rcpt | Auth | AuthResponse | StartTls | Data | EndOfData
Event = Pausing | BodyChunk | Reset | Refused | Quit | Closed
