"""Rates as they are written, and the pace that keeps them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroad.queue.rate import LEEWAY, Pace, Rate, parse_rate
from queue_mail import NOON


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", None),
        ("30/min", Rate(30, 60.0)),
        ("30/minute", Rate(30, 60.0)),
        ("2/s", Rate(2, 1.0)),
        ("500 / h", Rate(500, 3600.0)),
        ("10000/D", Rate(10_000, 86_400.0)),
    ],
)
def test_parse(text, expected):
    assert parse_rate(text) == expected


@pytest.mark.parametrize("text", ["30", "30/", "30/fortnight", "-1/s", "1.5/s", "0/s", "/min"])
def test_mistakes(text):
    with pytest.raises(ValueError, match="a rate"):
        parse_rate(text)


def test_too_much():
    with pytest.raises(ValueError, match="at the most"):
        parse_rate("999999999/s")


@given(st.integers(1, 500), st.sampled_from([1.0, 60.0]), st.lists(st.floats(0, 3), max_size=50))
def test_the_pace_is_never_more_than_the_rate_and_the_leeway(count, seconds, naps):
    rate, now, steps = Rate(count, seconds), NOON, []
    pace = Pace(rate)
    for nap in naps:
        now = max(now + nap * rate.interval, pace.opens_at)
        pace.step(now)
        steps.append(now)
    for at, first in enumerate(steps):
        for number, last in enumerate(steps[at + 1 :], 1):
            assert last - first >= number * rate.interval - LEEWAY - 1e-3


def test_a_clock_that_was_set_back_does_not_close_it_for_long():
    pace = Pace(Rate(1, 60.0))
    pace.step(NOON + 86_400)
    pace.step(NOON)
    assert pace.opens_at <= NOON + 60
