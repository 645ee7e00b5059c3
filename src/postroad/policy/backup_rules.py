"""`permit_mx_backup`: mail for a domain that names us as a mail exchanger, but not as its best.

Anybody may name us. Where `mx_backup_networks` says in which networks the best mail exchangers of
such a domain must be, only those who have them there get anything; without it the relay proof
counts this as a way to other domains, which it is.

A host that cannot be looked up may be ours: what is refused then is deferred.
"""

from __future__ import annotations

from postroad.model.address import domain_key
from postroad.policy.answer import Answer, Subject, defer_if_reject, dunno, permit
from postroad.policy.context import Context
from postroad.policy.destination import TAKEN, Destination, destination, is_routed
from postroad.policy.facts import Facts, LookupUnavailable, Names, Oracle
from postroad.policy.mail_hosts import addresses_of, exchangers_of
from postroad.policy.networks import Networks
from postroad.policy.restriction import Check

__all__ = ["permit_mx_backup"]

_NO_RECIPIENT = dunno("there is no single recipient")
_ROUTED = dunno("the recipient has a route in it, which its host may follow")
_LITERAL = dunno("an address literal has no mail exchanger")
_NO_EXCHANGER = dunno("the recipient's domain has no mail exchanger")
_NOT_NAMED = dunno("the recipient's domain does not name us as a mail exchanger")
_PRIMARY = dunno("the recipient's domain names us as its best mail exchanger, not as a backup")
_ELSEWHERE = dunno("the best mail exchangers of the recipient's domain are not in our networks")
_BACKUP = permit("the recipient's domain names us as a backup mail exchanger")


def permit_mx_backup(_argument: str, context: Context) -> Check:
    """Mail that we may keep for a domain while its own hosts are away."""

    async def check(facts: Facts, oracle: Oracle) -> Answer:
        recipient = facts.recipient
        if recipient is None:
            return _NO_RECIPIENT
        domain = recipient.domain
        found = await destination(recipient, oracle)
        if found in TAKEN:
            return permit(found.value)
        if found is Destination.ROUTED or is_routed(recipient):
            return _ROUTED
        if domain.startswith("["):
            return _LITERAL
        try:
            listed = exchangers_of(await oracle.names.records(domain, "MX"))
        except LookupUnavailable:
            return _unsure("mail exchanger information: Host not found, try again")
        return await _Search(context, oracle.names).answer(listed)

    return check


def _unsure(what: str) -> Answer:
    why = "the DNS does not tell whether we are a mail exchanger of the recipient's domain"
    return defer_if_reject(why, "4.4.4", f"Unable to look up {what}", Subject.RECIPIENT)


class _Search:
    """Looks for us among the mail exchangers of a domain."""

    def __init__(self, context: Context, names: Names) -> None:
        self._context = context
        self._names = names
        self._unsure: Answer | None = None

    async def answer(self, listed: tuple[tuple[int, str], ...]) -> Answer:
        """What follows of the mail exchangers, the best first."""
        best = [host for preference, host in listed if host and preference == listed[0][0]]
        others = [host for preference, host in listed if host and preference != listed[0][0]]
        if not best:
            return _NO_EXCHANGER
        if await self._has_us(best):
            return _PRIMARY
        if not await self._has_us(others):
            return self._unsure or _NOT_NAMED
        allowed = Networks(self._context.settings.mx_backup_networks)
        if (allowed.v4 or allowed.v6) and not await self._within(best, allowed):
            return self._unsure or _ELSEWHERE
        return _BACKUP

    async def _has_us(self, hosts: list[str]) -> bool:
        """Whether one of the hosts is this one, by its name or else by an address."""
        if domain_key(self._context.hostname) in map(domain_key, hosts):
            return True
        for host in hosts:
            if any(map(self._context.is_own, await self._addresses(host))):
                return True
        return False

    async def _within(self, hosts: list[str], allowed: Networks) -> bool:
        """Whether each of these hosts has addresses, and all of them are in the networks."""
        for host in hosts:
            addresses = await self._addresses(host)
            if not addresses or not all(map(allowed.contains, addresses)):
                return False
        return True

    async def _addresses(self, host: str) -> tuple[str, ...]:
        """The addresses of a host; that there are none is noted, in the words of getaddrinfo(3)."""
        wrong = "Name or service not known"
        try:
            found = await addresses_of(self._names, host)
        except LookupUnavailable:
            found, wrong = (), "Temporary failure in name resolution"
        if not found:
            what = f"mail exchanger host {host}: {wrong}"
            self._unsure = self._unsure or _unsure(what)
        return found
