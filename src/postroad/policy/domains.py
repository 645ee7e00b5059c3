"""What restrictions on senders and on recipients ask alike of an address and its domain.

Two pairs of restrictions differ in nothing but whose address they look at; they are made here.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from postroad.model import Address
from postroad.policy.answer import Answer, Subject, defer_if_permit, dunno, refuse
from postroad.policy.context import Context
from postroad.policy.facts import Facts, LookupUnavailable, Oracle, VerificationStatus
from postroad.policy.hostname import is_fqdn
from postroad.policy.mail_hosts import has_address, is_null_mx
from postroad.policy.restriction import Check

__all__ = ["is_qualified", "taken", "unknown_domain", "unverified"]

_LONGEST_WHY = 250  # octets of another host's words in our reply, as in Postfix

_OURS = dunno("the domain is ours")
_LITERAL = dunno("an address literal needs no name")
_HAS_MX = dunno("the domain has a mail exchanger")
_HAS_ADDRESS = dunno("the domain has an address")
_DELIVERABLE = dunno("mail for the address is taken")

_NONE = {
    Subject.SENDER: dunno("the sender is the null address"),
    Subject.RECIPIENT: dunno("there is no single recipient"),
}
_WHO = {Subject.SENDER: "the sender's", Subject.RECIPIENT: "the recipient's"}
_NOT_FOUND = {Subject.SENDER: "4.1.8", Subject.RECIPIENT: "4.1.2"}
_NULL_MX = {Subject.SENDER: (550, "5.7.27"), Subject.RECIPIENT: (556, "5.1.10")}
_UNVERIFIED = {Subject.SENDER: "4.1.7", Subject.RECIPIENT: "4.1.1"}


def is_qualified(address: Address) -> bool:
    """Whether the domain has at least two labels, or is a literal."""
    return address.domain.startswith("[") or is_fqdn(address.domain)


def unknown_domain(about: Subject) -> Callable[[str, Context], Check]:
    """`reject_unknown_sender_domain` or `…_recipient_domain`.

    It refuses a domain that mail, or a reply, cannot be sent to: no mail exchanger and no address,
    or a null MX (RFC 5321 §5.1, RFC 7505).

    Args:
        about: whose address.
    """

    def make(_argument: str, context: Context) -> Check:
        code = context.settings.unknown_address_reject_code

        async def check(facts: Facts, oracle: Oracle) -> Answer:
            address = _address(facts, about)
            return _NONE[about] if address is None else await _known(address, oracle, code, about)

        return check

    return make


def unverified(about: Subject) -> Callable[[str, Context], Check]:
    """`reject_unverified_sender` or `…_recipient`: an address that its host does not take mail for.

    Args:
        about: whose address.
    """

    def make(_argument: str, context: Context) -> Check:
        settings = context.settings
        code = {
            Subject.SENDER: settings.unverified_sender_reject_code,
            Subject.RECIPIENT: settings.unverified_recipient_reject_code,
        }[about]

        async def check(facts: Facts, oracle: Oracle) -> Answer:
            address = _address(facts, about)
            return _NONE[about] if address is None else await taken(address, oracle, code, about)

        return check

    return make


def _address(facts: Facts, about: Subject) -> Address | None:
    return facts.sender if about is Subject.SENDER else facts.recipient


async def _known(address: Address, oracle: Oracle, code: int, about: Subject) -> Answer:
    domain = address.domain
    if not domain or domain.startswith("["):
        return _LITERAL
    if await oracle.accounts.is_local(domain):
        return _OURS
    exchangers: tuple[str, ...] | None = None
    with contextlib.suppress(LookupUnavailable):  # an address tells as well that it exists
        exchangers = await oracle.names.records(domain, "MX")
    if exchangers and is_null_mx(exchangers):
        why = f"{_WHO[about]} domain says that it takes no mail (RFC 7505)"
        words = f"Domain {domain} does not accept mail (nullMX)"
        return refuse(why, *_NULL_MX[about], words, about=about)
    if exchangers:
        return _HAS_MX
    try:
        if await has_address(oracle.names, domain):
            return _HAS_ADDRESS
    except LookupUnavailable:
        exchangers = None
    if exchangers is None:
        why = f"the DNS does not tell of {_WHO[about]} domain now"
        return defer_if_permit(why, _NOT_FOUND[about], "Domain not found", about)
    why = f"{_WHO[about]} domain has neither a mail exchanger nor an address"
    return refuse(why, code, _NOT_FOUND[about], "Domain not found", about=about)


async def taken(address: Address, oracle: Oracle, code: int, about: Subject) -> Answer:
    """Whether the host of an address takes mail for it.

    A refusal with a 4xx code waits for a permit, as in Postfix: all may be well tomorrow.
    """
    found = await oracle.agents.verify(address, sender=about is Subject.SENDER)
    if found.status is VerificationStatus.DELIVERABLE:
        return _DELIVERABLE
    why = f"mail for {_WHO[about]} address is not taken by its host"
    unknown = found.status is VerificationStatus.UNKNOWN
    if unknown or code < 500:
        if unknown:
            why = f"whether mail for {_WHO[about]} address is taken is not known yet"
        said = found.why.encode("utf-8", "replace")[:_LONGEST_WHY].decode(errors="ignore")
        words, code = f"unverified address: {said}", 450 if unknown else code
        return defer_if_permit(why, _UNVERIFIED[about], words, about, code=code)
    words = f"undeliverable address: {found.why}"
    return refuse(why, code, _UNVERIFIED[about], words, about=about)
