"""The SMTP envelope (RFC 5321 §2.3.1): what MAIL and RCPT said, apart from the content.

Times are absolute here: what a client says in seconds from now is made a moment when it is taken,
so that a message means the same after a restart.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, Flag
from typing import Final

from postroad.model.address import Address
from postroad.model.value import value

__all__ = [
    "SAME",
    "BodyType",
    "ByMode",
    "DeliverBy",
    "Envelope",
    "Notify",
    "Recipient",
    "Return",
    "Same",
]


class Same(Enum):
    """The reverse-path of a recipient whose copy has that of the message, as nearly all have."""

    SAME = "same"


SAME: Final = Same.SAME


class BodyType(Enum):
    """The BODY parameter of MAIL (RFC 6152 §3, RFC 3030 §3)."""

    SEVEN_BIT = "7BIT"
    EIGHT_BIT_MIME = "8BITMIME"
    BINARY_MIME = "BINARYMIME"


class Return(Enum):
    """The RET parameter of MAIL: how much of a message a failure notice returns (RFC 3461 §4.3)."""

    FULL = "FULL"
    HEADERS = "HDRS"


class Notify(Flag):
    """The NOTIFY parameter of RCPT (RFC 3461 §4.1); `NEVER` is none of the others."""

    NEVER = 0
    SUCCESS = 1
    FAILURE = 2
    DELAY = 4


class ByMode(Enum):
    """What happens when the time of DELIVERBY is over (RFC 2852 §4)."""

    NOTIFY = "N"
    RETURN = "R"


@dataclass(frozen=True, slots=True)
class DeliverBy:
    """The BY parameter of MAIL (RFC 2852 §4).

    Attributes:
        deadline: when the message ought to have been delivered, seconds since the epoch.
        mode: what to do once it is over.
        trace: whether each relay is to be reported.
    """

    deadline: float
    mode: ByMode
    trace: bool = False


@value
class Envelope:
    """What holds for all recipients of a message.

    Attributes:
        sender: the reverse-path; `None` is the null one, `<>`.
        body: what the content needs from the next hop.
        smtputf8: whether SMTPUTF8 was asked for (RFC 6531 §3.4).
        ret: how much a failure notice returns; `None` where the sender did not say.
        envid: the sender's own name for this message, decoded (RFC 3461 §4.4); empty for none.
        require_tls: whether it may travel by verified TLS only (RFC 8689).
        hold_until: before when nobody may deliver it, seconds since the epoch (RFC 4865).
        deliver_by: by when it ought to be delivered (RFC 2852).
        priority: -9 to 9, larger goes first (RFC 6710).
    """

    sender: Address | None
    body: BodyType = BodyType.SEVEN_BIT
    smtputf8: bool = False
    ret: Return | None = None
    envid: str = ""
    require_tls: bool = False
    hold_until: float | None = None
    deliver_by: DeliverBy | None = None
    priority: int = 0

    @property
    def sender_text(self) -> str:
        """The reverse-path as it stands between angle brackets."""
        return "" if self.sender is None else str(self.sender)


@value
class Recipient:
    """What RCPT said of one recipient.

    Attributes:
        address: the forward-path.
        notify: which notices the sender wants; `None` where it did not say.
        orcpt: the original recipient as `type;address`, decoded (RFC 3461 §4.2); empty for none.
        sender: the reverse-path that its copy is to have; `SAME`: the message's own. RCPT has no
            way to say it; programs of this machine do (VERP).
    """

    address: Address
    notify: Notify | None = None
    orcpt: str = ""
    sender: Address | Same = SAME
