"""Mail that is not tried for where it goes: what is said of it, and when it comes back."""

from __future__ import annotations

import pytest

from postroad.model import Reply, Status
from postroad.queue.allowance import UNLIMITED, Allowances
from postroad.queue.attempt import Destination
from postroad.queue.line import Line
from postroad.queue.lines import Lines
from postroad.queue.postponement import CROWDED, FEW, probing, return_at, sent_back, suspended
from postroad.queue.settings import DestinationSettings, QueueSettings
from queue_mail import NOON, crowd, message

REASON = Reply.of(451, "4.4.1", "connect to dead.test: timed out")
PAUSE = 300.0


def line_of(**changes: object) -> Line:
    section = DestinationSettings(minimal_backoff=PAUSE, **changes)  # type: ignore[arg-type]
    allowances = Allowances(QueueSettings(), {"dead.test": section})
    return Lines(allowances, None).of(Destination("smtp", "dead.test"))


@pytest.mark.parametrize(
    ("retry_at", "begin"), [(NOON + 50, NOON + 50), (NOON, NOON + PAUSE), (0.0, NOON + PAUSE)]
)
def test_mail_comes_back_after_the_pause_spread(retry_at: float, begin: float) -> None:
    line = line_of()
    line.liveness.retry_at = retry_at
    times = [return_at(line, number, NOON) for number in range(100)]
    assert all(begin <= each <= begin + PAUSE / 4 for each in times)
    assert len(set(times)) == 100
    assert times == [return_at(line, number, NOON) for number in range(100)]


def test_what_a_dead_destination_s_mail_is_told() -> None:
    line, mail, recipients = line_of(), message(), crowd(2)
    line.liveness.retry_at = NOON + 50
    verdicts = suspended(line, REASON, mail, recipients, NOON)
    assert [(each.recipient, each.status, each.tried) for each in verdicts] == [
        (recipient, Status.DEFERRED, False) for recipient in recipients
    ]
    words = "delivery temporarily suspended: connect to dead.test: timed out"
    assert {str(each.reply) for each in verdicts} == {f"451 4.4.1 {words}"}
    assert [each.retry_at for each in verdicts] == [
        return_at(line, recipient.id, NOON) for recipient in recipients
    ]


def test_mail_that_is_old_enough_is_returned_even_so() -> None:
    mail = message(arrived=NOON - 30 * 86_400, queued=NOON - 30 * 86_400)
    (verdict,) = suspended(line_of(), REASON, mail, crowd(1), NOON)
    assert (verdict.status, verdict.expired) == (Status.BOUNCED, True)


def test_what_is_crowded_out_comes_behind_what_was_sent_back_before() -> None:
    line, mail = line_of(), message()
    first = sent_back(line, mail, crowd(1000), NOON)
    later = sent_back(line, mail, crowd(1000), NOON)
    assert {each.reply for each in first + later} == {CROWDED}
    assert NOON < first[0].retry_at < later[0].retry_at
    assert line.gate.backlog is not None


@pytest.mark.parametrize(
    ("recipients", "waiting", "more"),
    [(1, 0, 5), (1, 3, 2), (1, 9, 0), (10, 0, 50), (0, 10_000, UNLIMITED)],
)
def test_how_much_may_wait_for_a_probe(recipients: int, waiting: int, more: int) -> None:
    line = line_of(recipients_per_delivery=recipients)
    assert line.gate.allowance.initial == 5
    assert line.gate.allowance.initial < FEW
    line.waiting = waiting
    assert probing(line) == more
