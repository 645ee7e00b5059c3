"""A world for the planner: thousands of destinations, a spool and a clock, all of them a model.

A discrete-event simulation. The planner is the real one; a delivery is an event that ends later,
and time jumps from one event to the next, so that hours take seconds and every run is the same.
What is measured is what the scheduling promises: how many deliveries begin before a message's own,
how often a dead host is asked, how many connections a host gets after an outage, whether places
stay empty while there is work, and how much is in memory.
"""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial

from postroad.model import (
    Address,
    Envelope,
    Outcome,
    Reply,
    Report,
    Status,
    StoredMessage,
    StoredRecipient,
)
from postroad.queue.allowance import Allowances
from postroad.queue.attempt import Admission, Attempt, Destination, Verdict
from postroad.queue.gate import Commons
from postroad.queue.planner import Planner
from postroad.queue.settings import DestinationSettings, QueueSettings
from queue_mail import NOON, MemoryContent

OK = Reply.of(250, "2.0.0", "Ok")
LATER = Reply.of(451, "4.7.1", "greylisted, try again later")
LIMIT = Reply.of(421, "4.7.0", "too much from your address")
SILENCE = Reply.of(451, "4.4.1", "connection timed out")

SENT = (Status.SENT, OK, False)
GREYLISTED = (Status.DEFERRED, LATER, False)
LIMITED = (Status.DEFERRED, LIMIT, False)
SILENT = (Status.DEFERRED, SILENCE, True)

CONTENT = MemoryContent()

Answer = tuple[Status, Reply, bool]
"""The end of a delivery: status, reply, whether the host was unreachable."""


class Host:
    """What takes mail for a destination: so many seconds after a delivery begins it answers."""

    def __init__(self, latency: float = 0.1) -> None:
        self.latency = latency
        self.running = 0

    def answer(self, attempt: Attempt, now: float) -> tuple[float, Answer]:
        return self.latency, SENT


class Dead(Host):
    """Does not answer before a time (seconds since the epoch)."""

    def __init__(self, until: float = float("inf"), timeout: float = 30.0) -> None:
        super().__init__(0.1)
        self.until = until
        self.timeout = timeout

    def answer(self, attempt: Attempt, now: float) -> tuple[float, Answer]:
        return (self.latency, SENT) if now >= self.until else (self.timeout, SILENT)


class Flapping(Host):
    """Ten minutes there, ten minutes gone."""

    def answer(self, attempt: Attempt, now: float) -> tuple[float, Answer]:
        return (30.0, SILENT) if int(now / 600) % 2 else (self.latency, SENT)


class Greylisting(Host):
    """Puts each recipient off until five minutes after it was first named."""

    def __init__(self) -> None:
        super().__init__(0.2)
        self.seen: dict[int, float] = {}

    def answer(self, attempt: Attempt, now: float) -> tuple[float, Answer]:
        first = min(self.seen.setdefault(each.id, now) for each in attempt.recipients)
        return self.latency, SENT if now >= first + 300 else GREYLISTED


class Limiting(Host):
    """Takes so many deliveries in a minute, and so many at once."""

    def __init__(self, per_minute: int = 60, at_once: int = 10) -> None:
        super().__init__(0.2)
        self.per_minute = per_minute
        self.at_once = at_once
        self.taken: deque[float] = deque()

    def answer(self, attempt: Attempt, now: float) -> tuple[float, Answer]:
        while self.taken and self.taken[0] <= now - 60:
            self.taken.popleft()
        if self.running > self.at_once or len(self.taken) >= self.per_minute:
            return self.latency, LIMITED
        self.taken.append(now)
        return self.latency, SENT


@dataclass
class Tale:
    """What became of one recipient."""

    due: float  # when it was first, or is again, ready to go
    order: int = 0  # deliveries that had begun by then
    begun: float | None = None  # when its first delivery began
    waited: int = 0  # deliveries that began between
    delay: float = 0.0  # the longest time from due to begun or put back
    done: float | None = None


