"""`STATE/warmup.db`: what new source addresses have sent today, counted by all workers together.

An address that nobody knows is trusted with little. It begins with a few messages a day, and more
each day (`WarmupSettings`). The counts are in a file that all workers share and a restart keeps.

Theory of operation. A message is counted before it is sent, in a transaction that reads and writes,
so no two workers take the last place of a day. The thread that keeps the file does it, and only
what is sent from an address that is still being warmed up waits for it, some milliseconds. A power
cut may take the last counts, and so does a file that is damaged and put aside. Where the file
cannot be written, the address sends nothing: too much is what it must not send.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import NamedTuple

from postroad.delivery.sources import Source
from postroad.delivery.warmup_settings import OTHERS, Schedule, WarmupSettings, first_day, group_of
from postroad.history.refusal import meaning_of
from postroad.history.refusal_kind import Cause
from postroad.limits.state_file import Keeping, Shape, StateUnavailable, open_file
from postroad.model import Reply

__all__ = ["WARMUP", "Warmup", "WarmupState", "WarmupUnavailable", "states", "wants_it_slower"]

HALVE_EVERY = 3600.0
"""Seconds between two times that a provider's words halve a day's share."""

KEPT_DAYS = 30
"""Days after which counts are forgotten."""

COMPLAIN_EVERY = 60.0

_LESS_HELPS = frozenset({Cause.THROTTLED, Cause.REPUTATION})
"""What a new address meets that sends more than it is trusted with."""

_TABLES = """
CREATE TABLE counts (
    address TEXT NOT NULL,
    destinations TEXT NOT NULL,                -- the group
    day INTEGER NOT NULL,                      -- days since 0001-01-01
    sent INTEGER NOT NULL DEFAULT 0,           -- messages that were begun
    halved INTEGER NOT NULL DEFAULT 0,         -- how often the day's share was halved
    halved_at REAL NOT NULL DEFAULT 0,         -- epoch, seconds
    PRIMARY KEY (address, destinations, day)
) STRICT, WITHOUT ROWID;
"""


class WarmupUnavailable(StateUnavailable):
    """The counts cannot be read or written now; the message says why."""


WARMUP = Shape("warm-up counts", 0x50527775, 1, _TABLES, WarmupUnavailable)  # "PRwu"


class _Count(NamedTuple):
    sent: int = 0
    halved: int = 0


class _Ration(NamedTuple):
    """What one address may send to one group on one day.

    Attributes:
        address, group, day: whose it is; the day since 0001-01-01.
        share: messages, before anything is halved.
    """

    address: str
    group: str
    day: int
    share: int

    def has_room(self, count: _Count) -> bool:
        """Whether another message may be sent."""
        return count.sent < _halved(self.share, count.halved)

    def read(self, connection: sqlite3.Connection) -> _Count:
        """What was sent."""
        row = connection.execute(
            "SELECT sent, halved FROM counts WHERE address = ? AND destinations = ? AND day = ?",
            self[:3],
        ).fetchone()
        return _Count() if row is None else _Count(*row)

    def take(self, connection: sqlite3.Connection) -> bool:
        """Count a message, where there is room for it."""
        if not self.has_room(self.read(connection)):
            return False
        connection.execute(
            "INSERT INTO counts (address, destinations, day, sent) VALUES (?, ?, ?, 1) "
            "ON CONFLICT DO UPDATE SET sent = sent + 1",
            self[:3],
        )
        return True

    def halve(self, connection: sqlite3.Connection, now: float) -> bool:
        """Halve the share, unless that was done within `HALVE_EVERY`; whether it was done."""
        done = connection.execute(
            "INSERT INTO counts (address, destinations, day, halved, halved_at) "
            "VALUES (?, ?, ?, 1, ?) ON CONFLICT DO UPDATE "
            "SET halved = halved + 1, halved_at = excluded.halved_at "
            "WHERE halved_at <= excluded.halved_at - ?",
            (*self[:3], now, HALVE_EVERY),
        )
        return done.rowcount > 0


@dataclass(frozen=True, slots=True)
class WarmupState:
    """What one address has sent to one group today.

    Attributes:
        address: it.
        group: the group; `*` for all others.
        day: the day of the schedule, from 1; 0 before it begins.
        share: messages that it may send today; `None`: any number.
        sent: messages that it has sent.
        halved: how often the share of today was halved.
    """

    address: str
    group: str
    day: int
    share: int | None
    sent: int
    halved: int


@dataclass(frozen=True, slots=True)
class _Plan:
    """The settings of one address, read."""

    start: date
    schedule: Schedule
    groups: Mapping[str, Schedule]
    waits: bool
    slow_down: bool

    @classmethod
    def of(cls, settings: WarmupSettings) -> _Plan:
        return cls(
            first_day(settings),
            Schedule.parse(settings.schedule),
            {name: Schedule.parse(text) for name, text in settings.groups.items()},
            settings.beyond == "wait",
            settings.slow_down,
        )

    def share(self, group: str, today: date) -> int | None:
        """Messages of today, before anything is halved."""
        return self.groups.get(group, self.schedule).share((today - self.start).days)


class Warmup:
    """Implements `Rations`, and counts. Belongs to one event loop."""

    def __init__(
        self,
        file: Keeping,
        settings: Mapping[str, WarmupSettings],
        complain: Callable[[str], None],
        now: Callable[[], float] = time.time,
    ) -> None:
        """No file is opened before it is needed.

        Args:
            file: keeps `WARMUP`.
            settings: by address.
            complain: takes a line for the log.
            now: seconds since the epoch.
        """
        self._file = file
        self._plans = {address: _Plan.of(each) for address, each in settings.items()}
        self._complain = complain
        self._now = now
        self._notes: set[asyncio.Task[None]] = set()
        self._swept = 0  # the day of the last sweep
        self._silent_until = 0.0

    async def admits(self, address: str, host: str) -> bool:
        """See `Rations.admits`."""
        ration = self._ration(address, host)
        if ration is None:
            return True
        try:
            return ration.has_room(await self._file.ask(ration.read))
        except StateUnavailable as error:
            return self._cannot_count(error)

    def waits(self, address: str) -> bool:
        """See `Rations.waits`."""
        plan = self._plans.get(address)
        return plan is not None and plan.waits

    async def begin(self, source: Source, host: str) -> bool:
        """Count a message; whether it may be sent. See `Sources.begin`."""
        ration = self._ration(source.address, host)
        if ration is None:
            return True
        must_sweep, self._swept = self._swept != ration.day, ration.day

        def count(connection: sqlite3.Connection) -> bool:
            if must_sweep:
                connection.execute("DELETE FROM counts WHERE day < ?", (ration.day - KEPT_DAYS,))
            return ration.take(connection)

        try:
            return await self._file.ask(count)
        except StateUnavailable as error:
            return self._cannot_count(error)

    def ended(self, source: Source, host: str, reply: Reply) -> None:
        """Halve the share of today where the provider wants less. See `Sources.ended`."""
        plan = self._plans.get(source.address)
        if plan is None or not plan.slow_down or not wants_it_slower(reply, host):
            return
        ration = self._ration(source.address, host)
        if ration is None:
            return
        # The message is sent, and its report does not wait for the file.
        task = asyncio.get_running_loop().create_task(self._halve(ration, reply))
        self._notes.add(task)
        task.add_done_callback(self._notes.discard)

    async def close(self) -> None:
        """Wait for what is being written down."""
        await asyncio.gather(*self._notes, return_exceptions=True)

    async def _halve(self, ration: _Ration, reply: Reply) -> None:
        now = self._now()
        try:
            halved = await self._file.ask(lambda connection: ration.halve(connection, now))
        except StateUnavailable as error:
            self._cannot_count(error)
            return
        if halved:
            self._complain(
                f"warm-up of {ration.address}: {_named(ration.group)} wants it slower, so the share"
                f" of today is halved; it said: {reply}"
            )

    def _ration(self, address: str, host: str) -> _Ration | None:
        """What an address may send to a host today; `None`: any number."""
        plan = self._plans.get(address)
        if plan is None:
            return None
        group, today = group_of(host), datetime.fromtimestamp(self._now(), UTC).date()
        share = plan.share(group, today)
        return None if share is None else _Ration(address, group, today.toordinal(), share)

    def _cannot_count(self, error: StateUnavailable) -> bool:
        """Say why nothing is sent, once a minute."""
        if self._now() >= self._silent_until:
            self._silent_until = self._now() + COMPLAIN_EVERY
            words = "what new addresses have sent cannot be counted, so they wait"
            self._complain(f"{words}: {error}")
        return False


def wants_it_slower(reply: Reply, host: str = "") -> bool:
    """Whether a next hop defers mail because of how much of it comes, or of who we are to it.

    Args:
        reply: what it said.
        host: who said it, as logs show a relay; empty where that is not known.
    """
    if not 400 <= reply.code < 500:
        return False
    meaning = meaning_of(str(reply), host)
    return meaning is not None and meaning.cause in _LESS_HELPS


def states(file: Path, settings: Mapping[str, WarmupSettings], now: float) -> Iterator[WarmupState]:
    """What every address has sent today, to each group that it sent to or has a schedule for.

    Raises:
        WarmupUnavailable: the file is there and cannot be read.
    """
    today = datetime.fromtimestamp(now, UTC).date()
    counts: dict[tuple[str, str], _Count] = {}
    if file.exists():
        connection = open_file(file, WARMUP)
        try:
            for address, group, sent, halved in connection.execute(
                "SELECT address, destinations, sent, halved FROM counts WHERE day = ?",
                (today.toordinal(),),
            ):
                counts[address, group] = _Count(sent, halved)
        except sqlite3.Error as error:
            raise WarmupUnavailable(f"{file}: {error}") from error
        finally:
            connection.close()
    for address, each in settings.items():
        plan = _Plan.of(each)
        met = [group for known, group in counts if known == address]
        for group in sorted({OTHERS, *plan.groups, *met}):
            count, share = counts.get((address, group), _Count()), plan.share(group, today)
            allowed = None if share is None else _halved(share, count.halved)
            day = max((today - plan.start).days + 1, 0)
            yield WarmupState(address, group, day, allowed, count.sent, count.halved)


def _halved(share: int, times: int) -> int:
    """A share is never halved to nothing: how else would one learn that it is enough."""
    return max(share >> min(times, 30), 1) if share else 0


def _named(group: str) -> str:
    return "a destination" if group == OTHERS else group
