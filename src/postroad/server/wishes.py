"""What MAIL asked for, as an envelope: times made absolute, rights looked at.

A client says how long from now; the envelope says when, so that it means the same after a restart.
Whether mail is held back, given a deadline or hurried is for those who logged in or are trusted:
each makes notices to a sender whom a stranger could forge, or costs others their turn.
"""

from __future__ import annotations

from postroad.model import DeliverBy, Envelope, Reply
from postroad.smtp import Mail, replies

__all__ = ["accepted", "envelope_of"]

_HELD_TOO_LONG = Reply.of(501, "5.5.4", "Error: release after the time of delivery")
_NOT_AUTHORIZED = Reply.of(550, "5.7.1", "Error: HOLDFOR, HOLDUNTIL and BY need a login")


def envelope_of(mail: Mail, *, known: bool, now: float, longest: float) -> Envelope | Reply:
    """The envelope of a transaction, or the refusal.

    Args:
        mail: what the client asks for.
        known: whether it logged in or is trusted.
        now: seconds since the epoch.
        longest: seconds for which mail may be held back.
    """
    held = _held_until(mail, now)
    if not known and (held is not None or mail.by is not None):
        return _NOT_AUTHORIZED
    if held is not None and held <= now:
        return replies.HOLD_IS_OVER
    if held is not None and held > now + longest:
        return replies.HOLD_TOO_LONG
    by = mail.by
    if held is not None and by is not None and held >= now + by.seconds:
        # Its sender would be told of a failure (mode R), or of a delay (N), that is certain now.
        return _HELD_TOO_LONG
    return Envelope(
        mail.sender,
        mail.body,
        mail.smtputf8,
        mail.ret,
        mail.envid,
        mail.require_tls,
        held,
        None if by is None else DeliverBy(now + by.seconds, by.mode, by.trace),
        mail.priority if known else min(mail.priority, 0),  # RFC 6710 §5: may be lowered
    )


def accepted(mail: Mail, envelope: Envelope) -> Reply:
    """The reply to a MAIL that is taken; it says so if the priority is another (RFC 6710 §10)."""
    if envelope.priority == mail.priority:
        return replies.MAIL_OK
    return Reply.of(250, "2.3.6", f"{envelope.priority} requested priority was changed")


def _held_until(mail: Mail, now: float) -> float | None:
    return mail.hold_until if mail.hold_for is None else now + mail.hold_for
