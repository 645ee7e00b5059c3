"""Delivery to a mail store by LMTP (RFC 2033): Dovecot's, for instance.

The same sessions and the same core as for SMTP, without mail exchangers, TLS or login: the store
is on this machine or in this network. It answers for each recipient, so one full mailbox delays
nobody else. With it the way of a message ends: REQUIRETLS and DELIVERBY ask nothing more of it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Protocol

from postroad.delivery.courier import Courier
from postroad.delivery.nexthop import LmtpTarget
from postroad.delivery.pool import Road, SessionPool
from postroad.delivery.search import OneSession
from postroad.delivery.session import Session, Unready, failed_to_connect
from postroad.delivery.settings import DeliverySettings
from postroad.delivery.transport import Delivery
from postroad.model import Report
from postroad.net.connecting import connect, connect_unix
from postroad.net.connection import Connection
from postroad.net.dns import DnsTemporary
from postroad.smtp.client import ClientCore, Dialect

__all__ = ["HostResolver", "LmtpTransport"]


class HostResolver(Protocol):
    """Who knows addresses; `postroad.net.dns.Resolver` is one."""

    async def addresses(self, host: str) -> tuple[str, ...]:
        """The IP addresses of a host."""
        ...


class LmtpTransport:
    """Delivers by LMTP."""

    relays = False

    def __init__(
        self,
        hostname: str,
        settings: DeliverySettings,
        *,
        resolver: HostResolver,
        clock: Callable[[], float],
    ) -> None:
        """A transport without connections.

        Args:
            hostname: our name for LHLO.
            settings: times and how connections are used again.
            resolver: who knows the addresses of the store's host.
            clock: seconds, for the times in reports.
        """
        self._hostname = hostname
        self._settings = settings
        self._resolver = resolver
        self._courier = Courier(self._search, settings, clock)

    async def deliver(self, delivery: Delivery) -> Report:
        """See `Transport.deliver`; the next hop is `unix:/path` or `inet:host:port`."""
        return await self._courier.deliver(delivery)

    def close(self) -> None:
        """Close idle connections now and the others as soon as their message is done."""
        self._courier.close()

    def _search(self, road: Road, pool: SessionPool) -> OneSession:
        del pool  # a store is one host, and one road leads there
        return OneSession(self._open, road)

    async def _open(self, road: Road) -> Session | Unready:
        """A session with the first address that gives one; the last failure where none does."""
        target = LmtpTarget.parse(road.nexthop)
        addresses = await self._addresses(target)
        if isinstance(addresses, Unready):
            return addresses
        for address in addresses[:-1]:
            found = await self._try(target, address)
            if isinstance(found, Session):
                return found
        return await self._try(target, addresses[-1])

    async def _try(self, target: LmtpTarget, address: str) -> Session | Unready:
        # As Postfix logs them: "mail.example.org[/run/dovecot/lmtp]", "store[192.0.2.1]:24".
        peer = f"{target.host or self._hostname}[{address or target.path}]"
        relay = f"{peer}:{target.port}" if target.host else peer
        try:
            connection = await self._connect(target, address)
        except OSError as error:
            return failed_to_connect(relay, error)
        core = ClientCore(self._hostname, peer, Dialect.LMTP)
        session = Session(connection, core, relay, self._settings)
        failure = await session.greeted()
        return session if failure is None else _for_later(failure, peer)

    async def _addresses(self, target: LmtpTarget) -> tuple[str, ...] | Unready:
        """Those of the host that are tried, at least one; an empty one for a socket here."""
        if target.path:
            return ("",)
        try:
            addresses = await self._resolver.addresses(target.host)
        except DnsTemporary as error:
            return Unready.of(451, "4.4.3", str(error))
        if not addresses:
            return Unready.of(451, "4.4.3", f"no address for {target.host}")
        return addresses[: self._settings.address_limit or None]

    async def _connect(self, target: LmtpTarget, address: str) -> Connection:
        timeout = self._settings.connect_timeout or math.inf
        if target.path:
            return await connect_unix(target.path, timeout=timeout)
        return await connect(address, target.port, timeout=timeout)


def _for_later(failure: Unready, peer: str) -> Unready:
    """A store that refuses the session as such is set up wrong; no user's mail bounces for that."""
    if not failure.answer.reply.is_permanent:
        return failure
    words = f"host {peer} said: {failure.answer.reply}"
    return Unready.of(451, "4.3.5", words, failure.relay)
