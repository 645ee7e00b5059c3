"""Where a recipient's mail goes: to which transport, and to which next hop.

The router knows names, not networks: it asks only whether a domain is ours. The next hop it gives
is also the key by which the queue groups recipients, so it holds nothing that differs between
recipients that could share a transaction.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from postroad.delivery.nexthop import LmtpTarget, Nexthop
from postroad.model import Address
from postroad.model.address import domain_key

__all__ = ["LocalDomains", "Route", "Router"]

_LMTP = "lmtp:"


class LocalDomains(Protocol):
    """Who knows which domains are ours."""

    async def is_local(self, domain: str) -> bool:
        """Whether mailboxes of the domain live here."""
        ...


@dataclass(frozen=True, slots=True)
class Route:
    """A transport's name (`smtp`, `lmtp`, `local`, `capture`) and the next hop it is given."""

    transport: str
    nexthop: str


class Router:
    """Decides the route of each recipient."""

    def __init__(
        self, domains: LocalDomains, *, mailbox: str = "maildir", smarthost: str = "", capture: bool
    ) -> None:
        """Take what decides.

        Args:
            domains: who knows our domains.
            mailbox: `[mailbox].transport`: `maildir`, `lmtp:unix:/path` or `lmtp:inet:host:port`.
            smarthost: `[relay].smarthost`; empty for none.
            capture: whether mail for other domains is caught instead of sent.

        Raises:
            ValueError: `mailbox` or `smarthost` is misspelt; the message is for the operator.
        """
        self._domains = domains
        self._lmtp = _lmtp_target(mailbox)
        self._away = _away(smarthost, capture=capture)

    async def route(self, address: Address) -> Route:
        """The route for mail to this address.

        Errors of the directory behind `is_local` pass through: without its answer there is none.
        """
        domain = domain_key(address.domain)
        if await self._domains.is_local(domain):
            return Route("lmtp", self._lmtp) if self._lmtp else Route("local", domain)
        return self._away or Route("smtp", domain)


def _lmtp_target(mailbox: str) -> str:
    """The mail store's LMTP socket, checked; empty where mail goes to our own Maildirs."""
    if mailbox == "maildir":
        return ""
    if not mailbox.startswith(_LMTP):
        raise ValueError(f'"{mailbox}" is no mailbox transport: expected "maildir" or "lmtp:…"')
    LmtpTarget.parse(mailbox.removeprefix(_LMTP))
    return mailbox.removeprefix(_LMTP)


def _away(smarthost: str, *, capture: bool) -> Route | None:
    """The one route of all mail that leaves, or `None` where each domain has its own."""
    if smarthost:
        Nexthop.parse(smarthost)
    if capture:
        return Route("capture", "capture")
    return Route("smtp", smarthost) if smarthost else None
