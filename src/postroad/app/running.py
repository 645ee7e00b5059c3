"""What is running: a configuration that a reload may change only where it can be changed.

Sockets, processes, databases and the log are opened once; what they were opened by holds until the
next start. Everything else is taken anew on SIGHUP, but only if the new file has no mistakes and
relays for nobody. The supervisor and each worker keep such a value and reload it in the same way,
so that a worker which is restarted tomorrow is no different from those that run.

Certificate, key and the smarthost's password are read here, at start (as root, if root) and at each
reload, and kept: a worker that must be replaced while a renewal is half done needs no file.
"""

from __future__ import annotations

import dataclasses
import ssl
from collections.abc import Callable

from postroad.app.proof import RelayHoleError, require_closed
from postroad.config import Configuration, ConfigurationError
from postroad.delivery.credentials import CredentialsError, load_credentials
from postroad.net.tls import TlsConfigurationError, server_context
from postroad.server.settings import ListenerSettings

__all__ = ["NOT_RELOADED", "RELOADED", "Running"]

NOT_RELOADED = (ConfigurationError, RelayHoleError, CredentialsError, TlsConfigurationError)
"""What a file may hold against being taken."""

RELOADED = ("relay", "limits", "delivery", "mailbox", "tls")
"""The sections that a reload takes; of a listener, `policy` and `auth`."""


class Running:
    """The configuration in force.

    Attributes:
        configuration: as it is now.
        tls: our certificate, `None` where no listener speaks TLS.
        credentials: the login at the smarthost, if there is one.
        workers: how many there are; a number that depends on the machine is asked for once.
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
        self.tls, self.credentials = _tls(configuration), load_credentials(configuration.relay)
        self.workers = configuration.worker_count
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
        tls, credentials = _tls(merged), load_credentials(merged.relay)
        self.configuration, self.tls, self.credentials = merged, tls, credentials
        return tuple(_differences(merged, fresh))


def _tls(configuration: Configuration) -> ssl.SSLContext | None:
    if all(listener.tls == "none" for listener in configuration.resolved_listeners):
        return None
    return server_context(configuration.tls, configuration.certificate, configuration.key)


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
    return dataclasses.replace(started, policy=fresh.policy, auth=fresh.auth)


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
