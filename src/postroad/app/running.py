"""What is running: a configuration that a reload may change only where it can be changed.

Sockets, processes, databases and the log are opened once; what they were opened by holds until the
next start. Everything else is taken anew on SIGHUP, but only if the new file has no mistakes and
relays for nobody. The supervisor and each worker keep such a value and reload it in the same way,
so that a worker which is restarted tomorrow is no different from those that run.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from postroad.app.proof import require_closed
from postroad.config import Configuration
from postroad.server.settings import ListenerSettings

__all__ = ["RELOADED", "Running"]

RELOADED = ("relay", "limits", "delivery", "mailbox", "tls")
"""The sections that a reload takes; of a listener, `policy` and `auth`."""


class Running:
    """The configuration in force.

    Attributes:
        configuration: as it is now.
        workers: how many there are; a number that depends on the machine is asked for once.
    """

    def __init__(self, configuration: Configuration, read: Callable[[], Configuration]) -> None:
        """As started.

        Args:
            configuration: what was started.
            read: reads the configuration anew.

        Raises:
            RelayHoleError: it relays for strangers.
        """
        require_closed(configuration)
        self.configuration = configuration
        self.workers = configuration.worker_count
        self._read = read

    def reload(self) -> tuple[str, ...]:
        """Take what can be taken from the file as it is now.

        Returns:
            The keys that differ and need a restart.

        Raises:
            ConfigurationError: the file has mistakes; nothing has changed.
            RelayHoleError: it relays for strangers; nothing has changed.
        """
        fresh = self._read()
        merged = _merged(self.configuration, fresh)
        require_closed(merged)
        self.configuration = merged
        return tuple(_differences(merged, fresh))


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
