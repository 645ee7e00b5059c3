"""Restrictions that look at the name in HELO or EHLO.

It must be ASCII, for it comes before the client can know of SMTPUTF8 (RFC 6531 §3.7.1).
"""

from __future__ import annotations

from postroad.policy.answer import Answer, Subject, defer_if_permit, dunno, refuse
from postroad.policy.context import Context
from postroad.policy.facts import Facts, LookupUnavailable, Oracle
from postroad.policy.hostname import is_address_literal, is_fqdn, is_hostname, is_ip_address
from postroad.policy.mail_hosts import has_address, is_null_mx
from postroad.policy.restriction import Check

__all__ = [
    "reject_invalid_helo_hostname",
    "reject_non_fqdn_helo_hostname",
    "reject_unknown_helo_hostname",
]

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


async def reject_invalid_helo_hostname(facts: Facts, _oracle: Oracle) -> Answer:
    """A name that is neither a host name nor an IP address."""
    helo = facts.helo
    if not helo:
        return _NO_HELO
    if helo.startswith("["):
        return _HELO_LITERAL if is_address_literal(helo) else _HELO_BAD_LITERAL
    valid = is_ip_address(helo) or (helo.isascii() and is_hostname(helo))
    return _HELO_VALID if valid else _HELO_INVALID


async def reject_non_fqdn_helo_hostname(facts: Facts, _oracle: Oracle) -> Answer:
    """A name of one label."""
    helo = facts.helo
    if not helo:
        return _NO_HELO
    if helo.startswith("["):
        return _HELO_LITERAL if is_address_literal(helo) else _HELO_BAD_LITERAL
    return _HELO_FQDN if helo.isascii() and is_fqdn(helo) else _HELO_SHORT


_HELO_KNOWN = dunno("the name in HELO has an address or a mail exchanger")


def reject_unknown_helo_hostname(_argument: str, context: Context) -> Check:
    """A name that the DNS knows neither an address nor a mail exchanger of."""
    code = context.settings.unknown_hostname_reject_code

    async def check(facts: Facts, oracle: Oracle) -> Answer:
        helo = facts.helo
        if not helo:
            return _NO_HELO
        if helo.startswith("["):
            return _HELO_LITERAL if is_address_literal(helo) else _HELO_BAD_LITERAL
        try:
            known = await has_address(oracle.names, helo)
            if not known:
                exchangers = await oracle.names.records(helo, "MX")
                known = bool(exchangers) and not is_null_mx(exchangers)
        except LookupUnavailable:
            why = "the DNS does not tell of the name in HELO now"
            return defer_if_permit(why, "4.7.1", "Host not found", Subject.HELO)
        if known:
            return _HELO_KNOWN
        why = "the name in HELO has neither an address nor a mail exchanger"
        return refuse(why, code, "4.7.1", "Host not found", about=Subject.HELO)

    return check
