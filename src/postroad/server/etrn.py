"""ETRN: a site whose connection comes and goes has its queue started (RFC 1985).

Who may start which queue is the operator's list; there is no other right to it, since it costs
connections and tells who has mail here. A site that nobody listed and one that is another's get
the same answer.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Self

from postroad.model import Client, Login, Reply
from postroad.model.address import belongs_to, domain_key
from postroad.policy import Networks
from postroad.server.authorization import name_form
from postroad.server.settings import EtrnSettings
from postroad.smtp import replies

__all__ = ["Flush", "FlushError", "QueueStarting", "Site"]

Flush = Callable[[str], Awaitable[int]]
"""Makes the deferred mail of a domain due now, in the queues of all workers, and tells for how
many recipients. Raises `FlushError`."""


class FlushError(Exception):
    """The queues cannot be started now; why has been logged."""


@dataclass(frozen=True, slots=True)
class Site:
    """Who may start the queue of a domain.

    Attributes:
        networks: clients by address.
        users: who has logged in, by account, in the form in which names are compared.
    """

    networks: Networks
    users: frozenset[str]

    def allows(self, client: Client, login: Login | None) -> bool:
        """Whether this client is one of them."""
        if self.networks.contains(client.network_address):
            return True
        return login is not None and name_form(login.user) in self.users


async def _nothing(_: str) -> int:
    return 0


@dataclass(frozen=True, slots=True)
class QueueStarting:
    """What ETRN goes by.

    Attributes:
        sites: by domain, in the form in which domains are compared.
        flush: starts the queue of one.
    """

    sites: Mapping[str, Site] = field(default_factory=dict)
    flush: Flush = _nothing

    @classmethod
    def of(cls, settings: Mapping[str, EtrnSettings], flush: Flush) -> Self:
        """Read `[etrn]`."""
        sites = {
            domain_key(domain): Site(Networks(each.networks), frozenset(map(name_form, each.users)))
            for domain, each in settings.items()
        }
        return cls(sites, flush)

    def is_for(self, client: Client, *, logins: bool) -> bool:
        """Whether ETRN is worth announcing to a client.

        Args:
            client: who connected.
            logins: whether it may log in yet.
        """
        return any(
            site.networks.contains(client.network_address) or (logins and site.users)
            for site in self.sites.values()
        )

    async def start(self, node: str, client: Client, login: Login | None) -> Reply:
        """Start the queue of a site, if the client may.

        Args:
            node: a domain, or `@domain` for it and all below it.
            client: who asks.
            login: who logged in.

        Returns:
            250, or 251 where nothing waits; 458 for not now, 459 for not for you (RFC 1985 §5.3).
        """
        domains = [name for name in self._meant(node) if self.sites[name].allows(client, login)]
        if not domains:
            return replies.etrn_refused(node)
        try:
            waiting = sum([await self.flush(domain) for domain in domains])
        except FlushError:
            return replies.UNABLE_TO_QUEUE
        if not waiting:
            return Reply.of(251, "2.0.0", f"No messages waiting for {node}")
        return replies.QUEUING_STARTED

    def _meant(self, node: str) -> list[str]:
        domain = domain_key(node.removeprefix("@"))
        if not node.startswith("@"):
            return [domain] if domain in self.sites else []
        return [name for name in self.sites if belongs_to(name, domain)]
