"""The name of a connecting client, by the reverse look-up and the look-up that confirms it.

Anybody may write any name into the reverse zone of his addresses; only a name whose own addresses
contain the client's is the client's (Postfix's smtpd_peer does the same). The name that is not
confirmed is kept apart, for rules that ask for it. Where a name is missing only because the DNS did
not answer, that is said, so that policy can defer and does not refuse for good.

A search is a value that grows: when its time is over, what was found by then counts.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from ipaddress import ip_address

import dns.reversename

from postroad.model import Client
from postroad.model.address import domain_key, is_domain
from postroad.net.dns_records import DnsTemporary, Records, RecordType

__all__ = ["NameSearch"]

MAX_NAMES = 8
"""Reverse names of one address that are tried; more than a few are there to waste time."""

_UNKNOWN = "unknown"  # Postfix's word for a name that is none

Ask = Callable[[str, RecordType], Awaitable[Records]]


class NameSearch:
    """The search for the name of one client."""

    def __init__(self, client: Client, ask: Ask) -> None:
        """Nothing is asked yet: the names are not known because the DNS has not answered.

        Args:
            client: who connected; it has an IP address, not this machine's own.
            ask: puts a question to the DNS; raises `DnsTemporary`.
        """
        self._client = client
        self._ask = ask
        self._address = ip_address(client.address)
        self._name = self._reverse = _UNKNOWN
        self._name_unsure = self._reverse_unsure = True

    @property
    def found(self) -> Client:
        """The client with the names that were found so far."""
        return replace(
            self._client,
            name=self._name,
            reverse_name=self._reverse,
            name_unsure=self._name_unsure,
            reverse_unsure=self._reverse_unsure,
        )

    async def run(self) -> None:
        """Look until a name is confirmed, or there is nothing left to ask."""
        reverse = dns.reversename.from_address(str(self._address)).to_text(omit_final_dot=True)
        try:
            values = (await self._ask(reverse, "PTR")).values
        except DnsTemporary:
            return
        names = [name for name in map(domain_key, values[:MAX_NAMES]) if _is_name(name)]
        self._reverse_unsure = False
        self._reverse = next(iter(names), _UNKNOWN)
        unanswered = False
        for name in names:
            try:
                confirmed = await self._is_at(name)
            except DnsTemporary:
                unanswered = True
            else:
                if confirmed:
                    self._confirm(name)
                    return
        self._name_unsure = unanswered

    async def _is_at(self, name: str) -> bool:
        """Whether the client's address is one of a name's. The other family is not asked."""
        kind: RecordType = "A" if self._address.version == 4 else "AAAA"
        values = (await self._ask(name, kind)).values
        return self._address in map(ip_address, values)

    def _confirm(self, name: str) -> None:
        self._name = self._reverse = name
        self._name_unsure = self._reverse_unsure = False


def _is_name(name: str) -> bool:
    """Whether it can be a host's name. One in digits could be taken for an address."""
    if name == "localhost" or name.endswith(".localhost") or not name.isascii():
        return False  # RFC 6761 §6.3: that is never somebody elsewhere
    return is_domain(name) and not name.rpartition(".")[2].isdigit()
