"""The containment of a worker: its parts, joined, opened and closed with the worker.

`containment` finds stolen accounts, `consequences` does what follows. They need the door, the
shards and the sessions of the worker, which are built elsewhere and come in here as arguments.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence

from postroad.admin.containment import containing_commands
from postroad.admin.control import Command
from postroad.app.consequences import SERVICE, Consequences, Place, Submitting
from postroad.app.containment import Containment, Rules
from postroad.app.running import Running
from postroad.config import Configuration
from postroad.directory import Freezes
from postroad.limits.counters import Counters
from postroad.limits.habits import HABITS, Habits
from postroad.limits.state_file import Keeper
from postroad.model import Address, Client, Reply
from postroad.model.journal import Journal, Level, Notice
from postroad.policy import Networks

__all__ = ["Custody"]


class Custody:
    """Containment with all that it needs.

    Attributes:
        containment: what sessions and runners tell.
    """

    def __init__(
        self,
        running: Running,
        worker: int,
        *,
        freezes: Freezes,
        counters: Counters,
        door: Submitting,
        hold: Callable[[str], Awaitable[int]],
        release: Callable[[str], Awaitable[None]],
        cut: Callable[[str, Reply], Sequence[asyncio.Task[None]]],
        journal: Journal,
    ) -> None:
        """Join the parts; in the event loop.

        Args:
            running: what to serve.
            worker: our number.
            freezes: as the directory has them.
            counters: shared by all workers.
            door: takes letters.
            hold: holds what our shards have of an account; how many messages that are.
            release: lets that go on.
            cut: ends our sessions of an account with these last words; what to wait for.
            journal: where events go.
        """
        configuration = running.configuration
        loop = asyncio.get_running_loop()

        def complain(words: str) -> None:
            loop.call_soon_threadsafe(journal, Notice(SERVICE, words, Level.WARNING))

        self._file = Keeper(configuration.habits_file, HABITS, complain)
        self._habits = Habits(self._file, complain)
        place = Place(
            worker=worker,
            workers=running.workers,
            state=configuration.state_directory,
            hostname=configuration.hostname,
            hold=hold,
            release=release,
            cut=cut,
            door=door,
            clock=time.time,
        )
        self._consequences = Consequences(place, freezes, self._recipients, journal)
        self.containment = Containment(
            _rules(configuration),
            worker=worker,
            counters=counters,
            habits=self._habits,
            freezes=freezes,
            following=self._consequences,
            journal=journal,
            clock=time.time,
        )

    @property
    def commands(self) -> dict[str, Command]:
        """What the control socket answers."""
        return containing_commands(self._consequences.contain, self._consequences.thawed)

    async def resume(self) -> None:
        """Go on with freezes that were not finished; before mail is delivered.

        Raises:
            DirectoryUnavailable, SpoolError: it cannot be done now.
        """
        await self._consequences.resume()

    def replace(self, configuration: Configuration) -> None:
        """Go by what is running now."""
        self.containment.replace(_rules(configuration))

    def _recipients(self) -> Sequence[Address]:
        """The two need each other: who is found out, and who is told."""
        return self.containment.recipients()

    async def close(self) -> None:
        """Break off what is under way, and write what was learnt."""
        await self.containment.close()
        await self._consequences.close()
        await self._habits.close()
        await asyncio.to_thread(self._file.close)  # which waits for the file's own thread


def _rules(configuration: Configuration) -> Rules:
    trusted = Networks(configuration.relay.trusted_networks)

    def says_nothing(address: str) -> bool:
        return not Client(address, 0).has_address or trusted.contains(address)

    domain = (*configuration.local_domains, configuration.hostname)[0]
    postmaster = Address("postmaster", domain)
    settings = configuration.containment
    return Rules(
        settings=settings,
        recipients=tuple(map(Address.parse, settings.notify)) or (postmaster,),
        postmaster=str(postmaster),
        hostname=configuration.hostname,
        says_nothing=says_nothing,
    )
