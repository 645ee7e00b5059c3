"""Restrictions that look at the recipient's address, the forward-path."""

from __future__ import annotations

from postroad.policy.answer import Answer, Form, Subject, dunno, permit, refuse
from postroad.policy.destination import Destination, destination
from postroad.policy.domains import is_qualified, taken
from postroad.policy.facts import Elsewhere, Facts, Oracle

__all__ = [
    "defer_unauth_destination",
    "permit_auth_destination",
    "reject_non_fqdn_recipient",
    "reject_unauth_destination",
    "reject_unlisted_recipient",
]

_NO_RECIPIENT = dunno("there is no single recipient")
_FOREIGN = dunno(Destination.FOREIGN.value)
_OURS = dunno(Destination.OURS.value)
_RELAYED = dunno(Destination.RELAYED.value)


def _relay_denied(why: Destination, code: int, enhanced: str) -> Answer:
    words, about = "Relay access denied", Subject.RECIPIENT
    return refuse(why.value, code, enhanced, words, about=about, form=Form.NAMED)


_PERMITTED = {
    Destination.OURS: permit(Destination.OURS.value),
    Destination.RELAYED: permit(Destination.RELAYED.value),
    Destination.ROUTED: dunno(Destination.ROUTED.value),
    Destination.FOREIGN: _FOREIGN,
}
_REJECTED = {
    Destination.OURS: _OURS,
    Destination.RELAYED: _RELAYED,
    Destination.ROUTED: _relay_denied(Destination.ROUTED, 554, "5.7.1"),
    Destination.FOREIGN: _relay_denied(Destination.FOREIGN, 554, "5.7.1"),
}
_DEFERRED = {
    Destination.OURS: _OURS,
    Destination.RELAYED: _RELAYED,
    Destination.ROUTED: _relay_denied(Destination.ROUTED, 454, "4.7.1"),
    Destination.FOREIGN: _relay_denied(Destination.FOREIGN, 454, "4.7.1"),
}
_LISTED = dunno("the recipient exists")
_UNLISTED = refuse(
    "nobody here has the recipient's address",
    550,
    "5.1.1",
    "User unknown in virtual mailbox table",
    about=Subject.RECIPIENT,
)
_NOT_RELAYED = refuse(
    "the recipient is not among those of its domain that mail is passed on for",
    550,
    "5.1.1",
    "User unknown in relay recipient table",
    about=Subject.RECIPIENT,
)
_UNDELIVERABLE = 550
"""For a recipient whose own host refuses him: to know that is what `verify` is for."""

_RECIPIENT_FQDN = dunno("the recipient's domain is fully qualified")
_RECIPIENT_SHORT = refuse(
    "the recipient's domain is not fully qualified",
    504,
    "5.5.2",
    "need fully-qualified address",
    about=Subject.RECIPIENT,
)


async def permit_auth_destination(facts: Facts, oracle: Oracle) -> Answer:
    """A domain of ours."""
    if facts.recipient is None:
        return _NO_RECIPIENT
    return _PERMITTED[await destination(facts.recipient, oracle)]


async def reject_unauth_destination(facts: Facts, oracle: Oracle) -> Answer:
    """Mail for another domain. Public because the relay list ends with it."""
    if facts.recipient is None:
        return _NO_RECIPIENT
    return _REJECTED[await destination(facts.recipient, oracle)]


async def defer_unauth_destination(facts: Facts, oracle: Oracle) -> Answer:
    """Mail for another domain is to come again."""
    if facts.recipient is None:
        return _NO_RECIPIENT
    return _DEFERRED[await destination(facts.recipient, oracle)]


async def reject_unlisted_recipient(facts: Facts, oracle: Oracle) -> Answer:
    """An address in a domain of ours that nobody has, here or where we pass its mail on to."""
    recipient = facts.recipient
    if recipient is None:
        return _NO_RECIPIENT
    if not await oracle.accounts.is_local(recipient.domain):
        return _FOREIGN
    listed = await oracle.accounts.is_listed(recipient)
    if listed is Elsewhere.ASK:
        return await taken(recipient, oracle, _UNDELIVERABLE, Subject.RECIPIENT)
    if listed is Elsewhere.ABSENT:
        return _NOT_RELAYED
    return _LISTED if listed else _UNLISTED


async def reject_non_fqdn_recipient(facts: Facts, _oracle: Oracle) -> Answer:
    """A domain of one label."""
    if facts.recipient is None:
        return _NO_RECIPIENT
    return _RECIPIENT_FQDN if is_qualified(facts.recipient) else _RECIPIENT_SHORT
