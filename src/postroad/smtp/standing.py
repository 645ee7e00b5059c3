"""What a session knows of its client. After STARTTLS and XCLIENT a new one takes its place.

The functions that read a command's argument see it and change nothing. The core does; and the
session, of the offer and the login, where it learns more of the client.
"""

from __future__ import annotations

from dataclasses import dataclass

from postroad.model import BodyType
from postroad.smtp.offer import Offer
from postroad.smtp.settings import SessionLimits

__all__ = ["Standing"]


@dataclass(slots=True)
class Standing:
    """What the session knows of its client.

    Attributes:
        offer: what the client may use.
        limits: the session's bounds.
        hello: the name given by EHLO, HELO or LHLO, empty before.
        extended: whether it was EHLO or LHLO.
        authenticated: whether the client has logged in. AUTH sets it, STARTTLS clears it; the
            session sets it where it takes or drops a login that came by XCLIENT.
        smtputf8: whether the transaction asked for SMTPUTF8.
        body: what the transaction said of its content.
        recipients: recipients taken in the transaction.
        pipelined: whether it sent commands ahead where it had to wait for an answer (RFC 2920
            §3.1).
    """

    offer: Offer
    limits: SessionLimits
    hello: str = ""
    extended: bool = False
    authenticated: bool = False
    smtputf8: bool = False
    body: BodyType = BodyType.SEVEN_BIT
    recipients: int = 0
    pipelined: bool = False

    @property
    def protocol(self) -> str:
        """The `with` protocol of a trace header (RFC 3848; RFC 6531 §4.3)."""
        if not self.extended:
            return "SMTP"
        kind = "LMTP" if self.offer.lmtp else "SMTP" if self.smtputf8 else "ESMTP"
        unicode = "UTF8" if self.smtputf8 else ""
        return f"{unicode}{kind}{'S' * self.offer.secure}{'A' * self.authenticated}"

    def forget_transaction(self) -> None:
        """The transaction is over, or one begins."""
        self.smtputf8 = False
        self.body = BodyType.SEVEN_BIT
        self.recipients = 0
