"""The SMTP envelope (RFC 5321 §2.3.1): what MAIL said, apart from the content."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from postroad.model.address import Address

__all__ = ["BodyType", "Envelope"]


class BodyType(Enum):
    """The BODY parameter of MAIL (RFC 6152 §3)."""

    SEVEN_BIT = "7BIT"
    EIGHT_BIT_MIME = "8BITMIME"


@dataclass(frozen=True, slots=True)
class Envelope:
    """What holds for all recipients of a message.

    Attributes:
        sender: the reverse-path; `None` is the null one, `<>`.
        body: what the content needs from the next hop.
        smtputf8: whether SMTPUTF8 was asked for (RFC 6531 §3.4).
    """

    sender: Address | None
    body: BodyType = BodyType.SEVEN_BIT
    smtputf8: bool = False

    @property
    def sender_text(self) -> str:
        """The reverse-path as it stands between angle brackets."""
        return "" if self.sender is None else str(self.sender)
