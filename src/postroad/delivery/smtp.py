"""Delivery to other mail servers by SMTP: mail exchangers, or one smarthost.

A new session is looked for as in Postfix: the next hop's hosts in the order of preference, the
addresses of each, up to `MAX_ADDRESSES`, until one has taken us as far as a transaction. The
transaction itself is not moved to another host when it fails; the next attempt begins anew.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from postroad.delivery.courier import Courier
from postroad.delivery.credentials import Credentials
from postroad.delivery.dialling import Dialler, Endpoint
from postroad.delivery.nexthop import Nexthop
from postroad.delivery.session import Session, Unready
from postroad.delivery.settings import DeliverySettings, RelaySettings
from postroad.delivery.transport import Delivery
from postroad.model import Report
from postroad.model.journal import Journal
from postroad.net.dns import DnsTemporary, MxAnswer, MxKind

__all__ = ["MailResolver", "SmtpTransport"]

MAX_ADDRESSES = 5
"""Addresses tried in one attempt, as Postfix's smtp_mx_address_limit."""


class MailResolver(Protocol):
    """Who knows where hosts are; `postroad.net.dns.Resolver` is one."""

    async def mx(self, domain: str) -> MxAnswer:
        """The mail exchangers of a domain."""
        ...

    async def addresses(self, host: str) -> tuple[str, ...]:
        """The IP addresses of a host."""
        ...


class SmtpTransport:
    """Delivers by SMTP."""

    def __init__(
        self,
        hostname: str,
        relay: RelaySettings,
        settings: DeliverySettings,
        *,
        resolver: MailResolver,
        credentials: Credentials | None,
        journal: Journal,
        clock: Callable[[], float],
    ) -> None:
        """A transport without connections.

        Args:
            hostname: our name for EHLO.
            relay: the smarthost and its TLS.
            settings: ports, times and how connections are used again.
            resolver: who knows where hosts are.
            credentials: the login for the smarthost, from `load_credentials`; nobody else gets it.
            journal: told of TLS.
            clock: seconds, for the times in reports.

        Raises:
            postroad.net.tls.TlsConfigurationError: the authorities cannot be read.
        """
        self._smarthost = relay.smarthost
        self._credentials = credentials
        self._mx_port = settings.mx_port
        self._resolver = resolver
        self._dialler = Dialler(hostname, relay, settings, journal)
        self._courier = Courier(self._open, settings, clock)

    async def deliver(self, delivery: Delivery) -> Report:
        """See `Transport.deliver`; the next hop is a domain or a smarthost's spelling."""
        return await self._courier.deliver(delivery)

    def close(self) -> None:
        """Close idle connections now and the others as soon as their message is done."""
        self._courier.close()

    # Finding an address that takes us ------------------------------------------------------------

    async def _open(self, nexthop: str) -> Session | Unready:
        """The first session of the next hop's addresses; else the failure worth most.

        That is a temporary one, where there is any: mail bounces only when no host leaves hope.
        """
        found = await self._hosts(nexthop)
        if isinstance(found, Unready):
            return found
        hosts, port = found
        login = self._credentials if nexthop == self._smarthost else None
        failure: Unready | None = None
        tried = 0
        for host in hosts:
            for each in await self._endpoints(host, port):
                if isinstance(each, Unready):
                    result: Session | Unready = each
                elif login is not None and not _is_within(host, self._smarthost):
                    result = _not_the_smarthost(host, self._smarthost)
                elif tried < MAX_ADDRESSES:
                    tried += 1
                    result = await self._dialler.dial(each, login)
                else:
                    break
                if isinstance(result, Session) or result.final:
                    return result
                if failure is None or not result.answer.reply.is_permanent:
                    failure = result
        assert failure is not None  # each host gives a session or a failure
        return failure

    async def _hosts(self, nexthop: str) -> tuple[tuple[str, ...], int] | Unready:
        """The next hop's hosts in the order to try them, and their port."""
        try:
            parsed = Nexthop.parse(nexthop)
        except ValueError:
            return Unready.of(550, "5.1.2", f"Bad destination domain: {nexthop or 'none'}")
        port = parsed.port or self._mx_port
        if not parsed.exchangers:
            return (parsed.host,), port
        try:
            answer = await self._resolver.mx(parsed.host)
        except DnsTemporary as error:
            return _nobody_knows(error)
        if answer.kind is MxKind.NULL:  # RFC 7505 §4.1
            return Unready.of(556, "5.1.10", f"Domain {parsed.host} does not accept mail (null MX)")
        if answer.kind is MxKind.NO_DOMAIN:
            return Unready.of(550, "5.4.4", _name_error(parsed.host, "MX", "Host not found"))
        return answer.hosts, port

    async def _endpoints(self, host: str, port: int) -> list[Endpoint] | list[Unready]:
        """A host's addresses in the order to try them, or why there is none."""
        try:
            addresses = await self._resolver.addresses(host)
        except DnsTemporary as error:
            return [_nobody_knows(error)]
        if not addresses:
            return [Unready.of(550, "5.4.4", _name_error(host, "A", "Host not found"))]
        return [Endpoint(host, address, port) for address in addresses]


def _is_within(host: str, smarthost: str) -> bool:
    """Whether a host is the smarthost or a part of its domain."""
    domain = Nexthop.parse(smarthost).host
    return host == domain or host.endswith(f".{domain}")


def _not_the_smarthost(host: str, smarthost: str) -> Unready:
    """The password goes to no host that only an MX record named: the DNS may be lying."""
    words = f"the password is not sent to {host}, which is outside {smarthost}: write [{host}]"
    return Unready.of(451, "4.7.0", words)


def _nobody_knows(error: DnsTemporary) -> Unready:
    words = _name_error(error.name, error.kind, "Host not found, try again")
    return Unready.of(451, "4.4.3", words)


def _name_error(name: str, kind: str, words: str) -> str:
    return f"Host or domain name not found. Name service error for name={name} type={kind}: {words}"
