"""The restrictions by their names in Postfix: one function each, and the table.

A restriction is a pure function of `Facts` that may ask an `Oracle`; it returns an `Answer` and has
no effect. It reads only what it decides on: the relay proof runs the same function for a stranger
of whom little is known, and takes any look at what is not known for "it may say anything".

To add one: write the function, enter it in `RESTRICTIONS`, add a golden script and a row in
`docs/reference/restrictions.md`. Replies are Postfix's word for word. Answers that do not depend on
the transaction are constants, since they are given for every recipient.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from postroad.model import Address
from postroad.policy.answer import (
    Action,
    Answer,
    Form,
    Refusal,
    Stage,
    Subject,
    dunno,
    permit,
    refuse,
)
from postroad.policy.facts import Facts, Oracle
from postroad.policy.hostname import is_address_literal, is_fqdn, is_hostname, is_ip_address

__all__ = ["RESTRICTIONS", "Check", "Restriction", "reject_unauth_destination"]

Check = Callable[[Facts, Oracle], Awaitable[Answer]]

AT_RCPT = frozenset(Stage) - {Stage.DATA}
"""Where a recipient is known: with several of them, DATA is about none in particular."""
ANYWHERE = frozenset(Stage)


@dataclass(frozen=True, slots=True)
class Restriction:
    """One entry of the table.

    Attributes:
        check: the function.
        about: whom it looks at, and so whom a failed look-up is about; `None` means the subject
            of the list that it stands in.
        stages: the lists in which it makes sense.
        permits: whether it can permit. The engine takes the permit of any other for no opinion,
            and the relay proof relies on that.
        final: whether it always decides, so that nothing after it is ever asked.
    """

    check: Check
    about: Subject | None = None
    stages: frozenset[Stage] = ANYWHERE
    permits: bool = False
    final: bool = False


# Every transaction ------------------------------------------------------------------------------

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


async def _permit(_facts: Facts, _oracle: Oracle) -> Answer:
    return _PERMIT


async def _reject(_facts: Facts, _oracle: Oracle) -> Answer:
    return _REJECT


async def _defer(_facts: Facts, _oracle: Oracle) -> Answer:
    return _DEFER


async def _defer_if_permit(_facts: Facts, _oracle: Oracle) -> Answer:
    return _DEFER_IF_PERMIT


async def _defer_if_reject(_facts: Facts, _oracle: Oracle) -> Answer:
    return _DEFER_IF_REJECT


# The client -------------------------------------------------------------------------------------

_TRUSTED = permit("the client is in trusted_networks")
_UNTRUSTED = dunno("the client is not in trusted_networks")
_LOGGED_IN = permit("the client has logged in")
_LOGGED_IN_NO_OPINION = dunno("the client has logged in")
_ANONYMOUS = dunno("the client has not logged in")
_ENCRYPTED = dunno("the session is encrypted")
_PLAINTEXT = refuse(
    "the session is not encrypted",
    450,
    "4.7.1",
    "Session encryption is required",
    about=Subject.CLIENT,
    form=Form.PLAIN,
)


async def _permit_mynetworks(facts: Facts, _oracle: Oracle) -> Answer:
    return _TRUSTED if facts.trusted else _UNTRUSTED


async def _permit_sasl_authenticated(facts: Facts, _oracle: Oracle) -> Answer:
    return _ANONYMOUS if facts.login is None else _LOGGED_IN


async def _reject_plaintext_session(facts: Facts, _oracle: Oracle) -> Answer:
    return _PLAINTEXT if facts.tls is None else _ENCRYPTED


# The name in HELO -------------------------------------------------------------------------------
# It must be ASCII, for it comes before the client can know of SMTPUTF8 (RFC 6531 §3.7.1).

_NO_HELO = dunno("the client gave no name")
_HELO_VALID = dunno("the name in HELO is a host name or an IP address")
_HELO_FQDN = dunno("the name in HELO is fully qualified")
_HELO_LITERAL = dunno("HELO gives an address literal")
_HELO_BAD_LITERAL = refuse(
    "HELO gives an address literal that is none",
    501,
    "5.5.2",
    "invalid ip address",
    about=Subject.HELO,
)
_HELO_INVALID = refuse(
    "the name in HELO is no host name", 501, "5.5.2", "Invalid name", about=Subject.HELO
)
_HELO_SHORT = refuse(
    "the name in HELO is not fully qualified",
    504,
    "5.5.2",
    "need fully-qualified hostname",
    about=Subject.HELO,
)


async def _reject_invalid_helo_hostname(facts: Facts, _oracle: Oracle) -> Answer:
    helo = facts.helo
    if not helo:
        return _NO_HELO
    if helo.startswith("["):
        return _HELO_LITERAL if is_address_literal(helo) else _HELO_BAD_LITERAL
    valid = is_ip_address(helo) or (helo.isascii() and is_hostname(helo))
    return _HELO_VALID if valid else _HELO_INVALID


async def _reject_non_fqdn_helo_hostname(facts: Facts, _oracle: Oracle) -> Answer:
    helo = facts.helo
    if not helo:
        return _NO_HELO
    if helo.startswith("["):
        return _HELO_LITERAL if is_address_literal(helo) else _HELO_BAD_LITERAL
    return _HELO_FQDN if helo.isascii() and is_fqdn(helo) else _HELO_SHORT


# The sender -------------------------------------------------------------------------------------
# The null reverse-path is exempt from all of them, as in Postfix: bounces must get through.

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
_OWNED = dunno("the sender's address belongs to the user who has logged in")
_OWNERLESS = dunno("the sender's address belongs to nobody here")
_STRANGER = refuse(
    "the sender's address belongs to somebody here, and nobody has logged in",
    553,
    "5.7.1",
    "not logged in",
    about=Subject.SENDER,
)


async def _reject_non_fqdn_sender(facts: Facts, _oracle: Oracle) -> Answer:
    if facts.sender is None:
        return _NULL_SENDER
    return _SENDER_FQDN if _is_qualified(facts.sender) else _SENDER_SHORT


async def _reject_unlisted_sender(facts: Facts, oracle: Oracle) -> Answer:
    sender = facts.sender
    if sender is None:
        return _NULL_SENDER
    if not await oracle.is_local(sender.domain):
        return _SENDER_FOREIGN
    return _SENDER_LISTED if await oracle.is_listed(sender) else _SENDER_UNLISTED


async def _reject_authenticated_sender_login_mismatch(facts: Facts, oracle: Oracle) -> Answer:
    login, sender = facts.login, facts.sender
    if login is None:
        return _ANONYMOUS
    if sender is None:
        return _NULL_SENDER
    return _OWNED if await oracle.owns(login.user, sender) else _not_owned(login.user)


async def _reject_unauthenticated_sender_login_mismatch(facts: Facts, oracle: Oracle) -> Answer:
    if facts.login is not None:
        return _LOGGED_IN_NO_OPINION
    if facts.sender is None:
        return _NULL_SENDER
    return _STRANGER if await oracle.has_owner(facts.sender) else _OWNERLESS


async def _reject_sender_login_mismatch(facts: Facts, oracle: Oracle) -> Answer:
    if facts.login is None:
        return await _reject_unauthenticated_sender_login_mismatch(facts, oracle)
    return await _reject_authenticated_sender_login_mismatch(facts, oracle)


async def _reject_known_sender_login_mismatch(facts: Facts, oracle: Oracle) -> Answer:
    """As `reject_sender_login_mismatch`, but foreign addresses may be sent as (Postfix 2.11)."""
    login, sender = facts.login, facts.sender
    if sender is None:
        return _NULL_SENDER
    if not await oracle.has_owner(sender):
        return _OWNERLESS
    if login is None:
        return _STRANGER
    return _OWNED if await oracle.owns(login.user, sender) else _not_owned(login.user)


def _not_owned(user: str) -> Answer:
    why = f"the sender's address does not belong to {user}, who has logged in"
    return refuse(why, 553, "5.7.1", f"not owned by user {user}", about=Subject.SENDER)


# The recipient ----------------------------------------------------------------------------------

_NO_RECIPIENT = dunno("there is no single recipient")
_OURS = permit("the recipient's domain is ours")
_OURS_NO_OPINION = dunno("the recipient's domain is ours")
_FOREIGN = dunno("the recipient's domain is not ours")
_RELAY_DENIED = refuse(
    "the recipient's domain is not ours",
    554,
    "5.7.1",
    "Relay access denied",
    about=Subject.RECIPIENT,
    form=Form.NAMED,
)
_RELAY_DEFERRED = refuse(
    "the recipient's domain is not ours",
    454,
    "4.7.1",
    "Relay access denied",
    about=Subject.RECIPIENT,
    form=Form.NAMED,
)
_LISTED = dunno("the recipient exists")
_UNLISTED = refuse(
    "nobody here has the recipient's address",
    550,
    "5.1.1",
    "User unknown in virtual mailbox table",
    about=Subject.RECIPIENT,
)
_RECIPIENT_FQDN = dunno("the recipient's domain is fully qualified")
_RECIPIENT_SHORT = refuse(
    "the recipient's domain is not fully qualified",
    504,
    "5.5.2",
    "need fully-qualified address",
    about=Subject.RECIPIENT,
)


async def _permit_auth_destination(facts: Facts, oracle: Oracle) -> Answer:
    if facts.recipient is None:
        return _NO_RECIPIENT
    return _OURS if await oracle.is_local(facts.recipient.domain) else _FOREIGN


async def reject_unauth_destination(facts: Facts, oracle: Oracle) -> Answer:
    """Mail for another domain is refused. Public because the relay list ends with it."""
    if facts.recipient is None:
        return _NO_RECIPIENT
    return _OURS_NO_OPINION if await oracle.is_local(facts.recipient.domain) else _RELAY_DENIED


async def _defer_unauth_destination(facts: Facts, oracle: Oracle) -> Answer:
    if facts.recipient is None:
        return _NO_RECIPIENT
    return _OURS_NO_OPINION if await oracle.is_local(facts.recipient.domain) else _RELAY_DEFERRED


async def _reject_unlisted_recipient(facts: Facts, oracle: Oracle) -> Answer:
    recipient = facts.recipient
    if recipient is None:
        return _NO_RECIPIENT
    if not await oracle.is_local(recipient.domain):
        return _FOREIGN
    return _LISTED if await oracle.is_listed(recipient) else _UNLISTED


async def _reject_non_fqdn_recipient(facts: Facts, _oracle: Oracle) -> Answer:
    if facts.recipient is None:
        return _NO_RECIPIENT
    return _RECIPIENT_FQDN if _is_qualified(facts.recipient) else _RECIPIENT_SHORT


def _is_qualified(address: Address) -> bool:
    return address.domain.startswith("[") or is_fqdn(address.domain)


RESTRICTIONS: dict[str, Restriction] = {
    "permit": Restriction(_permit, permits=True, final=True),
    "reject": Restriction(_reject, final=True),
    "defer": Restriction(_defer, final=True),
    "defer_if_permit": Restriction(_defer_if_permit),
    "defer_if_reject": Restriction(_defer_if_reject),
    "permit_mynetworks": Restriction(_permit_mynetworks, Subject.CLIENT, permits=True),
    "permit_sasl_authenticated": Restriction(
        _permit_sasl_authenticated, Subject.CLIENT, permits=True
    ),
    "reject_plaintext_session": Restriction(_reject_plaintext_session, Subject.CLIENT),
    "reject_invalid_helo_hostname": Restriction(_reject_invalid_helo_hostname, Subject.HELO),
    "reject_non_fqdn_helo_hostname": Restriction(_reject_non_fqdn_helo_hostname, Subject.HELO),
    "reject_non_fqdn_sender": Restriction(_reject_non_fqdn_sender, Subject.SENDER),
    "reject_unlisted_sender": Restriction(_reject_unlisted_sender, Subject.SENDER),
    "reject_sender_login_mismatch": Restriction(_reject_sender_login_mismatch, Subject.SENDER),
    "reject_authenticated_sender_login_mismatch": Restriction(
        _reject_authenticated_sender_login_mismatch, Subject.SENDER
    ),
    "reject_unauthenticated_sender_login_mismatch": Restriction(
        _reject_unauthenticated_sender_login_mismatch, Subject.SENDER
    ),
    "reject_known_sender_login_mismatch": Restriction(
        _reject_known_sender_login_mismatch, Subject.SENDER
    ),
    "permit_auth_destination": Restriction(
        _permit_auth_destination, Subject.RECIPIENT, AT_RCPT, permits=True
    ),
    "reject_unauth_destination": Restriction(reject_unauth_destination, Subject.RECIPIENT, AT_RCPT),
    "defer_unauth_destination": Restriction(_defer_unauth_destination, Subject.RECIPIENT, AT_RCPT),
    "reject_unlisted_recipient": Restriction(
        _reject_unlisted_recipient, Subject.RECIPIENT, AT_RCPT
    ),
    "reject_non_fqdn_recipient": Restriction(
        _reject_non_fqdn_recipient, Subject.RECIPIENT, AT_RCPT
    ),
}
