"""What is running: a configuration that a reload may change only where it can be changed.

Sockets, processes, databases and the log are opened once; what they were opened by holds until the
next start. Everything else is taken anew on SIGHUP, but only if the new file has no mistakes and
relays for nobody. The supervisor and each worker keep such a value and reload it in the same way,
so that a worker which is restarted tomorrow is no different from those that run.

Certificates, keys and the smarthost's password are read here, at start (as root, if root) and at
each reload, and kept: a worker that must be replaced while a renewal is half done needs no file.
What listeners shake hands with is made once, before workers are forked, and lives as long as they
do (`net.tls_server` says why); only the certificates behind it change.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from postroad.app.agents import Agents, terms_of
from postroad.app.login_secrets import LoginSecrets
from postroad.app.proof import RelayHoleError, require_closed
from postroad.config import Configuration, ConfigurationError
from postroad.delivery.credentials import CredentialsError
from postroad.net.certificates import TlsConfigurationError
from postroad.net.tls_server import Certificates, ServerTls
from postroad.server.settings import ListenerSettings

__all__ = ["NOT_RELOADED", "RELOADED", "RELOADED_OF_LISTENER", "Running"]

NOT_RELOADED = (ConfigurationError, RelayHoleError, CredentialsError, TlsConfigurationError)
"""What a file may hold against being taken."""

RELOADED = (
    "policy",
    "relay",
    "etrn",
    "login",
    "limits",
    "rates",
    "guessing",
    "containment",
    "greylist",
    "verification",
    "suppression",
    "tls_reports",
    "dmarc_reports",
    "history",
    "queue",
    "destinations",
    "delivery",
    "outbound_tls",
    "routing",
    "transports",
    "tokens",
    "warmup",
    "mailbox",
    "sendmail",
    "filters",
    "dkim",
    "authentication",
    "spf",
    "dmarc",
    "arc",
    "tls",
)
"""The sections that a reload takes."""

RELOADED_OF_LISTENER = (
    "policy",
    "content_filter",
    "auth",
    "client_certificates",
    "from_header",
    "vrfy",
    "future_release",
    "discard_ehlo_keywords",
    "trusted_networks",
    "xclient",
    "xforward",
    "transport",
    "filters",
    "taken_before",
)
"""The keys of a listener that it takes. By the others the listener was opened; and logins without
TLS are a matter of where it listens and of its TLS, so that these must change together."""


class Running:
    """The configuration in force.

    Attributes:
        configuration: as it is now.
        tls: our certificates, `None` where no listener speaks TLS.
        secrets: of logins at other servers.
        workers: how many there are; a number that depends on the machine is asked for once.
        agents: where processes that write mail as its owners are asked for; `None`: there are
            none.
    """

    def __init__(self, configuration: Configuration, read: Callable[[], Configuration]) -> None:
        """As started.

        Args:
            configuration: what was started.
            read: reads the configuration anew.

        Raises:
            RelayHoleError: it relays for strangers.
            TlsConfigurationError, CredentialsError: a file cannot be used.
        """
        require_closed(configuration)
        self.configuration = configuration
        certificates = _certificates(configuration)
        self.tls = ServerTls(certificates) if certificates is not None else None
        self.secrets = LoginSecrets.read(configuration)
        self.workers = configuration.worker_count
        self.agents: Agents | None = None
        self._read = read

    def reload(self) -> tuple[str, ...]:
        """Take what can be taken from the file as it is now.

        Returns:
            The keys that differ and need a restart.

        Raises:
            ConfigurationError: the file has mistakes; nothing has changed.
            RelayHoleError: it relays for strangers; nothing has changed.
            TlsConfigurationError, CredentialsError: a file cannot be used; nothing has changed.
        """
        fresh = self._read()
        merged = _merged(self.configuration, fresh)
        require_closed(merged)
        certificates, secrets = _certificates(merged), LoginSecrets.read(merged)
        self.configuration, self.secrets = merged, secrets
        if self.tls is not None and certificates is not None:
            self.tls.take(certificates)
        return (*_differences(merged, fresh), *self._other_owners())

    def _other_owners(self) -> tuple[str, ...]:
        """What of the owners of mail was decided at the start, and would be otherwise now."""
        if self.agents is None:
            return ()
        terms = terms_of(self.configuration, self.workers)
        before = self.agents.terms
        found = []
        if terms != dataclasses.replace(before, junk=terms.junk):
            found.append("who may own mail, and the roots of it")
        if terms.junk != before.junk:
            found.append("whether what other owners of mail move is learned, and from which folder")
        return tuple(found)


def _certificates(configuration: Configuration) -> Certificates | None:
    if all(listener.tls == "none" for listener in configuration.resolved_listeners):
        return None
    return Certificates(configuration.tls, configuration.key_pairs)


def _merged(running: Configuration, fresh: Configuration) -> Configuration:
    listeners = {
        name: _merged_listener(started, fresh.listeners.get(name, started))
        for name, started in running.listeners.items()
    }
    taken = {section: getattr(fresh, section) for section in RELOADED}
    return dataclasses.replace(running, listeners=listeners, **taken)


def _merged_listener(started: ListenerSettings, fresh: ListenerSettings) -> ListenerSettings:
    if fresh.preset != started.preset:  # its lists are another preset's, and so is its port
        return started
    taken = {key: getattr(fresh, key) for key in RELOADED_OF_LISTENER}
    return dataclasses.replace(started, **taken)


def _differences(merged: Configuration, fresh: Configuration) -> list[str]:
    """The keys in which the file is ahead of what runs."""
    names = [field.name for field in dataclasses.fields(Configuration) if field.name != "listeners"]
    found = [name for name in names if getattr(merged, name) != getattr(fresh, name)]
    listeners = dict.fromkeys((*merged.listeners, *fresh.listeners))
    found += [
        f"listeners.{name}"
        for name in listeners
        if merged.listeners.get(name) != fresh.listeners.get(name)
    ]
    return found
