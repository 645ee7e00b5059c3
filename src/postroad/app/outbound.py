"""Routes and transports as the configuration wants them, exchangeable while mail flows.

Runners hold this one router and this one table of transports for life. A reload puts new ones in
their place: deliveries under way end on the old transports, new ones begin on the new.
"""

from __future__ import annotations

import time
from collections.abc import Mapping

from postroad.app.running import Running
from postroad.config import Configuration
from postroad.delivery import Route, Router, Transport
from postroad.delivery.capture import CaptureTransport
from postroad.delivery.lmtp import LmtpTransport
from postroad.delivery.local import LocalTransport
from postroad.delivery.smtp import SmtpTransport
from postroad.directory import Directory
from postroad.mailbox import MaildirLocation, MaildirWriter
from postroad.model import Address
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
        self._closable: list[SmtpTransport | LmtpTransport] = []
        self._transports: dict[str, Transport] = {}

    @property
    def transports(self) -> Mapping[str, Transport]:
        """By the name that routes use; always the current ones."""
        return self._transports

    async def route(self, address: Address) -> Route:
        """The transport and next hop for an address."""
        assert self._router is not None, "replace was called at start"
        return await self._router.route(address)

    def replace(self, running: Running) -> None:
        """Route and deliver by what is running from now on.

        Raises:
            TlsConfigurationError: the authorities cannot be read; nothing has changed.
        """
        configuration = running.configuration
        smtp, lmtp = self._smtp(running), self._lmtp(configuration)
        delivery = configuration.delivery
        transports: dict[str, Transport] = {
            "smtp": smtp,
            "lmtp": lmtp,
            "local": self._local(configuration),
        }
        if delivery.capture is not None:
            transports["capture"] = CaptureTransport(delivery.capture, self._writer, time.monotonic)
        router = Router(
            self._directory,
            mailbox=configuration.mailbox.transport,
            smarthost=configuration.relay.smarthost,
            capture=delivery.capture is not None,
        )
        old, self._closable = self._closable, [smtp, lmtp]
        self._router = router
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
            ourselves=Ourselves(
                (bind.host, bind.port)
                for listener in configuration.resolved_listeners
                for bind in listener.binds
            ),
            journal=self._journal,
            clock=time.monotonic,
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
