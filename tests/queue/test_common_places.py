"""Places that all workers share, as two planners with one set of counters see them."""

from __future__ import annotations

from collections import deque
from functools import partial

import pytest

from fake_counters import MemoryCounters
from postroad.app.commons import QueueCommons
from postroad.model import Outcome, Reply, Report, Status
from postroad.queue.allowance import Allowances
from postroad.queue.attempt import Attempt, Destination
from postroad.queue.planner import Planner
from postroad.queue.settings import DestinationSettings, QueueSettings
from queue_mail import NOON, crowd, message

OK = Reply.of(250, "2.0.0", "Ok")
PLACES = 4
SILENCE = Reply.of(451, "4.4.1", "connection timed out")


def planner(commons: QueueCommons, destination: Destination, mail: int) -> Planner:
    """A worker's, with so many messages for a destination with places of its own."""
    name = f"site:{destination.site}" if destination.site else destination.nexthop
    settings, sections = QueueSettings(), {name: DestinationSettings(concurrency=PLACES)}
    made = Planner(settings, Allowances(settings, sections), commons)
    for _ in range(mail):
        admission = made.admit(message(), crowd(1, destination.nexthop), NOON, fresh=True)
        assert admission is not None
        assert not made.add(admission, admission.recipients, destination, NOON)
    return made


def begun(worker: Planner, now: float) -> Attempt:
    attempt = worker.next(now)
    assert attempt is not None
    return attempt


def report(attempt: Attempt, status: Status, reply: Reply, relay: str) -> Report:
    is_said = status is Status.SENT
    outcomes = tuple(Outcome(each.id, status, reply, is_said) for each in attempt.recipients)
    return Report(outcomes, relay, unreachable=not is_said)


@pytest.mark.parametrize("site", ["", "mx.example"])
def test_who_has_sent_all_its_mail_back_waits_for_no_place(site: str) -> None:
    """Else each place that another worker leaves stays empty for a while, as long as it runs."""
    commons = QueueCommons(MemoryCounters())
    to = Destination("smtp", "example.net", site)
    one, other = planner(commons, to, 3), planner(commons, to, 20)
    sent = partial(report, status=Status.SENT, reply=OK, relay=f"{site or 'mx'}[192.0.2.1]:25")
    first, second = begun(one, NOON), begun(other, NOON)
    other.finished(second, sent(second), NOON)  # which is no stranger to its site then
    running = deque(begun(other, NOON) for _ in range(PLACES - 1))
    assert one.next(NOON) is None
    dead = report(first, Status.DEFERRED, SILENCE, "none")
    assert len(one.finished(first, dead, NOON)) == 3
    for _ in range(8):
        other.finished(running[0], sent(running.popleft()), NOON)
        running.append(begun(other, NOON))
