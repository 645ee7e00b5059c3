"""Whose turn it is. The order in which queued mail gets the free deliveries. Pure.

It knows senders, lines and gates; it knows nothing of failure or what a delivery is, and of time
only that gates ask for it.

Theory of operation. Mail of one sender for one destination, of one priority, waits in a `Lane`.
Senders take turns; in its turn a sender gets one delivery, from the next of its lanes. So one
sender's newsletter to ten thousand domains, or to ten thousand people at one domain, costs
everybody else one delivery each round and no more. There is a round for each priority; which of
them has the turn, and which of the lanes that wait at one gate has the next delivery there, is
said by `Ranks`.

A lane whose gate has no delivery free is parked at the gate and leaves its sender's round, so that
nobody looks at it again in vain. When a delivery ends, or the gate's time has come, the lane that
was parked longest returns to its sender's round with a reservation: the freed delivery is its own,
whoever comes first in the meantime. That is what makes the parked lanes of one gate take turns.
Where a dead destination is probed, its lanes are parked at the line until the probe has ended.
A sender that has so many deliveries that hardly any would be left for the others (`SHARE`) is *held
up*: it leaves the round until a delivery ends. Else mail for a hundred slow hosts, all from one
sender, would hold every place there is.
A lane is in one place at a time and moves once per delivery, so every operation takes the same
time however much mail waits.
"""

from __future__ import annotations

from collections import deque

from postroad.model import StoredRecipient
from postroad.queue.gate import Gate
from postroad.queue.line import Batch, Key, Lane, Line
from postroad.queue.ranks import Ranks
from postroad.queue.room import SHARE

__all__ = ["Rotation"]


class _Turn:
    """A sender's round over its lanes. It exists while it is in the round of all, or held up."""

    __slots__ = ("is_held_up", "key", "lanes")

    def __init__(self, key: Key) -> None:
        self.key = key
        self.lanes: deque[Lane] = deque()
        self.is_held_up = False


