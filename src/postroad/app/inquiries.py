"""What restrictions can have found out: whether an address takes mail, whether a client must wait.

The prober and the greylist of a worker, with the files that all workers share. Nothing is opened
before a restriction list asks for it.
"""

from __future__ import annotations

import asyncio
import dataclasses
import time
from collections.abc import Sequence
from pathlib import Path

from postroad.app.outbound import Outbound
from postroad.app.running import Running
from postroad.config import Configuration
from postroad.delivery.probing import Prober
from postroad.delivery.verified import VERIFIED
from postroad.directory import Directory, DirectoryUnavailable
from postroad.limits.greylist import Greylist
from postroad.limits.greylist_file import GREYLIST
from postroad.limits.state_file import Keeper, Shape
from postroad.model import Address, Recipient
from postroad.model.journal import Journal, Level, Notice

__all__ = ["Inquiries"]

MOST_NOTES = 100
"""Messages of users whose recipients are being written down at once. Those of more are not: one
whom they wrote to may wait once."""


class Inquiries:
    """Belongs to a worker's event loop.

    Attributes:
        prober: verifies addresses.
        greylist: says who has to wait.
    """

    def __init__(
        self, running: Running, directory: Directory, outbound: Outbound, journal: Journal
    ) -> None:
        """Nothing is opened yet.

        Args:
            running: what to serve.
            directory: accounts and domains.
            outbound: where mail goes, and who asks there.
            journal: where events go.
        """
        configuration = running.configuration
        self._directory = directory
        self._journal = journal
        self._loop = asyncio.get_running_loop()
        self._verified = self._keeper(configuration.verified_file, VERIFIED, "verify")
        self._strangers = self._keeper(configuration.greylist_file, GREYLIST, "postgrey")
        self.prober = Prober(
            configuration.verification,
            configuration.hostname,
            accounts=directory,
            ways=outbound,
            file=self._verified,
            journal=journal,
            clock=time.time,
        )
        self.greylist = Greylist(configuration.greylist, self._strangers, journal, time.time)
        self._is_greylisting = _is_greylisting(configuration)
        self._notes: set[asyncio.Task[None]] = set()

    def replace(self, running: Running) -> None:
        """Go by what is running now."""
        configuration = running.configuration
        self.prober.configure(configuration.verification)
        self.greylist.settings = configuration.greylist
        self._is_greylisting = _is_greylisting(configuration)

    def wrote_to(self, recipients: Sequence[Recipient]) -> None:
        """A user of ours wrote to these; they will be no strangers. Returns at once."""
        if self._is_greylisting and len(self._notes) < MOST_NOTES:
            task = self._loop.create_task(self._note([each.address for each in recipients]))
            self._notes.add(task)
            task.add_done_callback(self._notes.discard)

    async def close(self) -> None:
        """Break off probes, write what waits, and close the files."""
        await self.prober.close()
        await asyncio.gather(*self._notes, return_exceptions=True)
        for keeper in (self._verified, self._strangers):
            await asyncio.to_thread(keeper.close)

    async def _note(self, recipients: Sequence[Address]) -> None:
        """Our own addresses are left out: mail in their name from elsewhere is mostly forged."""
        try:
            away = [each for each in recipients if not await self._directory.is_local(each.domain)]
        except DirectoryUnavailable:
            return  # which is said elsewhere
        await self.greylist.wrote_to(map(str, away))

    def _keeper(self, path: Path, shape: Shape, service: str) -> Keeper:
        def complain(words: str) -> None:
            notice = Notice(service, words, Level.WARNING)
            self._loop.call_soon_threadsafe(self._journal, notice)

        return Keeper(path, shape, complain)


def _is_greylisting(configuration: Configuration) -> bool:
    """Whether any list names the greylist, or it was asked before, by way of an access table."""
    lists = [
        names
        for listener in configuration.listeners.values()
        for names in dataclasses.asdict(listener.policy).values()
        if isinstance(names, tuple)
    ]
    lists += configuration.policy.classes.values()
    named = any("greylist" in name for names in lists for name in names)
    return named or configuration.greylist_file.exists()
