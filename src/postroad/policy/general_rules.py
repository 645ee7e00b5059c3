"""Restrictions that look at nobody, or at how the client keeps the protocol."""

from __future__ import annotations

from postroad.policy.answer import Action, Answer, Refusal, dunno, permit, refuse
from postroad.policy.facts import Facts, Oracle

__all__ = [
    "defer_all",
    "defer_if_permitted",
    "defer_if_rejected",
    "permit_all",
    "reject_all",
    "reject_multi_recipient_bounce",
    "reject_unauth_pipelining",
]

_ALWAYS = "it applies to everything"
_PERMIT = permit(_ALWAYS)
_REJECT = refuse(_ALWAYS, 554, "5.7.1", "Access denied")
_DEFER = refuse(_ALWAYS, 450, "4.3.2", "Try again later")
_DEFER_IF_PERMIT = Answer(
    Action.DEFER_IF_PERMIT,
    "the rest is to be deferred if permitted",
    Refusal(450, "4.7.0", "defer_if_permit requested"),
)
_DEFER_IF_REJECT = Answer(
    Action.DEFER_IF_REJECT,
    "the rest is to be deferred if rejected",
    Refusal(450, "4.7.0", "defer_if_reject requested"),
)


async def permit_all(_facts: Facts, _oracle: Oracle) -> Answer:
    """`permit`."""
    return _PERMIT


async def reject_all(_facts: Facts, _oracle: Oracle) -> Answer:
    """`reject`."""
    return _REJECT


async def defer_all(_facts: Facts, _oracle: Oracle) -> Answer:
    """`defer`."""
    return _DEFER


async def defer_if_permitted(_facts: Facts, _oracle: Oracle) -> Answer:
    """`defer_if_permit`."""
    return _DEFER_IF_PERMIT


async def defer_if_rejected(_facts: Facts, _oracle: Oracle) -> Answer:
    """`defer_if_reject`."""
    return _DEFER_IF_REJECT


# The protocol -----------------------------------------------------------------------------------

_IN_STEP = dunno("the client waited for answers where it has to")
_PIPELINED = refuse(
    "the client sent commands ahead where it may not (RFC 2920 §3.1)",
    503,
    "5.5.0",
    "Improper use of SMTP command pipelining",
)
_NO_BOUNCE = dunno("the sender is not the null address")
_ONE_RECIPIENT = dunno("the message has one recipient")
_MANY_RECIPIENTS = refuse(
    "a bounce goes to one sender, and this one has several recipients",
    550,
    "5.5.3",
    "Multi-recipient bounce",
)


async def reject_unauth_pipelining(facts: Facts, _oracle: Oracle) -> Answer:
    """Programs that only send spam often do not wait for answers."""
    return _PIPELINED if facts.pipelined else _IN_STEP


async def reject_multi_recipient_bounce(facts: Facts, _oracle: Oracle) -> Answer:
    """A bounce has one recipient, the sender of what bounced (RFC 5321 §4.5.5)."""
    if facts.sender is not None or not facts.mail:
        return _NO_BOUNCE
    several = facts.recipients > (0 if facts.state == "RCPT" else 1)
    return _MANY_RECIPIENTS if several else _ONE_RECIPIENT
