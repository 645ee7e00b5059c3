"""Transports made from the configuration: the built-in ones, and those of `[transports]`.

What a section leaves out, the general ones say: `[delivery]` how connections are used, `[relay]`
how logins are, `[outbound_tls]` what TLS has to be. Each transport that speaks SMTP has its own
connections, logins and source addresses, so that nothing of one is used by another.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Mapping

from postroad.app.alias_programs import AliasPrograms
from postroad.app.login_secrets import LoginSecrets
from postroad.app.mailboxes import location_of, storing_of
from postroad.app.outbound_tls import OutboundTls
from postroad.config import Configuration
from postroad.delivery import Transport
from postroad.delivery.alias_programs import ALIAS_PROGRAMS, AliasProgramTransport
from postroad.delivery.capture import CaptureTransport
from postroad.delivery.discard import DISCARD, DiscardTransport
from postroad.delivery.lmtp import LmtpTransport
from postroad.delivery.local import Copy, Crossing, LocalTransport
from postroad.delivery.logins import Logins, Own, TokenSource
from postroad.delivery.pipe import PipeTransport
from postroad.delivery.refusing import ERROR, RETRY, RefusingTransport
from postroad.delivery.route_tables import Tables
from postroad.delivery.routing import FILTER
from postroad.delivery.settings import DeliverySettings, RelaySettings
from postroad.delivery.smtp import SmtpTransport
from postroad.delivery.source_pool import Rations, SourcePool, read_source
from postroad.delivery.sources import AnySource, Sources
from postroad.delivery.tls_policy import see_nothing
from postroad.delivery.transport_settings import TransportSettings
from postroad.directory import Directory, Places
from postroad.mailbox import MaildirWriter
from postroad.model.journal import Journal, Level, Notice
from postroad.net.dns import Resolver
from postroad.net.ourselves import Ourselves

__all__ = ["Closable", "TransportMaker", "delivery_of"]

Closable = SmtpTransport | LmtpTransport | PipeTransport
"""Transports that hold something between two deliveries."""

_SERVICE = "smtp"


class TransportMaker:
    """Makes the transports of one configuration."""

    def __init__(
        self,
        configuration: Configuration,
        secrets: LoginSecrets,
        *,
        directory: Directory,
        resolver: Resolver,
        writer: MaildirWriter,
        tables: Tables,
        tls: OutboundTls | None,
        tokens: TokenSource | None,
        rations: Rations | None,
        journal: Journal,
        places: Places | None = None,
        warn_of_quota: Callable[[Crossing], None] | None = None,
        delivered: Callable[[Copy], None] | None = None,
    ) -> None:
        """Take what they need.

        Args:
            configuration: of the server.
            secrets: of its logins elsewhere.
            directory: accounts and domains.
            resolver: where hosts are.
            writer: puts mail into Maildirs.
            tables: who has tables of logins.
            tls: makes what they need for TLS; `None`: what `[relay]` alone says.
            tokens: who fetches bearer tokens.
            rations: who counts what new source addresses send.
            journal: where events go.
            places: what is said of where the mail of accounts lies; `None`: nothing.
            warn_of_quota: told of mailboxes that fill up.
            delivered: told of each copy that was stored here; `None`: nobody is.
        """
        self._places = places
        self._delivered = delivered
        self._warn_of_quota = warn_of_quota
        self._configuration = configuration
        self._secrets = secrets
        self._directory = directory
        self._resolver = resolver
        self._writer = writer
        self._tables = tables
        self._tls = tls
        self._tokens = tokens
        self._rations = rations
        self._journal = journal
        self._ourselves = Ourselves(
            (bind.host, bind.port)
            for listener in configuration.resolved_listeners
            for bind in listener.binds
        )

    def smtp(self) -> SmtpTransport:
        """The usual one."""
        configuration, relay = self._configuration, self._configuration.relay
        own = None
        if self._secrets.relay is not None and relay.nexthop:
            own = Own(self._secrets.relay, relay.nexthop)
        return self._smtp(relay, configuration.delivery, own, fallback=relay.fallback)

    def all(self, smtp: SmtpTransport) -> Mapping[str, Transport]:
        """Every transport there is, by the name that routes use.

        Args:
            smtp: the usual one, which has two names, as Postfix's smtp and relay.

        Raises:
            TlsConfigurationError: authorities cannot be read.
        """
        configuration = self._configuration
        transports: dict[str, Transport] = {
            "smtp": smtp,
            "relay": smtp,
            FILTER: self._filtering(),
            "lmtp": self._lmtp(configuration.hostname, configuration.delivery),
            "local": self._local(),
            DISCARD: DiscardTransport(),
            ERROR: RefusingTransport(permanent=True),
            RETRY: RefusingTransport(permanent=False),
            ALIAS_PROGRAMS: AliasProgramTransport(AliasPrograms(configuration), self._writer),
        }
        if configuration.delivery.capture is not None:
            transports["capture"] = CaptureTransport(
                configuration.delivery.capture, self._writer, time.monotonic
            )
        for name, settings in configuration.transports.items():
            transports[name] = self._named(name, settings)
        return transports

    def _named(self, name: str, settings: TransportSettings) -> Transport:
        match settings.kind:
            case "smtp":
                return self._named_smtp(name, settings)
            case "lmtp":
                delivery = delivery_of(settings, self._configuration.delivery)
                return self._lmtp(settings.helo or self._configuration.hostname, delivery)
            case "pipe":
                return self._pipe(name, settings)
            case "discard":
                return DiscardTransport()
            case "error" | "retry":
                permanent = settings.kind == "error"
                return RefusingTransport(permanent=permanent, usual=settings.nexthop)

    def _named_smtp(self, name: str, settings: TransportSettings) -> SmtpTransport:
        relay = self._configuration.relay
        login = self._secrets.transports.get(name)
        return self._smtp(
            dataclasses.replace(
                relay,
                smarthost=settings.nexthop,
                smarthosts=(),
                username=settings.username,
                logins=settings.logins or relay.logins,
                login_mechanisms=settings.login_mechanisms or relay.login_mechanisms,
                tls=settings.tls or relay.tls,
                tls_wrapper=settings.tls_wrapper,
                ca_file=settings.ca_file or relay.ca_file,
            ),
            delivery_of(settings, self._configuration.delivery),
            None if login is None else Own(login),
            helo=settings.helo,
            fallback=settings.fallback,
        )

    def _pipe(self, name: str, settings: TransportSettings) -> Transport:
        """A program; its mail waits where it has become impossible to run, as without its user."""
        delimiters = self._configuration.directory.recipient_delimiter
        try:
            return PipeTransport(name, settings, delimiters=delimiters)
        except ValueError as error:
            self._warn(f"transport {name}: {error}; its mail waits")
            return RefusingTransport(permanent=False, usual="4.3.5 mail transport unavailable")

    def _filtering(self) -> SmtpTransport:
        """The transport to content filters: the operator named each one, as an LMTP store.

        A login for the smarthost, and the TLS that goes with it, are nothing to them.
        """
        relay = dataclasses.replace(
            self._configuration.relay,
            smarthost="",
            smarthosts=(),
            username="",
            logins=(),
            tls="may",
            tls_wrapper=False,
        )
        delivery = dataclasses.replace(self._configuration.delivery, source_addresses=())
        return self._smtp(relay, delivery, None, chosen=True)

    def _smtp(
        self,
        relay: RelaySettings,
        delivery: DeliverySettings,
        own: Own | None,
        *,
        helo: str = "",
        fallback: str = "",
        chosen: bool = False,
    ) -> SmtpTransport:
        tls = self._tls
        return SmtpTransport(
            self._configuration.hostname,
            relay,
            delivery,
            resolver=self._resolver,
            journal=self._journal,
            clock=time.monotonic,
            login=self._logins(relay, own),
            sources=self._sources(delivery, helo),
            policies=None if tls is None else tls.policies(level=relay.tls, ca_file=relay.ca_file),
            contexts=None if tls is None else tls.contexts,
            seeing=see_nothing if tls is None else tls.seeing,
            ourselves=self._ourselves,
            fallback=fallback,
            chosen=chosen,
        )

    def _logins(self, relay: RelaySettings, own: Own | None) -> Logins:
        return Logins(
            own=own,
            tables=self._tables,
            names=relay.logins,
            tokens=self._tokens,
            pause=relay.login_pause,
            report=self._warn,
        )

    def _sources(self, delivery: DeliverySettings, helo: str) -> Sources:
        if not delivery.source_addresses and not helo:
            return AnySource()
        return SourcePool(
            [read_source(text) for text in delivery.source_addresses],
            round_robin=delivery.source_choice == "round_robin",
            rations=self._rations,
            helo=helo,
        )

    def _lmtp(self, hostname: str, delivery: DeliverySettings) -> LmtpTransport:
        return LmtpTransport(hostname, delivery, resolver=self._resolver, clock=time.monotonic)

    def _local(self) -> LocalTransport:
        configuration = self._configuration
        location = location_of(configuration)
        storing = storing_of(
            configuration,
            self._warn_of_quota,
            self._warn,
            has_agents=self._writer.has_others,
            delivered=self._delivered,
        )
        if storing.fault:
            self._warn(f"mail for mailboxes here waits: {storing.fault}")
        elif storing.owners.absence and storing.owners.domains:
            names = ", ".join(storing.owners.domains)
            self._warn(f"mail for {names} waits: its mail_user needs a start as root")
        return LocalTransport(
            self._directory,
            location,
            self._writer,
            time.monotonic,
            places=self._places,
            storing=storing,
        )

    def _warn(self, words: str) -> None:
        self._journal(Notice(_SERVICE, words, Level.WARNING))


def delivery_of(settings: TransportSettings, general: DeliverySettings) -> DeliverySettings:
    """How a named transport uses its connections.

    Args:
        settings: `[transports.NAME]`.
        general: `[delivery]`, for what is left out there.
    """
    if settings.command_timeout is not None:
        # It is for every reply but the last: what `[delivery]` says of single ones is not the
        # transport's, and follows from its own time as if it had been left out there.
        general = dataclasses.replace(
            general,
            greeting_timeout=None,
            mail_timeout=None,
            rcpt_timeout=None,
            data_init_timeout=None,
            data_block_timeout=None,
        )
    own = {
        key: getattr(settings, key)
        for key in (
            "connect_timeout",
            "command_timeout",
            "data_timeout",
            "idle_timeout",
            "messages_per_connection",
        )
        if getattr(settings, key) is not None
    }
    if settings.port:
        own["mx_port"] = settings.port
    if settings.source_addresses:
        own["source_addresses"] = settings.source_addresses
        own["source_choice"] = settings.source_choice
    return dataclasses.replace(general, **own)
