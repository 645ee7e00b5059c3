"""Where a recipient's mail goes: to which transport, and to which next hop.

The router knows names, not networks: it asks only whether a domain is ours. The next hop it gives
is also the key by which the queue groups recipients, so it holds nothing that differs between
recipients that could share a transaction.

A content filter goes before all of that, for recipients here as for others (access(5), FILTER). A
filter that speaks SMTP has a transport of its own: what next hops in the world have to be, a
login at the smarthost or TLS, is asked of no filter, and one that is stuck holds up nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from postroad.delivery.nexthop import LmtpTarget, Nexthop
from postroad.model import Address, ContentFilter
from postroad.model.address import domain_key

__all__ = ["FILTER", "LocalDomains", "Route", "Router"]

FILTER = "filter/smtp"
"""The transport of content filters that speak SMTP; the log names deliveries by it."""

_LMTP = "lmtp:"


class LocalDomains(Protocol):
    """Who knows which domains are ours."""

    async def is_local(self, domain: str) -> bool:
        """Whether mailboxes of the domain live here."""
        ...


@dataclass(frozen=True, slots=True)
class Route:
    """A transport's name and the next hop it is given.

    The names are `smtp`, `filter/smtp`, `lmtp`, `local` and `capture`.
    """

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
        self._captures = capture

    async def route(self, address: Address, content_filter: ContentFilter | None = None) -> Route:
        """The route for mail to this address.

        Errors of the directory behind `is_local` pass through: without its answer there is none.

        Args:
            address: the recipient.
            content_filter: what the message has to go through, if anything.
        """
        domain = domain_key(address.domain)
        if content_filter is not None:
            return self._through(content_filter, domain)
        if await self._domains.is_local(domain):
            return Route("lmtp", self._lmtp) if self._lmtp else Route("local", domain)
        return self._away or Route("smtp", domain)

    def _through(self, content_filter: ContentFilter, domain: str) -> Route:
        """The route to a content filter; where mail is caught, none of it goes there either.

        A filter without a next hop is only another transport: the world is its other end.
        """
        transport, nexthop = content_filter.transport, content_filter.nexthop
        if transport == "capture" or (transport == "smtp" and self._captures):
            return Route("capture", "capture")
        if transport == "smtp" and nexthop:
            return Route(FILTER, nexthop)
        return Route(transport, nexthop or domain)


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
