"""Restrictions that look at the sender's address, the reverse-path.

The null one is exempt from all of them, as in Postfix: bounces must get through.
"""

from __future__ import annotations

from postroad.policy.answer import Answer, Subject, dunno, refuse
from postroad.policy.domains import is_qualified
from postroad.policy.facts import Elsewhere, Facts, Oracle

__all__ = [
    "reject_authenticated_sender_login_mismatch",
    "reject_known_sender_login_mismatch",
    "reject_non_fqdn_sender",
    "reject_sender_login_mismatch",
    "reject_unauthenticated_sender_login_mismatch",
    "reject_unlisted_sender",
]

_NULL_SENDER = dunno("the sender is the null address")
_SENDER_FQDN = dunno("the sender's domain is fully qualified")
_SENDER_SHORT = refuse(
    "the sender's domain is not fully qualified",
    504,
    "5.5.2",
    "need fully-qualified address",
    about=Subject.SENDER,
)
_SENDER_FOREIGN = dunno("the sender's domain is not ours")
_SENDER_LISTED = dunno("the sender's address exists")
_SENDER_UNLISTED = refuse(
    "nobody here has the sender's address",
    550,
    "5.1.0",
    "User unknown in virtual mailbox table",
    about=Subject.SENDER,
)
_SENDER_ELSEWHERE = dunno("only the host of the sender's domain knows the address")
_SENDER_NOT_RELAYED = refuse(
    "the sender is not among those of its domain that mail is passed on for",
    550,
    "5.1.0",
    "User unknown in relay recipient table",
    about=Subject.SENDER,
)
_HAS_LOGGED_IN = dunno("the client has logged in")
_ANONYMOUS = dunno("the client has not logged in")
_OWNED = dunno("the sender's address belongs to the user who has logged in")
_OWNERLESS = dunno("the sender's address belongs to nobody here")
_STRANGER = refuse(
    "the sender's address belongs to somebody here, and nobody has logged in",
    553,
    "5.7.1",
    "not logged in",
    about=Subject.SENDER,
)


async def reject_non_fqdn_sender(facts: Facts, _oracle: Oracle) -> Answer:
    """A domain of one label."""
    if facts.sender is None:
        return _NULL_SENDER
    return _SENDER_FQDN if is_qualified(facts.sender) else _SENDER_SHORT


async def reject_unlisted_sender(facts: Facts, oracle: Oracle) -> Answer:
    """An address in a domain of ours that nobody here has."""
    sender = facts.sender
    if sender is None:
        return _NULL_SENDER
    if not await oracle.accounts.is_local(sender.domain):
        return _SENDER_FOREIGN
    listed = await oracle.accounts.is_listed(sender)
    if listed is Elsewhere.ASK:
        return _SENDER_ELSEWHERE
    if listed is Elsewhere.ABSENT:
        return _SENDER_NOT_RELAYED
    return _SENDER_LISTED if listed else _SENDER_UNLISTED


async def reject_authenticated_sender_login_mismatch(facts: Facts, oracle: Oracle) -> Answer:
    """An address that is not of the user who has logged in."""
    login, sender = facts.login, facts.sender
    if login is None:
        return _ANONYMOUS
    if sender is None:
        return _NULL_SENDER
    return _OWNED if await oracle.accounts.owns(login.user, sender) else _not_owned(login.user)


async def reject_unauthenticated_sender_login_mismatch(facts: Facts, oracle: Oracle) -> Answer:
    """An address of somebody here, where nobody has logged in."""
    if facts.login is not None:
        return _HAS_LOGGED_IN
    if facts.sender is None:
        return _NULL_SENDER
    return _STRANGER if await oracle.accounts.has_owner(facts.sender) else _OWNERLESS


async def reject_sender_login_mismatch(facts: Facts, oracle: Oracle) -> Answer:
    """Both: who owns an address logs in, and sends as himself."""
    if facts.login is None:
        return await reject_unauthenticated_sender_login_mismatch(facts, oracle)
    return await reject_authenticated_sender_login_mismatch(facts, oracle)


async def reject_known_sender_login_mismatch(facts: Facts, oracle: Oracle) -> Answer:
    """As `reject_sender_login_mismatch`, but foreign addresses may be sent as (Postfix 2.11)."""
    login, sender = facts.login, facts.sender
    if sender is None:
        return _NULL_SENDER
    if not await oracle.accounts.has_owner(sender):
        return _OWNERLESS
    if login is None:
        return _STRANGER
    return _OWNED if await oracle.accounts.owns(login.user, sender) else _not_owned(login.user)


def _not_owned(user: str) -> Answer:
    why = f"the sender's address does not belong to {user}, who has logged in"
    return refuse(why, 553, "5.7.1", f"not owned by user {user}", about=Subject.SENDER)
