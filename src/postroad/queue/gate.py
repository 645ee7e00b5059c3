"""Where mail that is counted together passes, one delivery at a time. Pure.

A gate has the window of concurrent deliveries, the pace of a rate, and the lanes that wait for
either. It serves one destination, or all domains of one site. It knows neither messages nor why a
delivery ended; time is an argument.

Theory of operation. A gate that may not let anything pass before some time is *closed*: then it is
in the timetable, once, and nobody asks it before it is opened there. So a rate costs no polling:
a hundred thousand messages that wait for it are looked at one by one, as they go.

Where the window is down to one delivery and the hosts still say that it is too much, the gate is
closed for a while that doubles: a host that takes sixty a minute refuses all that comes after them,
and each refusal costs a message minutes.

Limits that a section of `[destinations]` names hold for all workers together, and workers see each
other only through `Commons`: counts in shared memory, without a lock and without a bell. A worker
that finds all places taken by others closes its gate for `POLL` seconds, and says that it waits. A
worker that ends a delivery while another one waits leaves its place for `YIELD` seconds, which is
longer: so the one who only looks from time to time gets it, and no worker keeps a destination for
itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from postroad.queue.allowance import Allowance
from postroad.queue.attempt import Destination
from postroad.queue.backlog import Backlog
from postroad.queue.ranks import Ranks
from postroad.queue.rate import Pace, Rate
from postroad.queue.timetable import Timetable
from postroad.queue.window import Window

if TYPE_CHECKING:
    from postroad.queue.line import Lane

__all__ = ["POLL", "YIELD", "Commons", "Gate"]

POLL = 0.2
"""Seconds until a worker looks again whether others have left a place."""

YIELD = 0.3
"""Seconds for which a worker leaves a place to others that wait for one: longer than `POLL`."""


_FIRST_REST = 1.0  # seconds
_LONGEST_REST = 60.0  # seconds; providers count by minutes


class Commons(Protocol):
    """What all workers count together."""

    def enter(self, name: str) -> int:
        """Hold one more of this name; how many are held by all workers."""
        ...

    def leave(self, name: str) -> None:
        """Give back what `enter` took."""
        ...

    def spent(self, name: str, rate: Rate, now: float) -> int:
        """How many went in the time of the rate that ends now."""
        ...

    def spend(self, name: str, rate: Rate, now: float) -> None:
        """One goes now."""
        ...


class Gate:
    """The gate of one group of destinations.

    Attributes:
        group: names the group.
        allowance: what is allowed.
        window: how many deliveries may run, as far as was learnt.
        parked: lanes that wait here.
        reserved: deliveries that are promised to lanes which are back in their round.
        running: deliveries that were begun and have not ended.
        waiting: recipients that wait, on all lines of the group.
        lines: how many lines there are.
        annex: where strangers to a site pass, as long as there are any; see `Annex`.
        timetable: where it waits for its time while it is closed.
        backlog: when mail comes back that did not fit; `None`: all did.
    """

    __slots__ = (
        "_all",
        "_closed",
        "_commons",
        "_limited",
        "_name",
        "_opens",
        "_pace",
        "_part",
        "_rest",
        "_waits",
        "allowance",
        "annex",
        "backlog",
        "group",
        "lines",
        "parked",
        "reserved",
        "running",
        "timetable",
        "waiting",
        "window",
    )

    def __init__(
        self,
        group: Destination,
        allowance: Allowance,
        timetable: Timetable[Gate],
        commons: Commons | None,
    ) -> None:
        """An open gate.

        Args:
            group: names the group.
            allowance: what is allowed.
            timetable: where a closed gate waits for its time.
            commons: what all workers count; `None`: there is no other.
        """
        self.group = group
        self.allowance = allowance
        self.window = Window(allowance.initial, allowance.concurrency)
        self.parked: Ranks[Lane] = Ranks()
        self.reserved = 0
        self.running = 0
        self.waiting = 0
        self.lines = 0
        self.annex: Gate | None = None
        self.backlog: Backlog | None = None
        self.timetable = timetable
        self._name = "/".join(group)
        self._all = commons
        self._commons = commons if allowance.is_common else None
        self._pace: Pace | None
        self._part: Rate | None  # of the rate, as all workers count it
        self._keep(allowance.rate)
        self._closed = False
        self._opens = 0.0  # seconds since the epoch; when, if it is closed
        self._rest = 0.0  # seconds, the last one
        self._waits = False  # whether others know that we wait for a place

    @property
    def free(self) -> int:
        """Deliveries that may begin now and are promised to nobody, as far as it can be seen."""
        if self._closed:
            return 0
        annex = self.annex
        if annex is None:
            return self.window.limit - self.running - self.reserved
        return max(self.room, 1 - self.reserved - (self.running - annex.running))

    @property
    def room(self) -> int:
        """Places that are neither taken nor promised, here or in the annex."""
        if self._closed:
            return 0
        promised = self.reserved + (self.annex.reserved if self.annex is not None else 0)
        return self.window.limit - self.running - promised

    @property
    def kin(self) -> tuple[Gate, ...]:
        """The gates that may let something pass when one ended here; the other one comes first."""
        return (self,) if self.annex is None else (self.annex, self)

    @property
    def is_idle(self) -> bool:
        """Whether it need not be kept: it has no lines, and no time to remember."""
        return not self.lines and not self._closed and self.annex is None

    def begin(self, now: float) -> bool:
        """Whether one more delivery may begin; if so, it has begun (seconds since the epoch)."""
        if self._closed or (self.running >= self.window.limit and not self._strangers_have_all):
            return False
        if self._limited and not (self._has_turn(now) and self._has_place(now)):
            return False
        self.running += 1
        if self._pace is not None:
            self._step(self._pace, now)
        return True

    def end(self, now: float) -> None:
        """A delivery ended, whatever came of it."""
        self.running -= 1
        if self._commons is None:
            return
        self._commons.leave(self._name)
        if not self._closed and self._others_wait(self._commons):
            self._close(now + YIELD)

    def eased(self) -> None:
        """A delivery was answered as it should be: more may run."""
        self.window.succeeded()
        self._rest = 0.0

    def strained(self, *, began: int, ordered: int, now: float) -> None:
        """The hosts said that they get too much; see `Window.failed`."""
        if self.window.limit == 1:
            self._rest = min(max(2 * self._rest, _FIRST_REST), _LONGEST_REST)
            self._close(now + self._rest)
        self.window.failed(began=began, ordered=ordered)

    def open(self, now: float) -> bool:
        """Whether its time has come, seconds since the epoch; it is open then."""
        if self._closed and now < self._opens:  # it was opened before its time, and closed again
            return False
        self._closed = False
        return True

    def adopt(self, count: int) -> None:
        """So many running deliveries pass here from now on."""
        self.running += count
        if self._commons is not None:
            for _ in range(count):
                self._commons.enter(self._name)

    def release(self, count: int) -> None:
        """So many running deliveries pass elsewhere from now on."""
        self.running -= count
        if self._commons is not None:
            for _ in range(count):
                self._commons.leave(self._name)

    def retire(self) -> None:
        """Nothing waits here, or it is of no use any more: others need not leave us a place."""
        if self._commons is not None and self._waits:
            self._commons.leave(self._bench)
            self._waits = False

    def take(self, allowance: Allowance) -> None:
        """Go by another allowance; what was learnt holds, and what runs goes on."""
        self._share(common=allowance.is_common)
        if allowance.rate != self.allowance.rate:
            self._keep(allowance.rate)
            self._closed = False  # until when, was the other rate's business
        self._limited = allowance.rate is not None or self._commons is not None
        self.allowance = allowance
        self.window.resize(allowance.initial, allowance.concurrency)

    def _keep(self, rate: Rate | None) -> None:
        self._pace = Pace(rate) if rate is not None else None
        self._part = rate.part if rate is not None else None
        self._limited = rate is not None or self._commons is not None

    def _share(self, *, common: bool) -> None:
        """Count with all workers, or no longer: what runs is given over or taken back."""
        if self._all is None or common is (self._commons is not None):
            return
        self.retire()
        for _ in range(self.running):
            if common:
                self._all.enter(self._name)
            else:
                self._all.leave(self._name)
        self._commons = self._all if common else None

    @property
    def _strangers_have_all(self) -> bool:
        """Whether no place is taken but in the annex: one who is at home never waits for that."""
        return self.annex is not None and self.running == self.annex.running

    @property
    def _bench(self) -> str:
        """Where those are counted that wait for a place."""
        return f"{self._name}?"

    def _has_turn(self, now: float) -> bool:
        """Whether the rate, of which all workers have a part, lets another one go."""
        if self._part is None or self._all is None:
            return True
        if self._all.spent(self._name, self._part, now) < self._part.count:
            return True
        self._close(now + max(self._part.interval / 4, POLL))
        return False

    def _step(self, pace: Pace, now: float) -> None:
        """One goes, of those that the rate allows."""
        if self._all is not None and self._part is not None:
            self._all.spend(self._name, self._part, now)
        pace.step(now)
        if pace.opens_at > now:
            self._close(pace.opens_at)

    def _has_place(self, now: float) -> bool:
        """Take one of the places that all workers share."""
        commons = self._commons
        if commons is None:
            return True
        if commons.enter(self._name) <= self.allowance.concurrency:
            self.retire()
            return True
        commons.leave(self._name)
        if not self._waits:
            commons.enter(self._bench)
            self._waits = True
        self._close(now + POLL)
        return False

    def _others_wait(self, commons: Commons) -> bool:
        waiting = commons.enter(self._bench) - 1 - self._waits
        commons.leave(self._bench)
        return waiting > 0

    def _close(self, until: float) -> None:
        if not self._closed:
            self._closed = True
            self._opens = until
            self.timetable.put(until, self)
