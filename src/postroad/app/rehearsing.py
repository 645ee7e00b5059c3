"""A listener's service as the server builds it, but for what has an effect.

The composition root of `explain`: policy, accounts, tables and resolver are the server's own; what
counts, keeps, asks for passwords or is noticed by others is exchanged (`harmless`, `bystander`).
"""

from __future__ import annotations

import ssl
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass

from postroad.app.bystander import Bystander
from postroad.app.harmless import (
    Exempt,
    Nowhere,
    Passwordless,
    Scribe,
    Watchful,
    uncounting_gate,
)
from postroad.app.inquiries import Inquiries
from postroad.app.lookout import Lookout
from postroad.app.outbound import Outbound
from postroad.app.running import Running
from postroad.app.services import extensions_of, groups_of, service_name
from postroad.config import Configuration
from postroad.config.relaying import trusted_at
from postroad.config.surroundings import surroundings_of
from postroad.delivery.probing import probe_sender
from postroad.intake import Door
from postroad.mailbox import MaildirWriter
from postroad.model.journal import Journal, Level, Notice
from postroad.net.delegation import Delegations
from postroad.policy import build
from postroad.policy.facts import Agents
from postroad.server.authorization import ActAs
from postroad.server.etrn import QueueStarting
from postroad.server.inquiries import AgentsInquiry
from postroad.server.logins import Logins
from postroad.server.service import Service
from postroad.server.settings import ResolvedListener

__all__ = ["Cast", "bystanders", "inquirers", "service_of"]


@dataclass(frozen=True, slots=True)
class Cast:
    """Who plays the parts.

    Attributes:
        configuration: of the server.
        lookout: what can be looked up.
        agents: those who find something out.
        names: finds the client's names.
        scribe: is told what is decided.
        journal: where events go.
    """

    configuration: Configuration
    lookout: Lookout
    agents: Agents
    names: Exempt
    scribe: Scribe
    journal: Journal


def bystanders(
    configuration: Configuration, lookout: Lookout, journal: Journal, exits: AsyncExitStack
) -> Bystander:
    """Agents whom nobody notices.

    Args:
        configuration: of the server.
        lookout: its accounts.
        journal: where events go.
        exits: closes them.
    """
    bystander = Bystander(configuration, lookout.directory, journal)
    exits.callback(bystander.close)
    return bystander


async def inquirers(
    configuration: Configuration, lookout: Lookout, journal: Journal, exits: AsyncExitStack
) -> AgentsInquiry:
    """Agents who ask in earnest, as those of a worker.

    Args:
        configuration: of the server.
        lookout: its accounts and its resolver.
        journal: where events go.
        exits: closes them.

    Raises:
        TlsConfigurationError, CredentialsError: a file that deliveries need cannot be used.
    """
    directory = lookout.directory
    running = Running(configuration, lambda: configuration)
    writer = MaildirWriter(configuration.hostname)
    exits.callback(writer.close)
    outbound = Outbound(directory, lookout.names, writer, journal, tables=lookout.registry)
    exits.push_async_callback(outbound.close)
    outbound.replace(running)
    inquiries = Inquiries(running, directory, outbound, journal)
    exits.push_async_callback(inquiries.close)
    delegations = Delegations(
        lambda words: journal(Notice("smtpd", words, Level.WARNING)), clock=time.monotonic
    )
    exits.callback(delegations.close)
    return AgentsInquiry(delegations, inquiries.prober, inquiries.greylist, pause=_at_once)


def service_of(listener: ResolvedListener, cast: Cast) -> Service:
    """The service of a listener.

    Args:
        listener: which.
        cast: who plays the parts.

    Raises:
        BansUnavailable: the file of bans cannot be read.
    """
    configuration, directory = cast.configuration, cast.lookout.directory
    hostname, name = configuration.hostname, service_name(listener.name)
    trusted = trusted_at(configuration, listener.settings)
    has_tls = listener.tls != "none"
    return Service(
        name=name,
        hostname=hostname,
        implicit_tls=listener.tls == "implicit",
        starttls=listener.tls == "starttls",
        require_tls=listener.require_tls and has_tls,
        auth=listener.auth,
        limits=configuration.limits,
        policy=build(listener.preset, listener.policy, surroundings_of(configuration)),
        oracle=cast.lookout.oracle(cast.agents),
        trusted=trusted,
        directory=Passwordless(directory),
        door=Door(
            hostname=hostname,
            settings=configuration.intake,
            begin=Nowhere,
            directory=cast.lookout.forwards.addresses,
            queued=lambda _: None,
            journal=cast.journal,
            clock=time.time,
        ),
        names=cast.names,
        reverse_names=configuration.dns.reverse or cast.names.is_named,
        tls_context=ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER) if has_tls else None,
        handshake_timeout=configuration.tls.handshake_limit,
        gate=uncounting_gate(configuration, name, trusted),
        journal=cast.journal,
        clock=time.time,
        pause=_at_once,
        extensions=extensions_of(listener, QueueStarting.of(configuration.etrn, _something)),
        logins=Logins(
            mechanisms=("PLAIN",),
            act_as=ActAs.of(configuration.login.act_as),
            broken_clients=configuration.login.broken_clients,
        ),
        listener=listener.name,
        history=cast.scribe,
        containment=Watchful(directory.embedded.freezes, configuration),
        probe_sender=probe_sender(configuration.verification, hostname).lower(),
        from_header=listener.settings.from_header,
        groups=groups_of(directory),
        returns=cast.lookout.forwards.returns,
    )


async def _at_once(_seconds: float) -> None:
    """Nobody waits here."""


async def _something(_domain: str) -> int:
    """That something waits is assumed: who has nothing waiting is told so with a 251."""
    return 1
