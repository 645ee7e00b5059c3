"""Routes and transports as the configuration wants them, exchangeable while mail flows.

Runners hold this one router and this one table of transports for life. A reload puts new ones in
their place: deliveries under way end on the old transports, new ones begin on the new.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping

from postroad.app.running import Running
from postroad.config import Configuration
from postroad.delivery import Route, Router, Transport
from postroad.delivery.capture import CaptureTransport
from postroad.delivery.discard import DISCARD, DiscardTransport
from postroad.delivery.lmtp import LmtpTransport
from postroad.delivery.local import LocalTransport
from postroad.delivery.probe import Probing
from postroad.delivery.probing import probe_sender
from postroad.delivery.routing import FILTER
from postroad.delivery.smtp import SmtpTransport
from postroad.directory import Directory, Unknown
from postroad.mailbox import MaildirLocation, MaildirWriter
from postroad.model import Address, ContentFilter
from postroad.model.journal import Journal
from postroad.net.dns import Resolver
from postroad.net.ourselves import Ourselves

__all__ = ["Outbound"]


class Outbound:
    """Implements the queue's `Router`, and owns the transports."""

    def __init__(
        self, directory: Directory, resolver: Resolver, writer: MaildirWriter, journal: Journal
    ) -> None:
        """Without routes yet: call `replace`.

        Args:
            directory: accounts and domains.
            resolver: where hosts are.
            writer: puts mail into Maildirs.
            journal: where events go.
        """
        self._directory = directory
        self._resolver = resolver
        self._writer = writer
        self._journal = journal
        self._router: Router | None = None
        self._smtp_transport: SmtpTransport | None = None
        self._probes_from = ("", "")  # the local part, and the whole address
        self._closable: list[SmtpTransport | LmtpTransport] = []
        self._transports: dict[str, Transport] = {}

    @property
    def transports(self) -> Mapping[str, Transport]:
        """By the name that routes use; always the current ones."""
        return self._transports

    async def route(self, address: Address, content_filter: ContentFilter | None = None) -> Route:
        """The transport and next hop for an address, or those of its message's content filter."""
        assert self._router is not None, "replace was called at start"
        if address.local.lower() == self._probes_from[0] and await self._is_thrown_away(address):
            return Route(DISCARD, DISCARD)
        return await self._router.route(address, content_filter)

    async def _is_thrown_away(self, address: Address) -> bool:
        """Whether it is the sender of our probes, and nobody reads that one's mail."""
        if address.key != self._probes_from[1]:
            return False
        directory = self._directory
        if not await directory.is_local(address.domain):
            return True
        return isinstance(await directory.resolve(address), Unknown)

    def probing(self, transport: str) -> Probing | None:
        """Who asks next hops of a transport whether they would take mail; `None`: nobody can."""
        return self._smtp_transport if transport == "smtp" else None

    def replace(self, running: Running) -> None:
        """Route and deliver by what is running from now on.

        Raises:
            TlsConfigurationError: the authorities cannot be read; nothing has changed.
        """
        configuration = running.configuration
        smtp, lmtp = self._smtp(running), self._lmtp(configuration)
        filtering = self._filtering(running)
        delivery = configuration.delivery
        transports: dict[str, Transport] = {
            "smtp": smtp,
            FILTER: filtering,
            "lmtp": lmtp,
            "local": self._local(configuration),
            DISCARD: DiscardTransport(),
        }
        if delivery.capture is not None:
            transports["capture"] = CaptureTransport(delivery.capture, self._writer, time.monotonic)
        router = Router(
            self._directory,
            mailbox=configuration.mailbox.transport,
            smarthost=configuration.relay.smarthost,
            capture=delivery.capture is not None,
        )
        old, self._closable = self._closable, [smtp, filtering, lmtp]
        self._router = router
        self._smtp_transport = smtp
        probes_from = probe_sender(configuration.verification, configuration.hostname).lower()
        self._probes_from = (probes_from.rpartition("@")[0], probes_from)
        self._transports.update(transports)
        for transport in old:
            transport.close()

    def close(self) -> None:
        """Close idle connections."""
        for transport in self._closable:
            transport.close()

    def _smtp(self, running: Running) -> SmtpTransport:
        configuration = running.configuration
        return SmtpTransport(
            configuration.hostname,
            configuration.relay,
            configuration.delivery,
            resolver=self._resolver,
            credentials=running.credentials,
            ourselves=self._ourselves(configuration),
            journal=self._journal,
            clock=time.monotonic,
        )

    def _filtering(self, running: Running) -> SmtpTransport:
        """The transport to content filters: the operator named each one, as an LMTP store.

        A login for the smarthost, and the TLS that goes with it, are nothing to them.
        """
        configuration = running.configuration
        relay = dataclasses.replace(
            configuration.relay, smarthost="", username="", tls="may", tls_wrapper=False
        )
        return SmtpTransport(
            configuration.hostname,
            relay,
            configuration.delivery,
            resolver=self._resolver,
            credentials=None,
            ourselves=self._ourselves(configuration),
            journal=self._journal,
            clock=time.monotonic,
            chosen=True,
        )

    def _ourselves(self, configuration: Configuration) -> Ourselves:
        return Ourselves(
            (bind.host, bind.port)
            for listener in configuration.resolved_listeners
            for bind in listener.binds
        )

    def _lmtp(self, configuration: Configuration) -> LmtpTransport:
        return LmtpTransport(
            configuration.hostname,
            configuration.delivery,
            resolver=self._resolver,
            clock=time.monotonic,
        )

    def _local(self, configuration: Configuration) -> LocalTransport:
        location = MaildirLocation(configuration.mailbox.path, configuration.state_directory)
        return LocalTransport(self._directory, location, self._writer, time.monotonic)
