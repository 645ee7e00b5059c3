"""From the configuration's listeners to the services that sessions run by."""

from __future__ import annotations

import ssl
import time

from postroad.app.protection import Protection
from postroad.app.running import Running
from postroad.directory import EmbeddedDirectory
from postroad.intake import Door
from postroad.model.journal import Journal
from postroad.policy import Networks, build
from postroad.server.etrn import Flush, QueueStarting
from postroad.server.extensions import Extensions
from postroad.server.logins import Logins
from postroad.server.oracle import DirectoryOracle
from postroad.server.service import Names, Service
from postroad.server.settings import ResolvedListener

__all__ = ["services_of"]


def services_of(
    running: Running,
    directory: EmbeddedDirectory,
    *,
    names: Names,
    door: Door,
    protection: Protection,
    logins: Logins,
    flush: Flush,
    journal: Journal,
) -> dict[str, Service]:
    """A service for each listener.

    Args:
        running: what to serve.
        directory: accounts and addresses.
        names: finds clients' names.
        door: takes messages.
        protection: keeps count of clients.
        logins: what logins go by.
        flush: starts the queue of a domain.
        journal: where events go.

    Returns:
        Services by listener name.
    """
    configuration = running.configuration
    oracle = DirectoryOracle(directory)
    trusted = Networks(configuration.relay.trusted_networks)
    etrn = QueueStarting.of(configuration.etrn, flush)
    return {
        listener.name: Service(
            name=service_name(listener.name),
            hostname=configuration.hostname,
            implicit_tls=listener.tls == "implicit",
            starttls=listener.tls == "starttls",
            require_tls=listener.require_tls and listener.tls != "none",
            auth=listener.auth,
            limits=configuration.limits,
            policy=build(listener.preset, listener.policy),
            oracle=oracle,
            trusted=trusted,
            directory=directory,
            door=door,
            names=names,
            reverse_names=configuration.dns.reverse,
            tls_context=_tls_context(running, listener),
            handshake_timeout=configuration.tls.handshake_limit,
            gate=protection.gate(running, service_name(listener.name)),
            journal=journal,
            clock=time.time,
            logins=logins,
            extensions=_extensions(listener, etrn),
        )
        for listener in configuration.resolved_listeners
    }


def _tls_context(running: Running, listener: ResolvedListener) -> ssl.SSLContext | None:
    if running.tls is None or listener.tls == "none":
        return None
    return running.tls.context(client_certificates=listener.settings.client_certificates)


def _extensions(listener: ResolvedListener, etrn: QueueStarting) -> Extensions:
    settings = listener.settings
    return Extensions(
        lmtp=listener.lmtp,
        plain_auth=settings.plain_auth,
        vrfy=settings.vrfy,
        future_release=settings.future_release,
        discarded=frozenset(each.upper() for each in settings.discard_ehlo_keywords),
        proxies=Networks(settings.proxy),
        impostors=Networks(settings.xclient),
        forwarders=Networks(settings.xforward),
        etrn=etrn,
    )


def service_name(listener: str) -> str:
    """How logs name a listener, by its name in the configuration."""
    return "smtpd" if listener == "mx" else f"{listener}/smtpd"
