"""Which destinations there is mail for, and where each one's mail passes. Pure.

It opens a line with the first mail for a destination and forgets it with the last, and so it does
with gates. Three things are remembered without any mail: that a destination is dead, until its mail
would long have come back; when a gate opens, until then; and whether a host of the site that a
destination names took its mail (see `Annex`). It knows nothing of turns.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from postroad.queue.allowance import Allowances
from postroad.queue.annex import Annex, is_at_home
from postroad.queue.attempt import Destination
from postroad.queue.gate import Commons, Gate
from postroad.queue.line import Line
from postroad.queue.timetable import Timetable

__all__ = ["MOST_DEAD", "MOST_MET", "Lines"]

MOST_MET = 20_000
"""Destinations of which it is remembered whether their site is true, some 5 MB; the oldest goes
first."""

MOST_DEAD = 10_000
"""Dead destinations that are remembered, at 1.5 KiB each: a list of old addresses has many more."""


class Lines:
    """The lines and gates of one planner."""

    __slots__ = ("_allowances", "_commons", "_dead", "_gates", "_lines", "_met", "_timetable")

    def __init__(self, allowances: Allowances, commons: Commons | None) -> None:
        """Without any.

        Args:
            allowances: what each destination may do.
            commons: what all workers count together; `None`: there is no other.
        """
        self._allowances = allowances
        self._commons = commons
        self._lines: dict[Destination, Line] = {}
        self._gates: dict[Destination, Gate] = {}
        self._timetable: Timetable[Gate] = Timetable()
        self._dead: dict[Destination, Line] = {}  # in the order in which they died
        self._met: dict[Destination, bool] = {}  # whether a host of its site took the mail

    def __iter__(self) -> Iterator[Line]:
        """All lines there are."""
        return iter(self._lines.values())

    def __len__(self) -> int:
        return len(self._lines)

    def __getitem__(self, destination: Destination) -> Line:
        """The line of a destination that has one."""
        return self._lines[destination]

    @property
    def opens_at(self) -> float | None:
        """When the next closed gate opens, seconds since the epoch; `None`: none is closed."""
        return self._timetable.soonest

    @property
    def gates(self) -> list[Gate]:
        """All gates there are."""
        return list(self._gates.values())

    def replace(self, allowances: Allowances) -> list[tuple[Line, Gate]]:
        """Go by other allowances.

        Returns:
            Lines whose mail takes its turn by something else now, and the gate where it passes.
        """
        self._allowances = allowances
        moved = []
        for line in self._lines.values():
            priority = line.allowance.priority
            _, line.allowance = allowances.of(line.destination)
            gate = self._gate_of(line.destination)
            if gate is not line.gate or priority != line.allowance.priority:
                moved.append((line, gate))
        return moved

    def met(self, line: Line, *, within: bool) -> Gate | None:
        """A host took a line's mail: one of its site, or another one.

        Returns:
            The gate where the line's mail passes from now on; `None`: where it does already.
        """
        destination, known = line.destination, self._met
        if known.get(destination, is_at_home(destination) or None) is within:
            return None
        known.pop(destination, None)
        if len(known) >= MOST_MET:
            del known[next(iter(known))]
        known[destination] = within
        gate = self._gate_of(destination)
        return gate if gate is not line.gate else None

    def of(self, destination: Destination) -> Line:
        """The line of a destination, which has one from now on."""
        line = self._lines.get(destination)
        if line is None:
            gate = self._gate_of(destination)
            gate.lines += 1
            _, allowance = self._allowances.of(destination)
            line = self._lines[destination] = Line(destination, allowance, gate)
        return line

    def leave(self, gate: Gate) -> None:
        """A line passes elsewhere from now on, and its mail went with it."""
        gate.lines -= 1
        self._drop(gate)

    def _gate_of(self, destination: Destination) -> Gate:
        """Where the mail for a destination passes."""
        met = self._met.get(destination)
        if met is False:
            destination = destination._replace(site="")
        group, allowance = self._allowances.together(destination)
        gate = self._gates.get(group)
        if gate is None:
            gate = self._gates[group] = Gate(group, allowance, self._timetable, self._commons)
        elif gate.allowance is not allowance:
            gate.take(allowance)
        if not group.site or met or is_at_home(destination):
            return gate
        if gate.annex is None:
            gate.annex = Annex(gate)
        return gate.annex

    def opened(self, now: float) -> Iterator[Gate]:
        """Gates whose time has come, `now` in seconds since the epoch."""
        for gate in self._timetable.due(now):
            if not gate.open(now):
                continue
            if gate.is_idle:
                self._drop(gate)
            else:
                yield gate

    def let_go(self, line: Line) -> None:
        """Forget a line of no use: nothing waits, nothing runs, and it is not dead."""
        if line.is_idle and line.liveness.reason is None:
            self._close(line)

    def bury(self, line: Line, now: float) -> None:
        """A destination died, or did not come back to life, `now` in seconds since the epoch."""
        self._dead.pop(line.destination, None)
        self._dead[line.destination] = line
        self._forget_long_dead(now)

    def dig_up(self, line: Line) -> None:
        """A destination is alive again."""
        self._dead.pop(line.destination, None)

    def take_dead(self) -> list[Line]:
        """All that are dead; they count as alive from now on."""
        dead = list(self._dead.values())
        self._dead.clear()
        for line in dead:
            line.liveness.revive()
        return dead

    def _forget_long_dead(self, now: float) -> None:
        """Drop destinations whose mail would long have come back, if there were any.

        So do those that died first, where there are too many: their next mail is tried again.
        """
        for destination, line in list(islice(self._dead.items(), 2)):
            longest = line.allowance.schedule.longest
            too_many = len(self._dead) > MOST_DEAD
            if not too_many and now < line.liveness.retry_at + longest:
                return
            del self._dead[destination]
            if line.is_idle:
                self._close(line)
            else:  # mail waits for it: another one first
                self._dead[destination] = line

    def _close(self, line: Line) -> None:
        del self._lines[line.destination]
        self.leave(line.gate)

    def _drop(self, gate: Gate) -> None:
        if not gate.is_idle:
            return
        if isinstance(gate, Annex):
            gate.main.annex = None
            self._drop(gate.main)
        elif self._gates.get(gate.group) is gate:
            del self._gates[gate.group]
            gate.retire()
