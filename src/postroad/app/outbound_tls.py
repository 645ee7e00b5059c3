"""The parts behind TLS to other servers, joined: policies, MTA-STS with its file, handshakes.

One of these serves all transports of a worker. What a reload changes is given to the transports
that are built after it; the file of MTA-STS policies and what is under way live on.
"""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from postroad.config import Configuration
from postroad.delivery.settings import TlsLevel
from postroad.delivery.sts import Fetching, MtaSts
from postroad.delivery.sts_file import STS, StsFile
from postroad.delivery.sts_policy import StsPolicy
from postroad.delivery.tls_policies import TlsPolicyFinder
from postroad.delivery.tls_policy import TlsSeeing, see_nothing
from postroad.delivery.tls_settings import OutboundTlsSettings
from postroad.delivery.tls_table import Finding
from postroad.limits.state_file import Keeper
from postroad.model.journal import Journal, Level, Notice
from postroad.net.dns import Resolver
from postroad.net.tls import client_context
from postroad.net.tls_client import ClientContexts, ClientTls

__all__ = ["HTTPS", "OutboundTls", "PolicyFetching"]

_SERVICE = "smtp"
HTTPS = 443


class OutboundTls:
    """Makes what transports need for TLS, for one worker.

    Attributes:
        contexts: makes what handshakes need; a reload begins with new ones.
        seeing: told, for reports, of what came of each attempt.
    """

    def __init__(
        self,
        configuration: Configuration,
        resolver: Resolver,
        tables: Finding,
        journal: Journal,
        *,
        seeing: TlsSeeing = see_nothing,
        port: int = HTTPS,
    ) -> None:
        """Nothing is opened before it is needed. Belongs to the event loop that runs.

        Args:
            configuration: of the server.
            resolver: asks the DNS.
            tables: where policy tables are asked.
            journal: where events go.
            seeing: told, for reports, of what came of each attempt.
            port: TCP port of the web servers that have MTA-STS policies.
        """
        self._resolver = resolver
        self._tables = tables
        self._journal = journal
        self.seeing = seeing
        self._port = port
        self._settings = configuration.outbound_tls
        loop = asyncio.get_running_loop()

        def complain(words: str) -> None:  # called in the keeper's thread
            loop.call_soon_threadsafe(self._warn, words)

        self._keeper = Keeper(configuration.sts_file, STS, complain)
        self._sts = MtaSts(
            resolver,
            self._fetching(),
            StsFile(self._keeper),
            now=time.time,
            journal=journal,
            refresh=self._settings.mta_sts_refresh,
        )
        self.contexts = ClientContexts()
        self._refreshing: asyncio.Task[None] | None = None

    def replace(self, settings: OutboundTlsSettings) -> None:
        """Make what is made from now on by these settings.

        Raises:
            TlsConfigurationError: a file cannot be read; nothing has changed.
        """
        contexts = ClientContexts()
        if settings.ca_file is not None or settings.certificate is not None:
            contexts.of(
                ClientTls(
                    verify=True,
                    ca_file=settings.ca_file,
                    certificate=settings.certificate,
                    key=settings.key,
                )
            )
        self.contexts, self._settings = contexts, settings
        self._sts.fetching = self._fetching()
        self._sts.refresh = settings.mta_sts_refresh
        if settings.mta_sts and self._refreshing is None:
            self._refreshing = asyncio.get_running_loop().create_task(self._sts.run())

    def require(self, ca_file: Path) -> None:
        """Read a transport's own authorities now.

        Raises:
            TlsConfigurationError: they cannot be read.
        """
        client_context(verify=True, ca_file=ca_file)

    def policies(
        self, *, level: TlsLevel | None = None, ca_file: Path | None = None
    ) -> TlsPolicyFinder:
        """Who finds policies for a transport.

        Args:
            level: the transport's own; `None`: as the settings say.
            ca_file: its own authorities; `None`: likewise.
        """
        return TlsPolicyFinder(
            self._settings,
            self._resolver,
            level=level,
            ca_file=ca_file,
            tables=self._tables,
            sts=self._sts if self._settings.mta_sts else None,
            seeing=self.seeing,
            report=self._warn,
        )

    async def close(self) -> None:
        """Give up what is under way, and close the file."""
        if self._refreshing is not None:
            self._refreshing.cancel()
            await asyncio.gather(self._refreshing, return_exceptions=True)
        await self._sts.close()
        self._keeper.close()

    def _fetching(self) -> Fetching:
        return PolicyFetching(self._resolver, self._settings, self._port)

    def _warn(self, words: str) -> None:
        self._journal(Notice(_SERVICE, words, Level.WARNING))


class PolicyFetching:
    """Implements `Fetching`; what it needs is loaded and read at the first fetch."""

    def __init__(self, resolver: Resolver, settings: OutboundTlsSettings, port: int) -> None:
        """Take where to ask.

        Args:
            resolver: knows where web servers are.
            settings: their authorities, and the time they have.
            port: TCP port of the web servers.
        """
        self._resolver = resolver
        self._settings = settings
        self._port = port
        self._fetching: Fetching | None = None

    async def fetch(self, domain: str) -> StsPolicy:
        """See `Fetching.fetch`."""
        if self._fetching is None:
            from postroad.delivery.sts_fetch import PolicyFetch  # noqa: PLC0415 - it is large

            settings = self._settings
            authorities = client_context(verify=True, ca_file=settings.ca_file)
            self._fetching = PolicyFetch(
                self._resolver, authorities, settings.mta_sts_timeout, self._port
            )
        return await self._fetching.fetch(domain)
