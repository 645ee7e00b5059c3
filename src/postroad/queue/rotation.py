"""Whose turn it is. The order in which queued mail gets the free deliveries.

It knows senders, destinations and how many deliveries each destination has free; it knows nothing
of time, failure or what a delivery is.

Theory of operation. Mail of one sender for one destination, of one priority, waits in a `Lane`.
Senders take turns; in its turn a sender gets one delivery, from the next of its lanes. So one
sender's newsletter to ten thousand domains, or to ten thousand people at one domain, costs
everybody else one delivery each round and no more. There is a round for each priority; which of
them has the turn, and which of the lanes that wait for one destination has the next delivery there,
is said by `Ranks`.

A lane whose destination has no delivery free is parked at the destination and leaves its sender's
round, so that nobody looks at it again in vain. When a delivery ends, the lane that was parked
longest returns to its sender's round with a reservation: the freed delivery is its own, whoever
comes first in the meantime. That is what makes the parked lanes of one destination take turns.
A lane is in one place at a time and moves once per delivery, so every operation takes the same
time however much mail waits.
"""

from __future__ import annotations

from collections import deque

from postroad.model import StoredRecipient
from postroad.queue.attempt import Admission, Destination
from postroad.queue.ranks import Ranks
from postroad.queue.window import Window

__all__ = ["Batch", "Line", "Rotation"]


class Batch:
    """Recipients of one message that wait for one destination."""

    __slots__ = ("_next", "admission", "recipients")

    def __init__(self, admission: Admission, recipients: tuple[StoredRecipient, ...]) -> None:
        self.admission = admission
        self.recipients = recipients
        self._next = 0

    def take(self, most: int) -> tuple[StoredRecipient, ...]:
        """The next recipients, at most so many."""
        if self._next == 0 and len(self.recipients) <= most:
            self._next = len(self.recipients)
            return self.recipients
        begin = self._next
        self._next = min(begin + most, len(self.recipients))
        return self.recipients[begin : self._next]

    @property
    def left(self) -> tuple[StoredRecipient, ...]:
        """The recipients not taken yet."""
        return self.recipients[self._next :]


Key = tuple[int, str]
"""A priority and a sender: who takes turns."""


class _Turn:
    """A sender's round over its lanes. It exists while it is in the round of all."""

    __slots__ = ("key", "lanes")

    def __init__(self, key: Key) -> None:
        self.key = key
        self.lanes: deque[_Lane] = deque()


class _Lane:
    """The mail of one sender for one destination, of one priority."""

    __slots__ = ("batches", "key", "line", "reserved")

    def __init__(self, key: Key, line: Line) -> None:
        self.key = key
        self.line = line
        self.batches: deque[Batch] = deque()
        self.reserved = False


class Line:
    """All mail that waits for one destination, and its window.

    Attributes:
        destination: where to.
        window: how many deliveries may run.
        waiting: recipients that wait.
    """

    __slots__ = ("destination", "lanes", "parked", "reserved", "waiting", "window")

    def __init__(self, destination: Destination, window: Window) -> None:
        self.destination = destination
        self.window = window
        self.waiting = 0
        self.lanes: dict[Key, _Lane] = {}
        self.parked: Ranks[_Lane] = Ranks()
        self.reserved = 0

    @property
    def free(self) -> int:
        """Deliveries that may begin now and are promised to nobody."""
        return self.window.free - self.reserved

    @property
    def idle(self) -> bool:
        """Whether nothing waits and nothing runs."""
        return not self.waiting and not self.window.running


class Rotation:
    """Turns of senders over lines."""

    __slots__ = ("_most", "_round", "_turns")

    def __init__(self, recipients_per_delivery: int) -> None:
        self._most = recipients_per_delivery
        self._turns: dict[Key, _Turn] = {}
        self._round: Ranks[_Turn] = Ranks()

    @property
    def ready(self) -> bool:
        """Whether `take` is worth a call. It may yet find nothing, and then this is false."""
        return bool(self._round)

    def put(self, sender: str, line: Line, batch: Batch) -> None:
        """Let a batch wait."""
        line.waiting += len(batch.recipients)
        key = (batch.admission.message.envelope.priority, sender)
        lane = line.lanes.get(key)
        if lane is not None:
            lane.batches.append(batch)
            return
        lane = line.lanes[key] = _Lane(key, line)
        lane.batches.append(batch)
        self._place(lane)

    def take(self) -> tuple[Line, Batch, tuple[StoredRecipient, ...]] | None:
        """Whoever's turn it is: recipients of one message for one line, or `None`.

        The caller counts the delivery in the line's window before the next call.
        """
        while self._round:
            turn = self._round.take()
            lane = self._next_lane(turn)
            if lane is not None:
                taken = self._take_from(lane)
                if turn.lanes:
                    self._round.put(turn.key[0], turn)
                else:
                    del self._turns[turn.key]
                return taken
            del self._turns[turn.key]
        return None

    def freed(self, line: Line) -> None:
        """Deliveries of a line ended, or its window grew: those parked longest may come."""
        while line.parked and line.free > 0:
            lane = line.parked.take()
            lane.reserved = True
            line.reserved += 1
            self._enter(lane)

    def empty(self, line: Line) -> list[Batch]:
        """Take everything that waits for a line away from it."""
        batches = [batch for lane in line.lanes.values() for batch in lane.batches]
        for lane in line.lanes.values():
            lane.batches.clear()  # where the lane is still in a round, it is passed over there
            lane.reserved = False
        line.lanes.clear()
        line.parked.clear()
        line.reserved = line.waiting = 0
        return batches

    def _place(self, lane: _Lane) -> None:
        if lane.line.free > 0:
            self._enter(lane)
        else:
            lane.line.parked.put(lane.key[0], lane)

    def _enter(self, lane: _Lane) -> None:
        turn = self._turns.get(lane.key)
        if turn is None:
            turn = self._turns[lane.key] = _Turn(lane.key)
            self._round.put(lane.key[0], turn)
        turn.lanes.append(lane)

    def _next_lane(self, turn: _Turn) -> _Lane | None:
        """The first lane of the turn that may begin a delivery; those before it are parked."""
        while turn.lanes:
            lane = turn.lanes.popleft()
            if lane.batches and self._may_begin(lane):
                return lane
        return None

    def _may_begin(self, lane: _Lane) -> bool:
        line = lane.line
        if not lane.reserved:
            if line.free > 0:
                return True
            line.parked.put(lane.key[0], lane)
            return False
        lane.reserved = False
        line.reserved -= 1
        if line.window.free > 0:
            return True
        line.parked.put_first(lane.key[0], lane)  # the window has shrunk since the promise
        return False

    def _take_from(self, lane: _Lane) -> tuple[Line, Batch, tuple[StoredRecipient, ...]]:
        line, batch = lane.line, lane.batches[0]
        recipients = batch.take(self._most)
        line.waiting -= len(recipients)
        if not batch.left:
            lane.batches.popleft()
        if lane.batches:
            self._enter(lane)
        else:
            del line.lanes[lane.key]
        return line, batch, recipients
