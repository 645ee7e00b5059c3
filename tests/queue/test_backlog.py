"""When mail comes back of a sender that has more than its share in memory."""

from __future__ import annotations

import pytest

from postroad.model import Outcome, Reply, Report, Status
from postroad.queue.attempt import Destination
from postroad.queue.planner import Planner
from postroad.queue.settings import QueueSettings
from queue_mail import NOON, crowd, message

SILENCE = Reply.of(451, "4.4.1", "connection timed out")


def test_what_leaves_with_a_dead_destination_counts_as_having_left() -> None:
    """One delivery was tried in ten seconds; eight recipients are out of memory after it."""
    planner = Planner(QueueSettings(active_limit=20, recipients_per_delivery=1))
    mail = message()
    admission = planner.admit(mail, crowd(10), NOON, fresh=False)
    assert admission is not None
    planner.add(admission, admission.recipients, Destination("smtp", "example.net"), NOON)
    planner.back_at(mail, 100_000, NOON)  # what did not fit, and is not over in ten seconds
    attempt = planner.next(NOON)
    assert attempt is not None
    [tried] = attempt.recipients
    report = Report((Outcome(tried.id, Status.DEFERRED, SILENCE),), "none", unreachable=True)

    out = planner.finished(attempt, report, NOON + 10)
    first, behind = (planner.back_at(mail, 100, NOON + 10) for _ in range(2))

    assert len(out) == 8
    # Seven that waited in ten seconds, and back twice as fast; the tried one counts after them.
    assert behind - first == pytest.approx(100 / 1.4)