class Rotation:
    """Turns of senders over lines."""

    __slots__ = ("_held_up", "_round", "_running", "_turns")

    def __init__(self) -> None:
        self._turns: dict[Key, _Turn] = {}
        self._round: Ranks[_Turn] = Ranks()
        self._running: dict[str, int] = {}  # deliveries of each sender
        self._held_up: list[_Turn] = []

    @property
    def ready(self) -> bool:
        """Whether `take` is worth a call. It may yet find nothing, and then this is false."""
        return bool(self._round)

    def put(self, line: Line, batch: Batch) -> None:
        """Let a batch wait."""
        count, gate = len(batch.recipients), line.gate
        line.waiting += count
        gate.waiting += count
        key = line.key(batch.admission.message.envelope.priority, batch.admission.turn)
        lane = line.lanes.get(key)
        if lane is not None:
            lane.batches.append(batch)
            return
        lane = line.lanes[key] = Lane(key, line)
        lane.batches.append(batch)
        self._place(lane)

    def take(
        self, now: float, places: int
    ) -> tuple[Line, Batch, tuple[StoredRecipient, ...]] | None:
        """Whoever's turn it is: recipients of one message for one line, or `None`.

        The delivery has begun then, as far as the line, its gate and its sender count; the caller
        tells the end with `ended`.

        Args:
            now: seconds since the epoch.
            places: deliveries that may begin now, whosever they are; at least one.
        """
        while self._round:
            turn = self._round.take()
            sender = turn.key[1]
            running = self._running.get(sender, 0)
            if running and running >= SHARE * (places - 1):
                self._hold_up(turn)
                continue
            lane = self._next_lane(turn, now)
            if lane is not None:
                self._running[sender] = running + 1
                taken = self._take_from(lane)
                if turn.lanes:
                    self._round.put(turn.key[0], turn)
                else:
                    del self._turns[turn.key]
                return taken
            del self._turns[turn.key]
        return None

    def ended(self, sender: str) -> None:
        """A delivery of a sender ended: whoever was held up may come again."""
        left = self._running[sender] - 1
        if left:
            self._running[sender] = left
        else:
            del self._running[sender]
        if self._held_up:
            for turn in self._held_up:
                turn.is_held_up = False
                self._round.put(turn.key[0], turn)
            self._held_up.clear()

    def freed(self, gate: Gate) -> None:
        """Deliveries ended, or the gate opened or grew: those parked longest may come."""
        for each in gate.kin:
            while each.parked and each.free > 0:
                lane = each.parked.take()
                if lane.batches:
                    self._promise(lane)

    def move(self, line: Line, gate: Gate) -> None:
        """Let a line's mail pass by this gate from now on, and what runs count there."""
        batches, old = self.empty(line), line.gate
        old.release(line.running)
        gate.adopt(line.running)
        line.gate = gate
        for batch in batches:
            self.put(line, Batch(batch.admission, batch.left))
        self.freed(old)
        self.freed(gate)

    def unblock(self, line: Line) -> None:
        """The line is not being probed any more: what was parked there goes on."""
        while line.parked:
            lane = line.parked.take()
            if lane.batches:
                self._place(lane)

    def empty(self, line: Line) -> list[Batch]:
        """Take everything that waits for a line away from it."""
        gate = line.gate
        batches = [batch for lane in line.lanes.values() for batch in lane.batches]
        for lane in line.lanes.values():
            lane.batches.clear()  # wherever the lane still is, it is passed over there
            gate.reserved -= lane.reserved
            lane.reserved = False
        line.lanes.clear()
        line.parked.clear()
        gate.waiting -= line.waiting
        line.waiting = 0
        if not gate.waiting:
            gate.retire()
        return batches

    def _place(self, lane: Lane) -> None:
        if lane.line.is_probed:
            lane.line.parked.put(lane.key[0], lane)
        elif lane.line.gate.free > 0:
            self._enter(lane)
        else:
            lane.line.gate.parked.put(lane.key[0], lane)

    def _enter(self, lane: Lane) -> None:
        turn = self._turns.get(lane.key)
        if turn is None:
            turn = self._turns[lane.key] = _Turn(lane.key)
            self._round.put(lane.key[0], turn)
        turn.lanes.append(lane)

    def _promise(self, lane: Lane) -> None:
        """Give a lane a delivery at its gate, unless its sender could not use it now."""
        turn = self._turns.get(lane.key)
        if turn is None or not turn.is_held_up:
            lane.reserved = True
            lane.line.gate.reserved += 1
        self._enter(lane)

    def _hold_up(self, turn: _Turn) -> None:
        """Let a sender wait for the end of a delivery; what was promised to it, others may use."""
        turn.is_held_up = True
        self._held_up.append(turn)
        for lane in tuple(turn.lanes):  # more may come: its own that are parked at the same gate
            if lane.reserved:
                lane.reserved = False
                lane.line.gate.reserved -= 1
                self.freed(lane.line.gate)

    def _next_lane(self, turn: _Turn, now: float) -> Lane | None:
        """The first lane of the turn that may begin a delivery, and does; those before are parked.

        A reservation that its lane cannot use is passed on.
        """
        while turn.lanes:
            lane = turn.lanes.popleft()
            if not lane.batches:
                continue
            line, gate, reserved = lane.line, lane.line.gate, lane.reserved
            if reserved:
                lane.reserved = False
                gate.reserved -= 1
            if line.is_probed:
                line.parked.put(lane.key[0], lane)
                if reserved:
                    self.freed(gate)
            elif (reserved or gate.free > 0) and gate.begin(now):
                return lane
            elif reserved:  # the window has shrunk since the promise, or the gate is closed
                gate.parked.put_first(lane.key[0], lane)
            else:
                gate.parked.put(lane.key[0], lane)
        return None

    def _take_from(self, lane: Lane) -> tuple[Line, Batch, tuple[StoredRecipient, ...]]:
        line, batch = lane.line, lane.batches[0]
        recipients = batch.take(line.allowance.recipients)
        count = len(recipients)
        line.running += 1
        line.waiting -= count
        line.gate.waiting -= count
        if not batch.left:
            lane.batches.popleft()
        if lane.batches:
            self._enter(lane)
        else:
            del line.lanes[lane.key]
        return line, batch, recipients
