"""Restrictions that ask DNS lists about the client and about names in the transaction.

That a list does not answer is no reason to refuse (`reject_`), and none to let pass (`permit_`):
what a list would have let pass is deferred rather than refused then.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from postroad.model import Address
from postroad.policy.access_results import split_enhanced
from postroad.policy.answer import (
    Answer,
    Form,
    Subject,
    defer_if_reject,
    dunno,
    permit,
    refuse,
)
from postroad.policy.context import Context
from postroad.policy.dns_lists import LONGEST_REASON, DnsList, expand, reversed_address
from postroad.policy.facts import Facts, LookupUnavailable, Oracle
from postroad.policy.restriction import Check, Matter

__all__ = ["listed_address", "listed_name", "permitted_address", "permitted_name"]

REJECT_CODE = 554  # maps_rbl_reject_code

_NAMELESS = dunno("there is no name to ask about")
_NO_ADDRESS = dunno("the client has no IP address to ask about")
_FOREIGN = dunno("the list must not open the way to other domains")

Named = Callable[[Facts], str]
"""What of a transaction to ask a list about: a name or an address; empty: nothing."""


def listed_address() -> Callable[[str, Context], Check]:
    """`reject_rbl_client`."""

    def make(argument: str, context: Context) -> Check:
        named = DnsList.parse(argument)

        async def check(facts: Facts, oracle: Oracle) -> Answer:
            if not facts.client.has_address:
                return _NO_ADDRESS
            query = reversed_address(facts.client.address)
            what = facts.client.address
            return await _refused(
                named, query, what, Matter(Subject.CLIENT, context, facts, oracle)
            )

        return check

    return make


def listed_name(what: Named, about: Subject) -> Callable[[str, Context], Check]:
    """`reject_rhsbl_…` for one of the names."""

    def make(argument: str, context: Context) -> Check:
        named = DnsList.parse(argument)

        async def check(facts: Facts, oracle: Oracle) -> Answer:
            shown = what(facts)
            domain = shown.rpartition("@")[2].removesuffix(".")
            if not domain or domain.startswith("["):
                return _NAMELESS
            return await _refused(named, domain, shown, Matter(about, context, facts, oracle))

        return check

    return make


def permitted_address() -> Callable[[str, Context], Check]:
    """`permit_dnswl_client`."""

    def make(argument: str, _context: Context) -> Check:
        named = DnsList.parse(argument)

        async def check(facts: Facts, oracle: Oracle) -> Answer:
            if await _is_foreign(facts, oracle):
                return _FOREIGN
            if not facts.client.has_address:
                return _NO_ADDRESS
            address = facts.client.address
            return await _permitted(named, reversed_address(address), address, oracle)

        return check

    return make


def permitted_name(what: Named) -> Callable[[str, Context], Check]:
    """`permit_rhswl_client`."""

    def make(argument: str, _context: Context) -> Check:
        named = DnsList.parse(argument)

        async def check(facts: Facts, oracle: Oracle) -> Answer:
            if await _is_foreign(facts, oracle):
                return _FOREIGN
            name = what(facts)
            if not name:
                return _NAMELESS
            return await _permitted(named, name, name, oracle)

        return check

    return make


async def _refused(named: DnsList, entry: str, what: str, matter: Matter) -> Answer:
    about, context, facts, oracle = matter
    query = f"{entry}.{named.domain}"
    try:
        answers = await oracle.names.records(query, "A")
    except LookupUnavailable:
        return dunno(f"{named.domain} does not answer, and nobody is refused for that")
    if not any(map(named.counts, answers)):
        return dunno(f"{named.name} does not list {what}")
    reason = await _reason(query, oracle)
    template = context.settings.default_rbl_reply
    if context.settings.rbl_reply_maps:
        own = await oracle.tables.find(context.settings.rbl_reply_maps, named.name.lower())
        template = own or template
    values = _values(facts, named.domain, reason, what, about)
    code, enhanced, words = _reply(template, context.settings.default_rbl_reply, values, about)
    why = f"{named.domain} lists {what} ({', '.join(answers)})"
    return refuse(why, code, enhanced, words, about=about, form=Form.PLAIN)


async def _reason(query: str, oracle: Oracle) -> str:
    try:
        texts = await oracle.names.records(query, "TXT")
    except LookupUnavailable:
        return ""
    return " / ".join(text.strip('"') for text in texts)[:LONGEST_REASON]


def _reply(
    template: str, default: str, values: Mapping[str, str], about: Subject
) -> tuple[int, str, str]:
    """A list's own text, or what all have where that cannot be filled in; as in Postfix."""
    said = _expanded(template, values) or _expanded(default, values)
    code, _, words = said.partition(" ")
    if len(code) == 3 and code.isascii() and code.isdigit() and code[0] in "45":
        enhanced, words = split_enhanced(words, f"{code[0]}.7.1", about)
        return int(code), enhanced, words or "Service unavailable"
    return 450, "4.7.1", "Service unavailable"


def _expanded(template: str, values: Mapping[str, str]) -> str:
    try:
        return expand(template, values)
    except ValueError:
        return ""


def _values(facts: Facts, domain: str, reason: str, what: str, about: Subject) -> Mapping[str, str]:
    client = facts.client
    return {
        "client": str(client),
        "client_address": client.address,
        "client_name": client.name,
        "reverse_client_name": client.reverse_name,
        "helo_name": facts.helo,
        "rbl_class": about.value,
        "rbl_code": str(REJECT_CODE),
        "rbl_domain": domain,
        "rbl_reason": reason,
        "rbl_txt": reason,
        "rbl_what": what,
        **_of_address("sender", facts.sender, null="<>" if facts.mail else ""),
        **_of_address("recipient", facts.recipient, null=""),
    }


def _of_address(name: str, address: Address | None, null: str) -> Mapping[str, str]:
    whole, local, domain = null, null, ""
    if address is not None:
        whole, local, domain = str(address), address.local, address.domain
    return {name: whole, f"{name}_name": local, f"{name}_domain": domain}


async def _is_foreign(facts: Facts, oracle: Oracle) -> bool:
    """Asked before anything that a client can choose, so that the relay proof can rely on it."""
    recipient = facts.recipient
    return recipient is not None and not await oracle.accounts.is_local(recipient.domain)


async def _permitted(named: DnsList, entry: str, what: str, oracle: Oracle) -> Answer:
    try:
        answers = await oracle.names.records(f"{entry}.{named.domain}", "A")
    except LookupUnavailable:
        why = f"{named.domain} does not answer, and might have let the client pass"
        words = "Service unavailable"
        return defer_if_reject(why, "4.7.1", words, Subject.CLIENT, named=what)
    if any(map(named.counts, answers)):
        return permit(f"{named.domain} lists the client ({', '.join(answers)})")
    return dunno(f"{named.name} does not list the client")
