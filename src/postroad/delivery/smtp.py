"""Delivery to other mail servers by SMTP: mail exchangers, or one smarthost.

A new session is looked for as in Postfix: the next hop's hosts in the order of preference, the
addresses of each, up to `MAX_ADDRESSES`, until one has taken us as far as a transaction. From
there on its word counts for this attempt: a recipient, or a whole transaction, that it refuses
with a 4xx reply is not offered to the next host at once. That is simpler than Postfix, and loses
time only: the next attempt begins anew with the first host.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from itertools import chain, groupby
from typing import Protocol

from postroad.delivery.courier import Courier
from postroad.delivery.credentials import Credentials
from postroad.delivery.dialling import Dialler, Endpoint
from postroad.delivery.nexthop import Nexthop
from postroad.delivery.pool import Road
from postroad.delivery.probe import Probed, question
from postroad.delivery.session import Session, Unready
from postroad.delivery.settings import DeliverySettings, RelaySettings
from postroad.delivery.transport import Delivery
from postroad.model import Report
from postroad.model.journal import Journal
from postroad.net.dns import DnsTemporary, Exchanger, MxAnswer, MxKind, to_ascii
from postroad.net.ourselves import Ourselves

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
        ourselves: Ourselves | None = None,
        now: Callable[[], float] = time.time,
        chosen: bool = False,
    ) -> None:
        """A transport without connections.

        Args:
            hostname: our name, for EHLO and to know ourselves among mail exchangers.
            relay: the smarthost and its TLS.
            settings: ports, times and how connections are used again.
            resolver: who knows where hosts are.
            credentials: the login for the smarthost, from `load_credentials`; nobody else gets it.
            journal: told of TLS.
            clock: seconds, for the times in reports.
            ourselves: which addresses are our own listeners'; left out: none.
            now: seconds since the epoch, for mail with a deadline.
            chosen: whether the operator chose every next hop, as a content filter: that there is
                no session with one is a mistake to be put right, and no mail bounces for it.

        Raises:
            postroad.net.tls.TlsConfigurationError: the authorities cannot be read.
        """
        self._hostname = to_ascii(hostname)
        self._ourselves = ourselves or Ourselves(())
        self._smarthost = relay.smarthost
        self._credentials = credentials
        self._mx_port = settings.mx_port
        self._resolver = resolver
        self._dialler = Dialler(hostname, relay, settings, journal)
        opening = self._open_chosen if chosen else self._open
        self._courier = Courier(opening, settings, clock, now)

    async def deliver(self, delivery: Delivery) -> Report:
        """See `Transport.deliver`; the next hop is a domain or a smarthost's spelling."""
        return await self._courier.deliver(delivery)

    async def probe(self, nexthop: str, sender: str, recipient: str) -> Probed:
        """See `Probing.probe`."""
        return await self._courier.probe(nexthop, question(sender, recipient))

    def close(self) -> None:
        """Close idle connections now and the others as soon as their message is done."""
        self._courier.close()

    # Finding an address that takes us ------------------------------------------------------------

    async def _open(self, road: Road) -> Session | Unready:
        """The first session of the next hop's addresses; else the failure worth most.

        That is a temporary one, where there is any: mail bounces only when no host leaves hope.
        Hosts that are not better than ourselves are left out (RFC 5321 §5.1).
        """
        nexthop = road.nexthop
        try:
            parsed = Nexthop.parse(nexthop)
        except ValueError:
            return Unready.of(550, "5.1.2", f"Bad destination domain: {nexthop or 'none'}")
        found = await self._exchangers(parsed)
        if isinstance(found, Unready):
            return found
        login = self._credentials if nexthop == self._smarthost else None
        failure: Unready | None = None
        tried = 0
        for _, group in groupby(found, key=lambda exchanger: exchanger.preference):
            hosts = [exchanger.host for exchanger in group]
            candidates = await self._candidates(hosts, parsed.port or self._mx_port)
            if self._are_ourselves(parsed, hosts, candidates):
                return _loop(parsed.host, failure, deferred=nexthop == self._smarthost)
            for each in candidates:
                if isinstance(each, Endpoint):
                    tried += 1
                if tried > MAX_ADDRESSES and failure is not None:
                    return failure
                result = await self._try(each, login, parsed, require_tls=road.require_tls)
                if isinstance(result, Session) or result.final:
                    return result
                if failure is None or not result.answer.reply.is_permanent:
                    failure = result
        assert failure is not None  # each host gives a session or a failure
        return failure

    async def _open_chosen(self, road: Road) -> Session | Unready:
        """The same for a next hop of the operator's choice, which may be set up wrong.

        What a message with REQUIRETLS wants is no matter of that (RFC 8689 §4.2.1).
        """
        found = await self._open(road)
        if isinstance(found, Session) or road.require_tls or not found.answer.reply.is_permanent:
            return found
        reply = found.answer.reply
        words = " ".join(reply.lines)
        said = f"host {found.relay} said: {reply}" if found.answer.from_peer else words
        return Unready.of(451, "4.3.5", said, found.relay)

    async def _try(
        self,
        candidate: Endpoint | Unready,
        login: Credentials | None,
        nexthop: Nexthop,
        *,
        require_tls: bool,
    ) -> Session | Unready:
        if isinstance(candidate, Unready):
            return candidate
        if require_tls and nexthop.exchangers and not _is_within(candidate.host, nexthop.host):
            return _not_vouched_for(candidate, nexthop.host)
        if login is not None and not _is_within(candidate.host, nexthop.host):
            return _not_the_smarthost(candidate.host, self._smarthost)
        return await self._dialler.dial(candidate, login, require_tls=require_tls)

    async def _exchangers(self, nexthop: Nexthop) -> tuple[Exchanger, ...] | Unready:
        """The next hop's hosts in the order to try them."""
        if not nexthop.exchangers:
            return (Exchanger(0, nexthop.host),)
        try:
            answer = await self._resolver.mx(nexthop.host)
        except DnsTemporary as error:
            return _nobody_knows(error)
        if answer.kind is MxKind.NULL:  # RFC 7505 §4.1
            words = f"Domain {nexthop.host} does not accept mail (null MX)"
            return Unready.of(556, "5.1.10", words)
        if answer.kind is MxKind.NO_DOMAIN:
            return Unready.of(550, "5.4.4", _name_error(nexthop.host, "MX", "Host not found"))
        return answer.exchangers

    async def _candidates(self, hosts: Sequence[str], port: int) -> list[Endpoint | Unready]:
        """The addresses of hosts of one preference; a host without any gives the reason."""
        found = await asyncio.gather(*[self._endpoints(host, port) for host in hosts])
        return list(chain.from_iterable(found))

    async def _endpoints(self, host: str, port: int) -> list[Endpoint | Unready]:
        try:
            addresses = await self._resolver.addresses(host)
        except DnsTemporary as error:
            return [_nobody_knows(error)]
        if not addresses:
            return [Unready.of(550, "5.4.4", _name_error(host, "A", "Host not found"))]
        return [Endpoint(host, address, port) for address in addresses]

    def _are_ourselves(
        self, nexthop: Nexthop, hosts: Sequence[str], candidates: Sequence[Endpoint | Unready]
    ) -> bool:
        """Whether one of these hosts is this server, by its name or by its address.

        A name counts only where mail exchangers are looked up and no port is written: on another
        port, or in brackets, something else may well run on the host whose name we have.
        """
        if nexthop.exchangers and nexthop.port is None and self._hostname in hosts:
            return True
        return any(
            isinstance(each, Endpoint) and self._ourselves.is_ourselves(each.address, each.port)
            for each in candidates
        )


