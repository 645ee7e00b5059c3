"""Which destinations there is mail for, and where each one's mail passes. Pure.

It opens a line with the first mail for a destination and forgets it with the last, and so it does
with gates. Two things are remembered without any mail: that a destination is dead, until its mail
would long have come back; and when a gate opens, until then. It knows nothing of turns.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from postroad.queue.allowance import Allowances
from postroad.queue.attempt import Destination
from postroad.queue.gate import Commons, Gate
from postroad.queue.line import Line
from postroad.queue.timetable import Timetable

__all__ = ["Lines"]


class Lines:
    """The lines and gates of one planner."""

    __slots__ = ("_allowances", "_commons", "_dead", "_gates", "_lines", "_timetable")

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

    def replace(self, allowances: Allowances) -> None:
        """Go by other allowances. Who would be counted with others now goes on as it is."""
        self._allowances = allowances
        for line in self._lines.values():
            group, allowance = allowances.of(line.destination)
            if group == line.gate.group:
                line.gate.take(allowance)

    def of(self, destination: Destination) -> Line:
        """The line of a destination, which has one from now on."""
        line = self._lines.get(destination)
        if line is None:
            group, allowance = self._allowances.of(destination)
            gate = self._gates.get(group)
            if gate is None:
                gate = Gate(group, allowance, self._timetable, self._commons)
                self._gates[group] = gate
            gate.lines += 1
            line = self._lines[destination] = Line(destination, gate)
        return line

    def opened(self, now: float) -> Iterator[Gate]:
        """Gates whose time has come, `now` in seconds since the epoch."""
        for gate in self._timetable.due(now):
            gate.open()
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
        """Drop destinations whose mail would long have come back, if there were any."""
        for destination, line in list(islice(self._dead.items(), 2)):
            longest = line.gate.allowance.schedule.longest
            if now < line.liveness.retry_at + longest or not line.is_idle:
                return
            del self._dead[destination]
            self._close(line)

    def _close(self, line: Line) -> None:
        del self._lines[line.destination]
        line.gate.lines -= 1
        self._drop(line.gate)

    def _drop(self, gate: Gate) -> None:
        if gate.is_idle and self._gates.pop(gate.group, None) is not None:
            gate.retire()
