"""Whether a destination is alive."""

from __future__ import annotations

import pytest

from postroad.model import Reply
from postroad.queue.liveness import Liveness
from postroad.queue.schedule import Schedule
from postroad.queue.settings import QueueSettings
from queue_mail import NOON

REASON = Reply.of(451, "4.4.1", "connection timed out")


def silent(liveness: Liveness, began: int = 0, *, ordered: int | None = None, **given) -> bool:
    schedule = Schedule(given.get("settings", QueueSettings()))
    return liveness.unanswered(
        REASON,
        schedule,
        given.get("now", NOON),
        began=began,
        ordered=began + 1 if ordered is None else ordered,
        allowed=given.get("allowed", 5),
    )


@pytest.mark.parametrize(
    ("shortest", "longest", "expected"),
    [
        (10, 50, [10, 20, 40, 50, 50]),
        (300, 4000, [300, 600, 600, 600, 600]),
        (100, 0, [100, 200, 400, 600, 600]),
        (900, 4000, [900, 900, 900, 900, 900]),
    ],
)
def test_pauses_double_up_to_the_longest(shortest, longest, expected):
    settings = QueueSettings(minimal_backoff=shortest, maximal_backoff=longest)
    liveness, pauses = Liveness(), []
    for number in range(5):
        assert silent(liveness, number, settings=settings)
        pauses.append(liveness.retry_at - NOON)
    assert pauses == expected


def test_an_attempt_from_before_is_no_news():
    liveness = Liveness()
    assert silent(liveness, 3, ordered=9)
    assert not silent(liveness, 8, now=NOON + 1)
    assert liveness.retry_at == NOON + 300
    assert silent(liveness, 9, now=NOON + 2)


@pytest.mark.parametrize(("allowed", "failures"), [(1, 1), (2, 2), (4, 4)])
def test_one_that_answered_dies_of_a_windowful(allowed, failures):
    liveness = Liveness()
    liveness.answered()
    died = [silent(liveness, number, allowed=allowed) for number in range(failures)]
    assert died == [False] * (failures - 1) + [True]
    assert liveness.reason is REASON


def test_an_answer_between_them_takes_the_doubt_away():
    liveness = Liveness()
    for number in range(50):
        assert not liveness.answered()
        assert not silent(liveness, number)


def test_what_was_dead_has_to_prove_itself_again():
    liveness = Liveness()
    liveness.answered()
    silent(liveness, allowed=1)
    liveness.revive()
    assert liveness.reason is None
    assert silent(liveness, 5)


def test_an_answer_revives():
    liveness = Liveness()
    silent(liveness)
    assert liveness.answered()
    assert liveness.reason is None