def _loop(domain: str, failure: Unready | None, *, deferred: bool) -> Unready:
    """What to say when all hosts that are left are this server.

    Args:
        domain: the next hop.
        failure: what the better hosts said, if there are any.
        deferred: whether it is the operator's mistake, to be put right.
    """
    if failure is not None:
        answer = failure.answer
        if answer.from_peer or not answer.reply.is_permanent:
            return failure
        return Unready.of(451, "4.4.4", f"unable to find primary relay for {domain}")
    words = f"mail for {domain} loops back to myself"
    return Unready.of(451, "4.4.6", words) if deferred else Unready.of(554, "5.4.6", words)


def _is_within(host: str, domain: str) -> bool:
    """Whether a host is the domain itself or a part of it."""
    return host == domain or host.endswith(f".{domain}")


def _not_the_smarthost(host: str, smarthost: str) -> Unready:
    """The password goes to no host that only an MX record named: the DNS may be lying."""
    words = f"the password is not sent to {host}, which is outside {smarthost}: write [{host}]"
    return Unready.of(451, "4.7.0", words)


def _not_vouched_for(endpoint: Endpoint, domain: str) -> Unready:
    """A name that only an MX record says proves nothing, whatever certificate it has.

    RFC 8689 §2 wants the record signed by DNSSEC, or the name listed by MTA-STS. Neither is looked
    at here. A host within the domain needs neither: nobody else gets a certificate for it.
    """
    words = f"REQUIRETLS: host {endpoint.host} is outside {domain}, and only an MX record names it"
    return Unready.of(554, "5.7.10", words, str(endpoint))


def _nobody_knows(error: DnsTemporary) -> Unready:
    words = _name_error(error.name, error.kind, "Host not found, try again")
    return Unready.of(451, "4.4.3", words)


def _name_error(name: str, kind: str, words: str) -> str:
    return f"Host or domain name not found. Name service error for name={name} type={kind}: {words}"
