"""The mail that waits for one destination, sorted by whose it is. Pure.

A `Line` is one next hop of one transport. In it each sender has a `Lane` for each priority, and in
that wait `Batch`es: recipients of one message. Whose turn it is, is the `Rotation`'s business; how
much may run, the `Gate`'s, which lines of one site share; whether the next hop is alive at all, the
line's own `Liveness`, because one host of a site that is gone says nothing of the others.
"""

from __future__ import annotations

from collections import deque

from postroad.model import StoredRecipient
from postroad.queue.allowance import Allowance
from postroad.queue.attempt import Admission, Destination
from postroad.queue.gate import Gate
from postroad.queue.liveness import Liveness
from postroad.queue.ranks import Ranks

__all__ = ["Batch", "Key", "Lane", "Line"]

_HIGHEST = 9  # RFC 6710 §2

Key = tuple[int, str]
"""A priority and a sender: who takes turns."""


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


class Lane:
    """The mail of one sender for one destination, of one priority.

    Attributes:
        key: the priority and the sender.
        line: the destination's.
        batches: what waits; a lane in which nothing waits any more is passed over wherever it is.
        reserved: whether a delivery at the gate is promised to it.
    """

    __slots__ = ("batches", "key", "line", "reserved")

    def __init__(self, key: Key, line: Line) -> None:
        self.key = key
        self.line = line
        self.batches: deque[Batch] = deque()
        self.reserved = False


class Line:
    """All mail that waits for one destination.

    Attributes:
        destination: where to.
        allowance: what the destination itself is allowed; what is counted together is the gate's.
        gate: where its mail passes.
        liveness: whether the destination answers.
        lanes: by whose mail it is.
        parked: lanes that wait for the end of the delivery that probes a dead destination.
        waiting: recipients that wait.
        running: deliveries that were begun and have not ended.
    """

    __slots__ = (
        "allowance",
        "destination",
        "gate",
        "lanes",
        "liveness",
        "parked",
        "running",
        "waiting",
    )

    def __init__(self, destination: Destination, allowance: Allowance, gate: Gate) -> None:
        self.destination = destination
        self.allowance = allowance
        self.gate = gate
        self.liveness = Liveness()
        self.lanes: dict[Key, Lane] = {}
        self.parked: Ranks[Lane] = Ranks()
        self.waiting = 0
        self.running = 0

    def key(self, priority: int, sender: str) -> Key:
        """Whose turn a sender's mail of some priority takes here."""
        more = self.allowance.priority
        return (max(-_HIGHEST, min(priority + more, _HIGHEST)) if more else priority, sender)

    @property
    def is_probed(self) -> bool:
        """Whether it is dead and something runs: nothing more may begin before that has ended."""
        return self.running > 0 and self.liveness.reason is not None

    @property
    def is_idle(self) -> bool:
        """Whether nothing waits and nothing runs."""
        return not self.waiting and not self.running
