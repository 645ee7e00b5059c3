"""A filter that stays while its programs are exchanged: the newest ones that could be run.

Theory of operation. A program's module and its `setup` do what their author wants: they load a
model for a minute, ask a server that is away, or never end. So they run in a thread of their own.
Until they have ended, what ran before goes on; however late they end, they are taken then, unless
there was another reload meanwhile. Where nothing ran before, sessions wait for the first programs,
within the time that a filter has for each step: a filter that is new neither fails mail nor lets it
pass while it is loaded. A thread cannot be ended from outside: one that hangs is there until the
worker ends, and the log says so.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Collection, Sequence

from postroad.filters.python.building import Attempt, Made, attempt
from postroad.filters.python.filter import PythonFilter
from postroad.filters.settings import FilterSettings
from postroad.filters.stages import Listening, Stage
from postroad.model import Reply
from postroad.model.journal import Journal, Level
from postroad.model.letter import Examiner, Letter, Opinion

__all__ = ["StandingFilter"]

_PENDING = "its programs and their setup have not ended yet"


class StandingFilter:
    """Implements `Filter`.

    Attributes:
        name: how configuration and log name it.
    """

    def __init__(
        self, settings: FilterSettings, name: str, journal: Journal, owners: Collection[int]
    ) -> None:
        """Begin to run its programs. To be made in the loop that it serves in.

        Args:
            settings: its section.
            name: how configuration and log name it.
            journal: where events go.
            owners: numbers of the users who may own the files.
        """
        self.name = name
        self._journal = journal
        self._owners = frozenset(owners)
        pending = PythonFilter(name, settings, (), journal, trouble=_PENDING)
        self._made = Made(pending, ())
        self._versions: list[PythonFilter] = []
        self._number = 0  # of the newest attempt
        self._settled = asyncio.Event()
        self._late: asyncio.TimerHandle | None = None
        self._begin(settings, None)

    @property
    def current(self) -> PythonFilter:
        """The filter in force."""
        return self._made.filter

    def session(self) -> Listening:
        """Begin to listen to a session, with the programs that are in force now."""
        return self._made.filter.session() if self._versions else _Expecting(self)

    def renew(self, settings: FilterSettings) -> None:
        """Look at the programs again; what has changed is taken as soon as it has run.

        Args:
            settings: its section as it is now.
        """
        self._begin(settings, self._made if self._versions else None)

    async def settled(self) -> None:
        """Wait until the newest attempt has ended."""
        await self._settled.wait()

    async def close(self) -> None:
        """Have `stop` done in all versions that were started, the newest first."""
        self._number += 1  # what comes now comes too late
        self._forget_timer()
        for each in reversed(self._versions):
            await each.close()

    def _begin(self, settings: FilterSettings, former: Made | None) -> None:
        self._forget_timer()
        self._settled.clear()
        self._number += 1
        number, loop = self._number, asyncio.get_running_loop()

        def work() -> None:
            found = attempt(settings, self.name, self._journal, owners=self._owners, former=former)
            try:
                loop.call_soon_threadsafe(self._take, number, found)
            except RuntimeError:
                return  # the loop is closed: nobody waits any more

        self._late = loop.call_later(settings.timeout, self._tell_late)
        threading.Thread(target=work, name=f"filter {self.name}", daemon=True).start()

    def _take(self, number: int, found: Attempt) -> None:
        """An attempt has ended."""
        if number != self._number:
            return  # a later one is under way
        self._forget_timer()
        self._settled.set()
        if found.fault:
            found.made.filter.tell(found.fault, Level.ERROR)
        if found.made is self._made:
            return
        is_first = not self._versions
        self._made = found.made
        self._versions.append(found.made.filter)
        if not is_first and not found.fault:
            found.made.filter.tell("its programs have changed, and run now")

    def _tell_late(self) -> None:
        goes_on = "; what ran before goes on until they have" if self._versions else ""
        self._made.filter.tell(f"{_PENDING}{goes_on}", Level.WARNING)

    def _forget_timer(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None


class _Expecting:
    """A session that began before there were programs; implements `Listening` and `Examiner`."""

    __slots__ = ("_filter", "_listening")

    def __init__(self, owner: StandingFilter) -> None:
        self._filter = owner
        self._listening: Listening | None = None

    async def heard(self, stage: Stage) -> Reply | None:
        """Tell the programs of a step, once they run."""
        return await (await self._running()).heard(stage)

    @property
    def examiners(self) -> Sequence[Examiner]:
        """Who looks at the message."""
        return (self,)

    async def examine(self, letter: Letter) -> Opinion:
        """Show them the message, once they run."""
        (examiner,) = (await self._running()).examiners
        return await examiner.examine(letter)

    def forget(self) -> None:
        """The transaction is over."""
        if self._listening is not None:
            self._listening.forget()

    async def close(self) -> None:
        """The session is over."""
        if self._listening is not None:
            await self._listening.close()

    async def _running(self) -> Listening:
        if self._listening is None:
            await self._filter.settled()
            self._listening = self._filter.session()
        return self._listening
