"""What TLS mail to a destination would need, found out as a delivery finds it, for operators.

The route, the policies and the DNS are asked as the server asks them; nothing is sent, and what the
server keeps of MTA-STS policies is read and not changed.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from contextlib import AsyncExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from postroad.app.lookout import Lookout
from postroad.app.outbound import router_of
from postroad.app.outbound_tls import HTTPS, PolicyFetching
from postroad.config import Configuration
from postroad.delivery.nexthop import Nexthop
from postroad.delivery.settings import TlsLevel
from postroad.delivery.sts import MtaSts, StsFound
from postroad.delivery.sts_file import STS, StsFile, StsUnavailable
from postroad.delivery.tls_policies import TlsPolicyFinder
from postroad.delivery.tls_policy import HostTls, TlsPolicy
from postroad.model import Address, Reply
from postroad.model.journal import Event, Level, Notice
from postroad.net.dns import DnsQuery, DnsTemporary, Exchanger, MxAnswer, Resolver

__all__ = ["HostView", "TlsView", "inquire"]

_SMTP = ("smtp", "relay")

_Answer = TypeVar("_Answer")


@dataclass(frozen=True, slots=True)
class HostView:
    """One host.

    Attributes:
        preference: of its MX record.
        host: its name.
        found: what TLS there has to be, or why the host is not used.
    """

    preference: int
    host: str
    found: HostTls | Reply


@dataclass(slots=True)
class TlsView:
    """One next hop.

    Attributes:
        transport: what brings mail there.
        nexthop: where to.
        policy: the destination's policy, or why there is none now; `None` where mail does not
            leave by SMTP.
        sts: what is known of an MTA-STS policy; `None` where it was not asked.
        hosts: the hosts, from the best on.
        remarks: what else is worth knowing.
    """

    transport: str
    nexthop: str
    policy: TlsPolicy | Reply | None
    sts: StsFound | None
    hosts: list[HostView]
    remarks: list[str]


async def inquire(
    configuration: Configuration, subject: str, *, port: int = HTTPS
) -> list[TlsView]:
    """What applies to mail for a domain, or to a next hop in brackets or with a port.

    Args:
        configuration: of the server.
        subject: `example.net`, `[host]`, `[host]:port` or `domain:port`.
        port: TCP port of the web servers that have MTA-STS policies.

    Returns:
        One for each next hop that mail goes to, the first one first.

    Raises:
        ValueError: the subject is neither.
        DirectoryUnavailable, TableUnavailable: the route cannot be found.
        TlsConfigurationError: the authorities cannot be read.
    """
    remarks: list[str] = []

    def journal(event: Event) -> None:
        if isinstance(event, Notice) and event.severity is not Level.INFO:
            remarks.append(event.text)

    async with AsyncExitStack() as exits:
        lookout = await exits.enter_async_context(Lookout(configuration, journal))
        asked = Nexthop.parse(subject)
        transport, text = "smtp", str(asked)
        if asked.exchangers and asked.port is None:
            router = router_of(configuration, lookout.directory, lookout.registry)
            route = await router.route(Address("postmaster", asked.host))
            transport, text = route.transport, route.nexthop
        if not _is_smtp(configuration, transport):
            return [TlsView(transport, text, None, None, [], remarks)]
        inquiry = _Inquiry(configuration, lookout, transport, port, journal)
        exits.push_async_callback(inquiry.sts.close)
        views = [await inquiry.of(part) for part in Nexthop.parse_list(text)]
        views[0].remarks.extend(remarks)
        if any(isinstance(view.policy, TlsPolicy) and view.policy.dane for view in views):
            views[0].remarks.extend(inquiry.doubts())
        return views


def _is_smtp(configuration: Configuration, transport: str) -> bool:
    named = configuration.transports.get(transport)
    return named.kind == "smtp" if named is not None else transport in _SMTP


class _Inquiry:
    """Asks as one transport does."""

    def __init__(
        self,
        configuration: Configuration,
        lookout: Lookout,
        transport: str,
        port: int,
        journal: Callable[[Event], None],
    ) -> None:
        self._configuration = configuration
        self._transport = transport
        self._names: Resolver = lookout.names
        self._tables = lookout.registry
        settings, relay = configuration.outbound_tls, configuration.relay
        self.sts = MtaSts(
            lookout.names,
            PolicyFetching(lookout.names, settings, port),
            StsFile(_Copy(configuration.sts_file)),
            now=time.time,
            journal=journal,
            refresh=settings.mta_sts_refresh,
        )
        level: TlsLevel | None = relay.tls
        ca_file = relay.ca_file
        named = configuration.transports.get(transport)
        if named is not None:
            level, ca_file = named.tls or level, named.ca_file or ca_file
        self._finder = TlsPolicyFinder(
            settings,
            lookout.names,
            level=level,
            ca_file=ca_file,
            tables=lookout.registry,
            sts=self.sts if settings.mta_sts else None,
            report=lambda words: journal(Notice("smtp", words, Level.WARNING)),
        )

    async def of(self, nexthop: Nexthop) -> TlsView:
        """One next hop."""
        view = TlsView(self._transport, str(nexthop), None, None, [], [])
        policy = view.policy = await self._finder.policy(nexthop)
        if isinstance(policy, Reply):
            return view
        published = policy.level in ("may", "dane") and nexthop.exchangers
        if published and self._configuration.outbound_tls.mta_sts:
            view.sts = await self.sts.find(nexthop.host)
        port = nexthop.port or self._port()
        for exchanger in await self._exchangers(nexthop, view):
            found = await self._finder.for_host(policy, exchanger, port)
            if isinstance(found, HostTls) and await self._logs_in(nexthop, exchanger.host):
                found = found.for_login(exchanger.host)
            view.hosts.append(HostView(exchanger.preference, exchanger.host, found))
        return view

    async def _logs_in(self, nexthop: Nexthop, host: str) -> bool:
        """Whether we have a login there, as far as its user is not the sender's."""
        relay = self._configuration.relay
        named = self._configuration.transports.get(self._transport)
        smarthosts = map(str, Nexthop.parse_list(relay.nexthop)) if relay.nexthop else ()
        if named is None and relay.username and str(nexthop) in smarthosts:
            return True
        if named is not None and named.username:
            return True
        for table in (named.logins if named is not None else ()) or relay.logins:
            for key in (host, str(nexthop)):
                if await self._tables.find(table, key) is not None:
                    return True
        return False

    def doubts(self) -> list[str]:
        """Why DANE may not be used."""
        if DnsQuery(self._configuration.dns).is_trusted:
            return []
        words = "DANE is not used: the name servers are not on this machine, and [dns] validating"
        return [f"{words} does not say that their word on DNSSEC can be trusted"]

    def _port(self) -> int:
        named = self._configuration.transports.get(self._transport)
        return (named.port if named is not None else 0) or self._configuration.delivery.mx_port

    async def _exchangers(self, nexthop: Nexthop, view: TlsView) -> tuple[Exchanger, ...]:
        if not nexthop.exchangers:
            return (Exchanger(0, nexthop.host),)
        try:
            answer: MxAnswer = await self._names.mx(nexthop.host)
        except DnsTemporary as error:
            view.remarks.append(f"the mail exchangers are not known now: {error}")
            return ()
        if not answer.exchangers:
            view.remarks.append(f"{nexthop.host} takes no mail: {answer.kind.name.lower()}")
        return answer.exchangers


class _Copy:
    """A `Keeping` that has what a file had, and changes nothing there."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(":memory:", isolation_level=None)
        try:
            with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as kept:
                kept.backup(self._connection)
        except sqlite3.Error:  # there is none yet, or it is not for us to read
            self._connection.close()
            self._connection = sqlite3.connect(":memory:", isolation_level=None)
        if not self._connection.execute("PRAGMA user_version").fetchone()[0]:
            self._connection.executescript(STS.tables)

    async def ask(self, question: Callable[[sqlite3.Connection], _Answer]) -> _Answer:
        """See `Keeping.ask`."""
        try:
            return question(self._connection)
        except sqlite3.Error as error:
            raise StsUnavailable(str(error)) from error
