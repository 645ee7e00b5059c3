"""What both kinds of reports do in a worker: counts to the file, the daily dispatch.

There is one for each worker and kind. Nothing is opened where nothing is counted.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from postroad.app.report_rounds import Rounds, Submission, Switch
from postroad.config import Configuration
from postroad.intake import Door
from postroad.limits.state_file import Keeper, Shape, StateUnavailable
from postroad.model.journal import Journal, Level, Notice
from postroad.net.dns import to_ascii
from postroad.reports.day import day_of
from postroad.reports.dispatch import Dispatch
from postroad.reports.kind import Identity, Kind, Made
from postroad.reports.settings import ReportSettings
from postroad.reports.tally import Counts, Seen

__all__ = ["DailyReports", "Subject", "identity_of"]

_Seen = TypeVar("_Seen", bound=Seen)
_Report = TypeVar("_Report", bound=Made)


class Counting(Protocol[_Seen]):
    """Who counts.

    Attributes:
        enabled: whether anything is counted.
    """

    enabled: bool

    def take(self) -> tuple[Counts[_Seen], int]:
        """See `Tally.take`."""
        ...


@dataclass(frozen=True, slots=True)
class Subject(Generic[_Seen]):
    """What a kind of reports is about.

    Attributes:
        service: what the log calls the reports.
        things: what is counted, in the plural.
        shape: what is in the file.
        add: adds counts to the file: takes the connection, the counts, how many were not counted
            and the number of today; returns how many there was no room for.
    """

    service: str
    things: str
    shape: Shape
    add: Callable[[sqlite3.Connection, Counts[_Seen], int, int], int]


class DailyReports(Generic[_Seen, _Report]):
    """Belongs to a worker's event loop.

    Attributes:
        file: where counts are, and what became of reports.
        submit: takes reports as mail.
    """

    def __init__(
        self,
        subject: Subject[_Seen],
        path: Path,
        counting: Counting[_Seen],
        journal: Journal,
        now: Callable[[], float] = time.time,
    ) -> None:
        """Nothing is opened yet, and nothing runs before `open` and `replace`.

        Args:
            subject: what the reports are about.
            path: the file.
            counting: counts, from `replace` on.
            journal: where events go.
            now: seconds since the epoch.
        """
        loop = asyncio.get_running_loop()

        def complain(words: str) -> None:  # called in the keeper's thread
            loop.call_soon_threadsafe(self.warn, words)

        self.file = Keeper(path, subject.shape, complain)
        self.submit = Submission()
        self._subject = subject
        self._path = path
        self._counting = counting
        self._journal = journal
        self._now = now
        self._switch: Switch | None = None
        self._dispatch: Dispatch[_Report] | None = None
        self._rounds = Rounds(self.write, self.send, self.warn)

    def open(self, door: Door) -> None:
        """From now on mail goes this way."""
        self.submit.open(door)

    def switch(self, switch: Switch) -> None:
        """Count from now on if reports are made."""
        self._switch = switch
        self._counting.enabled = switch.is_on()

    def replace(
        self, kind: Kind[_Report], identity: Identity, keep: float, *, is_needed: bool
    ) -> None:
        """Send like this from now on.

        Args:
            kind: what the reports are.
            identity: who reports.
            keep: seconds for which what was sent and received is remembered.
            is_needed: whether rounds begin, if they have not.
        """
        self._dispatch = Dispatch(
            kind,
            identity,
            keep,
            file=self.file,
            say=self.say,
            warn=self.warn,
            now=self._now,
        )
        if is_needed:
            self._rounds.start()

    async def stop(self) -> None:
        """Send nothing more; the door is about to close."""
        await self._rounds.stop()

    async def close(self) -> None:
        """Write down what was counted, and close the file."""
        await self.stop()
        await self.write()
        await asyncio.to_thread(self.file.close)

    async def write(self) -> None:
        """Write down what was counted since the last time; and see whether to go on."""
        if self._switch is not None:
            self._counting.enabled = await asyncio.to_thread(self._switch.is_on)
        counts, missed = self._counting.take()
        if not counts and not missed:
            return
        today, things = day_of(self._now()), self._subject.things
        try:
            lost = await self.file.ask(
                lambda found: self._subject.add(found, counts, missed, today)
            )
        except StateUnavailable as error:
            self.warn(f"{error}; {sum(counts.values()) + missed} {things} are not counted")
            return
        if lost:
            self.warn(f"{lost} {things} are not counted: there are too many different ones")

    async def send(self) -> None:
        """Send what is due, and forget what is old."""
        if self._dispatch is None or not self._path.exists():
            return  # nothing was ever counted
        if self._counting.enabled:
            await self._dispatch.turn()
        await self._dispatch.sweep()

    def say(self, words: str) -> None:
        """Log a line."""
        self._journal(Notice(self._subject.service, words))

    def warn(self, words: str) -> None:
        """Log a line about something that went wrong."""
        self._journal(Notice(self._subject.service, words, Level.WARNING))


def identity_of(configuration: Configuration, settings: ReportSettings) -> Identity:
    """Who reports, as a section has it."""
    home = to_ascii((configuration.local_domains or (configuration.hostname,))[0])
    author = settings.from_address or f"postmaster@{home}"
    return Identity(
        to_ascii(configuration.hostname),
        author,
        settings.contact or author,
        settings.organization or home,
    )
