"""Concurrency and liveness of one destination."""

from __future__ import annotations

import pytest

from postroad.model import Reply
from postroad.queue.schedule import Schedule
from postroad.queue.settings import QueueSettings
from postroad.queue.window import Window
from queue_mail import NOON

REASON = Reply.of(451, "4.4.1", "connection timed out")


@pytest.mark.parametrize(
    ("initial", "most", "happens", "limit"),
    [
        (5, 20, "", 5),
        (5, 20, "sss", 8),
        (5, 6, "sss", 6),
        (5, 20, "f", 2),
        (5, 20, "ffff", 1),
        (5, 20, "ffffss", 3),
        (5, 20, "u", 1),
        (5, 20, "sssus", 5),
        (5, 20, "uf", 5),
        (9, 3, "", 3),
        (0, 3, "", 3),
        (2, 0, "s" * 100, 102),
    ],
)
def test_limit(initial, most, happens, limit):
    settings = QueueSettings(initial_concurrency=initial, destination_concurrency=most)
    window = Window(settings)
    for number, what in enumerate(happens):
        if what == "s":
            window.succeeded()
        elif what == "f":
            window.failed()
        else:
            window.unreachable(REASON, Schedule(settings), NOON, began=number, ordered=number)
    assert window.limit == limit


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
    window, ends = Window(settings), []
    for number in range(5):
        assert window.unreachable(REASON, Schedule(settings), NOON, began=number, ordered=number)
        ends.append(window.retry_at - NOON)
    assert ends == expected


def test_an_attempt_from_before_is_no_news():
    settings = QueueSettings()
    window = Window(settings)
    assert window.unreachable(REASON, Schedule(settings), NOON, began=3, ordered=9)
    assert not window.unreachable(REASON, Schedule(settings), NOON + 1, began=8, ordered=9)
    assert window.retry_at == NOON + 300
    assert window.unreachable(REASON, Schedule(settings), NOON + 2, began=9, ordered=10)
