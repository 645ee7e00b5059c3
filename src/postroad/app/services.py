"""From the configuration's listeners to the services that sessions run by."""

from __future__ import annotations

import time

from postroad.app.running import Running
from postroad.directory import Directory
from postroad.intake import Door
from postroad.model.journal import Journal
from postroad.policy import Networks, build
from postroad.server.oracle import DirectoryOracle
from postroad.server.service import Names, Service

__all__ = ["services_of"]


def services_of(
    running: Running,
    directory: Directory,
    names: Names,
    door: Door,
    journal: Journal,
) -> dict[str, Service]:
    """A service for each listener.

    Args:
        running: what to serve.
        directory: accounts and addresses.
        names: finds clients' names.
        door: takes messages.
        journal: where events go.

    Returns:
        Services by listener name.
    """
    configuration = running.configuration
    oracle = DirectoryOracle(directory)
    trusted = Networks(configuration.relay.trusted_networks)
    return {
        listener.name: Service(
            name="smtpd" if listener.name == "mx" else f"{listener.name}/smtpd",
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
            tls_context=running.tls,
            handshake_timeout=configuration.tls.handshake_limit,
            journal=journal,
            clock=time.time,
        )
        for listener in configuration.resolved_listeners
    }
