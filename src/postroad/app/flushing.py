"""Starting a queue wherever its mail lies: every worker is asked over its control socket.

A worker delivers what it accepted, so the mail of one domain lies in the shards of all of them. Our
own worker is asked in the same way, from a thread, while its event loop goes on and answers.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from postroad.admin.control import ControlError, ask, sockets
from postroad.model.journal import Journal, Level, Notice
from postroad.server.etrn import FlushError

__all__ = ["Flushing"]


class Flushing:
    """Starts queues, one after the other: each asks all workers, and may take them a while."""

    def __init__(self, state: Path, journal: Journal) -> None:
        """Nothing is asked yet.

        Args:
            state: the server's state directory.
            journal: told why a queue could not be started.
        """
        self._state = state
        self._journal = journal
        self._turn = asyncio.Lock()

    async def flush(self, domain: str) -> int:
        """Make the deferred mail of a domain due now.

        Returns:
            For how many recipients.

        Raises:
            FlushError: a worker did not answer; some may have started.
        """
        async with self._turn:
            try:
                return await asyncio.to_thread(self._ask, domain)
            except ControlError as error:
                words = f"the queue of {domain} was not started: {error}"
                self._journal(Notice("flush", words, Level.WARNING))
                raise FlushError from None

    def _ask(self, domain: str) -> int:
        request = {"command": "flush", "queue_ids": None, "domain": domain}
        count = 0
        for path in sockets(self._state):
            answer = ask(path, request)
            started = 0 if answer is None else answer["count"]  # None: a worker that is gone
            assert isinstance(started, int)
            count += started
        return count
