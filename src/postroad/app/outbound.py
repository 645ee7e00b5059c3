"""Routes and transports as the configuration wants them, exchangeable while mail flows.

Runners hold this one router and this one table of transports for life. A reload puts new ones in
their place: deliveries under way end on the old transports, new ones begin on the new.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path

from postroad.app.dmarc_received import DmarcReceived
from postroad.app.outbound_tls import OutboundTls
from postroad.app.running import Running
from postroad.app.transports import Closable, TransportMaker
from postroad.config import Configuration
from postroad.config.ways import ways_of
from postroad.delivery import Route, Router, Transport
from postroad.delivery.discard import DISCARD
from postroad.delivery.local import Copy, Crossing
from postroad.delivery.probe import Probing
from postroad.delivery.probing import probe_sender
from postroad.delivery.report_taking import ReportTaking, Taker
from postroad.delivery.route_tables import NoTables, Tables
from postroad.delivery.routing import FILTER
from postroad.delivery.smtp import SmtpTransport
from postroad.delivery.tokens import TOKENS, Grant, Tokens
from postroad.delivery.warmup import WARMUP, Warmup
from postroad.directory import Directory, Places, Unknown
from postroad.limits.state_file import Keeper, Shape
from postroad.mailbox import MaildirWriter
from postroad.model import Address, ContentFilter
from postroad.model.journal import Journal, Level, Notice
from postroad.net.dns import Resolver
from postroad.queue.sites import SiteFinder
from postroad.reports.arrival import Receptive

__all__ = ["Outbound", "router_of"]


class Outbound:
    """Implements the queue's `Router`, and owns the transports."""

    def __init__(
        self,
        directory: Directory,
        resolver: Resolver,
        writer: MaildirWriter,
        journal: Journal,
        *,
        tables: Tables | None = None,
        tls: OutboundTls | None = None,
        reports: Receptive | None = None,
        dmarc_reports: DmarcReceived | None = None,
        places: Places | None = None,
        warn_of_quota: Callable[[Crossing], None] | None = None,
        delivered: Callable[[Copy], None] | None = None,
    ) -> None:
        """Without routes yet: call `replace`.

        Args:
            directory: accounts and domains.
            resolver: where hosts are.
            writer: puts mail into Maildirs.
            journal: where events go.
            tables: has the tables that routes and logins name; `None`: there are none.
            tls: makes what transports need for TLS; `None`: they go by `[relay]` alone.
            reports: takes reports about TLS on their way to a mailbox; `None`: nobody does.
            dmarc_reports: takes reports on DMARC likewise; `None`: nobody does.
            places: what is said of where the mail of accounts lies; `None`: nothing.
            warn_of_quota: told of mailboxes that fill up; `None`: nobody is.
            delivered: told of each copy that was stored here; `None`: nobody is.
        """
        self._places = places
        self._delivered = delivered
        self._warn_of_quota = warn_of_quota
        self._tables = tables or NoTables()
        self._tls = tls
        self._reports = reports
        self._dmarc_reports = dmarc_reports
        self._warmup: Warmup | None = None
        self._warmup_file: Keeper | None = None
        self._tokens: Tokens | None = None
        self._token_file: Keeper | None = None
        self._closing: set[asyncio.Future[None]] = set()
        self._directory = directory
        self._resolver = resolver
        self._writer = writer
        self._journal = journal
        self._router: Router | None = None
        self._probes_from = ("", "")  # the local part, and the whole address
        self._closable: list[Closable] = []
        self._transports: dict[str, Transport] = {}

    @property
    def transports(self) -> Mapping[str, Transport]:
        """By the name that routes use; always the current ones."""
        return self._transports

    async def route(
        self,
        address: Address,
        content_filter: ContentFilter | None = None,
        *,
        sender: Address | None = None,
        listener: str = "",
    ) -> Route:
        """The transport and next hop for an address, or those of its message's content filter."""
        assert self._router is not None, "replace was called at start"
        if address.local.lower() == self._probes_from[0] and await self._is_thrown_away(address):
            return Route(DISCARD, DISCARD)
        return await self._router.route(address, content_filter, sender=sender, listener=listener)

    async def _is_thrown_away(self, address: Address) -> bool:
        """Whether it is the sender of our probes, and nobody reads that one's mail."""
        if address.key != self._probes_from[1]:
            return False
        directory = self._directory
        if not await directory.is_local(address.domain):
            return True
        return isinstance(await directory.resolve(address), Unknown)

    def finder(self, transport: str) -> SiteFinder | None:
        """Who finds the sites of a transport's next hops; `None`: each is by itself."""
        found = self._transports.get(transport)
        return found if isinstance(found, SmtpTransport) else None

    def probing(self, transport: str) -> Probing | None:
        """Who asks next hops of a transport whether they would take mail; `None`: nobody can."""
        found = self._transports.get(transport)
        return found if isinstance(found, SmtpTransport) and transport != FILTER else None

    def replace(self, running: Running) -> None:
        """Route and deliver by what is running from now on.

        Raises:
            TlsConfigurationError: authorities cannot be read; nothing has changed.
        """
        configuration = running.configuration
        if self._tls is not None:
            for ca_file in _authorities(configuration):
                self._tls.require(ca_file)
            self._tls.replace(configuration.outbound_tls)  # the last that can refuse
        warmup = self._make_warmup(configuration)
        tokens = self._make_tokens(running)
        maker = TransportMaker(
            configuration,
            running.secrets,
            directory=self._directory,
            resolver=self._resolver,
            writer=self._writer,
            tables=self._tables,
            tls=self._tls,
            tokens=tokens,
            rations=warmup,
            journal=self._journal,
            places=self._places,
            warn_of_quota=self._warn_of_quota,
            delivered=self._delivered,
        )
        smtp = maker.smtp()
        transports = maker.all(smtp)
        router = router_of(configuration, self._directory, self._tables)
        old, self._closable = (
            self._closable,
            [each for each in transports.values() if isinstance(each, Closable)],
        )
        self._router = router
        probes_from = probe_sender(configuration.verification, configuration.hostname).lower()
        self._probes_from = (probes_from.rpartition("@")[0], probes_from)
        self._transports.clear()
        self._transports.update(transports)
        takers = []
        if self._reports is not None and configuration.tls_reports.receive:
            takers.append(Taker(self._reports, "kept as a report about TLS"))
        if self._dmarc_reports is not None and configuration.dmarc_reports.receive:
            takers.append(self._dmarc_reports.taker)
        for name in ("local", "lmtp") if takers else ():
            self._transports[name] = ReportTaking(transports[name], takers)
        for transport in old:
            transport.close()
        self._replace_state(warmup, tokens)

    async def close(self) -> None:
        """Close idle connections, and the files of what is counted and kept."""
        for transport in self._closable:
            transport.close()
        for counting in (self._warmup, self._tokens):
            if counting is not None:
                await counting.close()
        for file in (self._warmup_file, self._token_file):
            if file is not None:
                await asyncio.to_thread(file.close)

    def _replace_state(self, warmup: Warmup | None, tokens: Tokens | None) -> None:
        for old in (self._warmup, self._tokens):
            if old is not None:
                closing = asyncio.ensure_future(old.close())
                self._closing.add(closing)
                closing.add_done_callback(self._closing.discard)
        self._warmup, self._tokens = warmup, tokens

    def _make_warmup(self, configuration: Configuration) -> Warmup | None:
        """Who counts what new addresses send; the file is the same across reloads."""
        if not configuration.warmup:
            return None
        if self._warmup_file is None:
            self._warmup_file = self._keeper(configuration.warmup_file, WARMUP)
        return Warmup(self._warmup_file, configuration.warmup, self._warn)

    def _make_tokens(self, running: Running) -> Tokens | None:
        """Who fetches tokens; the file is the same across reloads."""
        configuration = running.configuration
        if not configuration.tokens:
            return None
        # Loaded here: few servers log in by tokens.
        from postroad.delivery.token_endpoint import TokenEndpoint  # noqa: PLC0415

        if self._token_file is None:
            self._token_file = self._keeper(configuration.tokens_file, TOKENS)
        grants = {
            name: Grant(
                TokenEndpoint(settings, running.secrets.tokens[name].client),
                running.secrets.tokens[name].refresh,
            )
            for name, settings in configuration.tokens.items()
        }
        return Tokens(grants, self._token_file, self._warn)

    def _keeper(self, path: Path, shape: Shape) -> Keeper:
        """A file of its own, whose thread complains in the event loop."""
        loop = asyncio.get_running_loop()

        def complain(words: str) -> None:
            loop.call_soon_threadsafe(self._warn, words)

        return Keeper(path, shape, complain)

    def _warn(self, words: str) -> None:
        self._journal(Notice("smtp", words, Level.WARNING))


def _authorities(configuration: Configuration) -> set[Path]:
    """The files of authorities that transports have of their own."""
    named = (each.ca_file for each in configuration.transports.values())
    return {each for each in (configuration.relay.ca_file, *named) if each is not None}


def router_of(configuration: Configuration, directory: Directory, tables: Tables) -> Router:
    """The router of a configuration.

    Args:
        configuration: of the server.
        directory: knows which domains are ours.
        tables: has the tables that it names.
    """
    return Router(
        directory,
        mailbox=configuration.mailbox.transport,
        smarthost=configuration.relay.nexthop,
        capture=configuration.delivery.capture is not None,
        ways=ways_of(configuration),
        tables=tables,
    )
