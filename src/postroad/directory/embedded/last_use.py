"""When and from where each app password was last used, written down now and then.

A person looks at it to find the device that nobody has any more; a minute does not matter. So uses
are collected in memory and written together, at most once a minute by each worker, and not at all
where another worker wrote a use of the same minute.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import suppress

from postroad.directory.embedded.writer import DirectoryWriter
from postroad.directory.interface import DirectoryUnavailable

__all__ = ["LastUse"]

INTERVAL = 60.0  # seconds between two writings
MOST_NOTED = 10_000  # app passwords between two writings; more wait for their next use

_UPDATE = """
UPDATE app_passwords SET used = :now, used_from = :address
WHERE id = :id AND (used IS NULL OR used <= :now - :interval)
"""


class LastUse:
    """Collects uses and writes them.

    Args:
        writer: of the directory's file.
        now: seconds since the epoch.
        pause: waits for so many seconds.
    """

    def __init__(
        self,
        writer: DirectoryWriter,
        now: Callable[[], float],
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._writer = writer
        self._now = now
        self._pause = pause
        self._noted: dict[int, tuple[int, str]] = {}
        self._writing: asyncio.Task[None] | None = None

    def note(self, identifier: int, address: str) -> None:
        """An app password is used now; in the event loop.

        Args:
            identifier: its row.
            address: of the client.
        """
        if identifier in self._noted or len(self._noted) < MOST_NOTED:
            self._noted[identifier] = (int(self._now()), address)
        if self._writing is None:
            self._writing = asyncio.create_task(self._write_until_done())

    def close(self) -> None:
        """Begin to write what is noted; the writer's own `close` waits for it."""
        if self._writing is not None:
            self._writing.cancel()
        if self._noted:
            self._writer.begin(_updates(self._taken()))

    async def _write_until_done(self) -> None:
        while self._noted:
            with suppress(DirectoryUnavailable):  # the next use is noted again
                await self._writer.write(_updates(self._taken()))
            await self._pause(INTERVAL)
        self._writing = None

    def _taken(self) -> dict[int, tuple[int, str]]:
        taken, self._noted = self._noted, {}
        return taken


def _updates(noted: dict[int, tuple[int, str]]) -> Callable[[sqlite3.Connection], None]:
    rows = [
        {"id": identifier, "now": now, "address": address, "interval": int(INTERVAL)}
        for identifier, (now, address) in noted.items()
    ]

    def change(connection: sqlite3.Connection) -> None:
        connection.executemany(_UPDATE, rows)

    return change