@dataclass
class World:
    """A planner with everything around it.

    Attributes:
        hosts: by next hop; whoever is not there is a quick host.
        sites: the site of a next hop, where it has one.
    """

    settings: QueueSettings = field(default_factory=QueueSettings)
    sections: Mapping[str, DestinationSettings] = field(default_factory=dict)
    commons: Commons | None = None
    hosts: dict[str, Host] = field(default_factory=dict)
    sites: dict[str, str] = field(default_factory=dict)
    now: float = NOON

    def __post_init__(self) -> None:
        allowances = Allowances(self.settings, self.sections)
        self.planner = Planner(self.settings, allowances, self.commons)
        self.limit = self.settings.active_limit or 1 << 60
        self.batch = max(1, min(100, self.settings.active_limit // 20 or 1))
        self.rows: dict[int, tuple[StoredMessage, StoredRecipient]] = {}
        self.due: list[tuple[float, int]] = []
        self.events: list[tuple[float, int, Callable[[], object]]] = []
        self.tales: dict[int, Tale] = {}
        self.everybody: list[StoredRecipient] = []
        self.begins: defaultdict[str, list[float]] = defaultdict(list)  # by next hop
        self.ends: Counter[str] = Counter()  # by next hop and status
        self.most_active = 0
        self.running = 0
        self.busy = 0.0  # seconds of deliveries
        self.begun = 0
        self.written = 0  # recipients that were written back to the spool
        self.idle_with_work = 0
        self._numbers = 0
        self._bell = float("inf")

    # What happens ---------------------------------------------------------------------------------

    def at(self, time: float, what: Callable[[], object]) -> None:
        self._numbers += 1
        heapq.heappush(self.events, (time, self._numbers, what))

    def send(
        self,
        sender: str,
        to: Iterable[str],
        *,
        priority: int = 0,
        due: float | None = None,
    ) -> tuple[StoredRecipient, ...]:
        """A message now, to domains; or one that was deferred until `due`."""
        local, _, domain = sender.partition("@")
        self._numbers += 1
        mail = StoredMessage(
            f"Q{self._numbers}",
            Envelope(Address(local, domain) if sender else None, priority=priority),
            self.now,
            self.now,
            CONTENT,
        )
        addressed = tuple(self._recipient(each) for each in to)
        self.everybody += addressed
        for each in addressed:
            self.rows[each.id] = (mail, each)
            self.tales[each.id] = Tale(self.now if due is None else due, self.begun)
            if due is not None:
                self.at(due, partial(self._falls_due, each.id))
        if due is None:
            self._come(mail, addressed, fresh=True)
            self._pump()
        else:
            for each in addressed:
                heapq.heappush(self.due, (due, each.id))
        return addressed

    def run(self, until: float = float("inf")) -> None:
        """Let time pass, to `until` or until nothing is left to happen."""
        self._pump()
        while True:
            soonest = min(
                self.events[0][0] if self.events else float("inf"),
                max(self.due[0][0], self.now) if self.due and self._has_room else float("inf"),
                self._bell,
            )
            if soonest > until or soonest == float("inf"):
                self.now = max(self.now, until) if until < float("inf") else self.now
                return
            self.now = max(self.now, soonest)
            if self._bell <= self.now:
                self._bell = float("inf")
            while self.events and self.events[0][0] <= self.now:
                heapq.heappop(self.events)[2]()
            self._pump()

    def _falls_due(self, number: int) -> None:
        self.tales[number].order = self.begun

    @property
    def _has_room(self) -> bool:
        return self.planner.room >= self.batch

    # The spool ------------------------------------------------------------------------------------

    def _recipient(self, domain: str) -> StoredRecipient:
        self._numbers += 1
        address = Address("someone", domain)
        return StoredRecipient(self._numbers, address, address)

    def _claim(self) -> Iterator[tuple[StoredMessage, tuple[StoredRecipient, ...]]]:
        """What is due, the longest due first; recipients of one message together."""
        groups: dict[str, list[int]] = {}
        for _ in range(min(self.planner.room, 1000)):
            if not self.due or self.due[0][0] > self.now:
                break
            _, number = heapq.heappop(self.due)
            groups.setdefault(self.rows[number][0].queue_id, []).append(number)
        for numbers in groups.values():
            mail = self.rows[numbers[0]][0]
            yield mail, tuple(self.rows[number][1] for number in numbers)

    def _come(self, mail: StoredMessage, to: tuple[StoredRecipient, ...], *, fresh: bool) -> None:
        admission = self.planner.admit(mail, to, self.now, fresh=fresh)
        count = 0 if admission is None else len(admission.recipients)
        rest = to[count:]
        back = 0.0 if fresh or not rest else self.planner.back_at(mail, len(rest), self.now)
        for each in rest:
            heapq.heappush(self.due, (back, each.id))
            if not fresh:
                self.written += 1
        if admission is not None:
            self._enter(admission)

    def _enter(self, admission: Admission) -> None:
        routes: dict[str, list[StoredRecipient]] = {}
        for each in admission.recipients:
            routes.setdefault(each.address.domain, []).append(each)
        for domain, group in routes.items():
            to = Destination("smtp", domain, self.sites.get(domain, ""))
            self._settle(self.planner.add(admission, tuple(group), to, self.now))
        self.most_active = max(self.most_active, self.planner.active)

    def _settle(self, verdicts: Iterable[Verdict]) -> None:
        for verdict in verdicts:
            number, tale = verdict.recipient.id, self.tales[verdict.recipient.id]
            if verdict.status is not Status.DEFERRED:
                tale.done = self.now
                del self.rows[number]
                continue
            mail, row = self.rows[number]
            self.rows[number] = (mail, row._replace(attempts=row.attempts + verdict.tried))
            if not verdict.tried:
                tale.delay = max(tale.delay, self.now - tale.due)
            tale.due = verdict.retry_at
            self.written += 1
            heapq.heappush(self.due, (verdict.retry_at, number))

    # The runner -----------------------------------------------------------------------------------

    def _pump(self) -> None:
        """Everything that can happen now."""
        while True:
            while self._has_room and self.due and self.due[0][0] <= self.now:
                for mail, to in self._claim():
                    self._come(mail, to, fresh=False)
            while (attempt := self.planner.next(self.now)) is not None:
                self._begin(attempt)
            if not (self._has_room and self.due and self.due[0][0] <= self.now):
                break
        self._check_for_idleness()
        if self.planner.opens_at is not None:
            self._bell = min(self._bell, max(self.planner.opens_at, self.now))

    def _begin(self, attempt: Attempt) -> None:
        nexthop = attempt.destination.nexthop
        host = self.hosts.get(nexthop) or self.hosts.setdefault(nexthop, Host())
        host.running += 1
        self.running += 1
        for each in attempt.recipients:
            tale = self.tales[each.id]
            tale.delay = max(tale.delay, self.now - tale.due)
            if tale.begun is None:
                tale.begun, tale.waited = self.now, self.begun - tale.order
        self.begun += 1
        self.begins[nexthop].append(self.now)
        latency, answer = host.answer(attempt, self.now)
        self.busy += latency
        self.at(self.now + latency, lambda: self._end(attempt, host, answer))

    def _end(self, attempt: Attempt, host: Host, answer: Answer) -> None:
        status, reply, silent = answer
        host.running -= 1
        self.running -= 1
        self.ends[f"{attempt.destination.nexthop} {status.value}"] += 1
        outcomes = tuple(Outcome(each.id, status, reply, not silent) for each in attempt.recipients)
        site = attempt.destination.site or attempt.destination.nexthop
        report = Report(outcomes, f"mx.{site}[192.0.2.1]:25", unreachable=silent)
        self._settle(self.planner.finished(attempt, report, self.now))

    def _check_for_idleness(self) -> None:
        """Work conservation: with a place free in the whole, nothing waits that could begin."""
        share = self.planner._shares._shares.get("smtp")
        if share is None or share.running >= share.limit:
            return
        for line in self.planner._lines:
            if line.waiting and not line.is_probed and line.gate.free > 0:
                held_up = {turn.key for turn in share.rotation._held_up}
                if not held_up.issuperset(key for key, lane in line.lanes.items() if lane.batches):
                    self.idle_with_work += 1

    # What is asked afterwards ---------------------------------------------------------------------

    def most_in(self, nexthop: str, seconds: float) -> int:
        """The most deliveries to a next hop that began within so many seconds."""
        window: deque[float] = deque()
        most = 0
        for begin in self.begins[nexthop]:
            window.append(begin)
            while window[0] <= begin - seconds:
                window.popleft()
            most = max(most, len(window))
        return most

    def begun_between(self, nexthop: str, start: float, end: float) -> int:
        """Deliveries to a next hop that began in a stretch of time."""
        return sum(start <= begin < end for begin in self.begins[nexthop])

    def longest_delay(self, to: Iterable[StoredRecipient]) -> float:
        """Seconds that a recipient was due and neither begun nor put back, at the most."""
        return max(self.tales[each.id].delay for each in to)

    def undone(self) -> int:
        """Recipients that are still there."""
        return len(self.rows)
