"""What protects a worker's listeners: counters that all workers share, bans, and who is guessing.

The block of counters is made before the fork; a worker joins its own table of it to the file of
bans, and builds gates and the guard from the configuration that is running.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Mapping
from pathlib import Path

from postroad.app.running import Running
from postroad.limits.bans import Bans
from postroad.limits.counters import CounterMemory, SharedCounters, Shelf
from postroad.limits.database import Writer, open_bans
from postroad.limits.familiar import Familiar
from postroad.limits.gate import Gate
from postroad.limits.guessing import Guard
from postroad.limits.rates import rates_of
from postroad.model import LOCAL
from postroad.model.journal import Journal, Level, Notice
from postroad.policy import Networks

__all__ = ["Protection"]


class Protection:
    """The counters and bans of a worker. Close it in the event loop."""

    def __init__(
        self,
        path: Path,
        connection: sqlite3.Connection,
        shelves: Mapping[Shelf, SharedCounters],
        journal: Journal,
    ) -> None:
        """Joined from parts that are open; see `open`."""
        loop = asyncio.get_running_loop()

        def complain(words: str) -> None:
            notice = Notice("anvil", f"a ban was not written: {words}", Level.WARNING)
            loop.call_soon_threadsafe(journal, notice)

        self._connection = connection
        self._shelves = shelves
        self._counters = shelves[Shelf.LIMITS]
        self._journal = journal
        self._writer = Writer(path, complain)
        self._bans = Bans(path, connection, self._writer)
        self._familiar = Familiar(connection, self._writer)

    @classmethod
    def open(cls, path: Path, memory: CounterMemory, worker: int, journal: Journal) -> Protection:
        """Open the file of bans, and take the worker's place in the block of counters.

        Args:
            path: the file; made if it is not there.
            memory: the block.
            worker: the worker's number.
            journal: told of bans and refusals.

        Raises:
            BansUnavailable: the file cannot be opened.
        """
        # Read on the event loop: what is locked now will be read at the next client.
        connection = open_bans(path, patience=0)
        shelves = {shelf: SharedCounters(memory, worker, shelf) for shelf in Shelf}
        return cls(path, connection, shelves, journal)

    @property
    def counters(self) -> SharedCounters:
        """Those of our own limits, where something may be held."""
        return self._counters

    @property
    def counters_of_users(self) -> SharedCounters:
        """Counts that no stranger can push out."""
        return self._shelves[Shelf.USERS]

    def gate(self, running: Running, service: str, listener: str) -> Gate:
        """The gate of a listener.

        Args:
            running: what to serve.
            service: how logs name the listener.
            listener: its name in the configuration.
        """
        configuration = running.configuration
        return Gate(
            service=service,
            hostname=configuration.hostname,
            limits=configuration.limits,
            rates=rates_of(configuration.limits, configuration.rates, listener),
            shelves=self._shelves,
            bans=self._bans,
            is_trusted=_trust(running),
            journal=self._journal,
        )

    def guard(self, running: Running) -> Guard:
        """The guard against guessing."""
        return Guard(
            settings=running.configuration.guessing,
            counters=self._counters,
            bans=self._bans,
            familiar=self._familiar,
            is_trusted=_trust(running),
            journal=self._journal,
        )

    def close(self) -> None:
        """Write what waits, and close the file."""
        self._writer.close()
        self._connection.close()
        self._bans.close()


def _trust(running: Running) -> Callable[[str], bool]:
    """Who may write to a Unix-domain socket of ours is decided by its owner and mode."""
    trusted = Networks(running.configuration.relay.trusted_networks)
    return lambda address: address == LOCAL or trusted.contains(address)
