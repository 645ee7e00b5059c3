"""What the server core tells its session, one frozen class each.

Some events pause the core: nothing behind them is read until `ServerCore.reply` answered them.
That is what makes slow decisions and pipelining safe together (RFC 2920 §3.2). The others only
inform. No event knows who decides, and none carries more than the client said.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from postroad.model import Address, BodyType, ByMode, Notify, Reply, Return
from postroad.model.value import value

__all__ = [
    "ANSWERS",
    "Auth",
    "AuthResponse",
    "BodyChunk",
    "By",
    "Closed",
    "Data",
    "EndOfData",
    "Etrn",
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
    "Vrfy",
    "XClient",
    "XForward",
]


class Need(Enum):
    """Why there is no event now."""

    DATA = "data"
    """Everything received is used up: send what is queued, then feed more."""

    REPLY = "reply"
    """The last event waits for an answer: `reply`, or `greet` or `tls_started`."""


@value
class Hello:
    """EHLO or LHLO (`extended`), or HELO: the name the client gives itself (RFC 5321 §4.1.1.1).

    The name is what the client wrote: printable ASCII, perhaps with spaces or brackets.
    """

    name: str
    extended: bool


@dataclass(frozen=True, slots=True)
class By:
    """The BY parameter of MAIL as it was said, seconds from now (RFC 2852 §4).

    Attributes:
        seconds: from now; 0 or less is a time that is over, which only `NOTIFY` may say.
        mode: what to do once it is over.
        trace: whether each relay is to be reported.
    """

    seconds: int
    mode: ByMode
    trace: bool


@value
class Mail:
    """MAIL: a transaction would begin (RFC 5321 §4.1.1.2).

    Attributes:
        sender: the reverse-path; `None` is `<>`.
        size: octets the client expects the content to have (RFC 1870), if it said so.
        body: what the content needs (RFC 6152, RFC 3030).
        smtputf8: whether SMTPUTF8 was asked for (RFC 6531).
        auth: the AUTH parameter decoded (RFC 4954 §5): the original submitter, or `<>`.
        ret: how much a failure notice returns (RFC 3461 §4.3), if it said so.
        envid: the sender's own name for this message, decoded (RFC 3461 §4.4); empty for none.
        require_tls: whether it may travel by verified TLS only (RFC 8689).
        hold_for: seconds it is to be held back (RFC 4865 §4.2).
        hold_until: the moment until when, seconds since the epoch (the same); never both. Whether
            it is over, or too far away, is for those who have a clock: refuse it with
            `replies.HOLD_IS_OVER` or `replies.HOLD_TOO_LONG`.
        by: by when it ought to be delivered (RFC 2852).
        priority: -9 to 9, larger goes first (RFC 6710).
    """

    sender: Address | None
    size: int | None
    body: BodyType
    smtputf8: bool
    auth: str | None
    ret: Return | None = None
    envid: str = ""
    require_tls: bool = False
    hold_for: int | None = None
    hold_until: float | None = None
    by: By | None = None
    priority: int = 0


@value
class Rcpt:
    """RCPT: one more recipient (RFC 5321 §4.1.1.3).

    Attributes:
        recipient: the forward-path; `Postmaster` alone has an empty domain.
        notify: which notices the sender wants (RFC 3461 §4.1), if it said so.
        orcpt: the original recipient as `type;address`, decoded (RFC 3461 §4.2); empty for none.
    """

    recipient: Address
    notify: Notify | None = None
    orcpt: str = ""


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
    """DATA, with at least one recipient (RFC 5321 §4.1.1.4). Answer 354, or refuse.

    Attributes:
        chunked: whether it was the first BDAT of the transaction (RFC 3030 §2). Then 354 is not
            sent and only lets the chunk through. A refusal is sent once its octets were dropped.
    """

    chunked: bool = False


@value
class EndOfData:
    """The content is complete.

    Attributes:
        size: octets of it, without dot-stuffing.
        fault: set where the content itself must be refused: discard what came and answer this.
    """

    size: int
    fault: Reply | None


@value
class BodyChunk:
    """The next octets of the content, without dot-stuffing. Chunks stop at the first fault."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Vrfy:
    """VRFY, where it is offered (RFC 5321 §3.5). Answer 250, 251, 252, or refuse.

    Attributes:
        argument: what the client wrote, without angle brackets around it: a name or an address.
        smtputf8: whether the answer may have UTF-8 (RFC 6531 §3.7.4.2).
    """

    argument: str
    smtputf8: bool


@dataclass(frozen=True, slots=True)
class Etrn:
    """ETRN: start the queue for one site (RFC 1985 §5). Answer 250 to 253, 458, 459, or refuse.

    Attributes:
        node: a domain, `@domain` for it and all below it, or `#queue` for a queue of another name.
    """

    node: str


@dataclass(frozen=True, slots=True)
class XClient:
    """XCLIENT: a trusted peer says for whom it speaks (Postfix's XCLIENT_README).

    After a 220 the core is as before EHLO; `logged_in` stays as the session has set it.

    Attributes:
        attributes: name in capitals -> value, decoded; `None` where the peer does not know it.
    """

    attributes: Mapping[str, str | None]


@dataclass(frozen=True, slots=True)
class XForward:
    """XFORWARD: a trusted peer says from whom it got the mail, for logs (XFORWARD_README).

    Attributes:
        attributes: name in capitals -> value, decoded; `None` where the peer does not know it.
    """

    attributes: Mapping[str, str | None]


@dataclass(frozen=True, slots=True)
class Reset:
    """The transaction is over (RSET, EHLO, end of data): forget sender, recipients, content.

    A chunk of content that was refused ends it too: what came of the message is to be dropped.
    """


@dataclass(frozen=True, slots=True)
class Refused:
    """The core refused a command by itself; the reply is already queued.

    Attributes:
        command: the verb, or `UNKNOWN`: the words of an unknown command may be a password.
        reply: what the client is told.
        word: of what is no command: its first word as it came, for filters that want to see it. It
            is for no log.
    """

    command: str
    reply: Reply
    word: str = field(default="", repr=False, compare=False)


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


Pausing = (
    Hello
    | Mail
    | Rcpt
    | Auth
    | AuthResponse
    | StartTls
    | Data
    | EndOfData
    | Vrfy
    | Etrn
    | XClient
    | XForward
)
Event = Pausing | BodyChunk | Reset | Refused | Quit | Closed

ANSWERS: dict[type[Pausing], tuple[int, ...]] = {
    Hello: (250,),
    Mail: (250,),
    Rcpt: (250, 251),
    Auth: (235, 334),
    AuthResponse: (235, 334),
    StartTls: (220,),
    Data: (354,),
    EndOfData: (250,),
    Vrfy: (250, 251, 252),
    Etrn: (250, 251, 252, 253),
    XClient: (220,),
    XForward: (250,),
}
"""What a positive reply to a pausing event may be; another is a mistake of ours."""
