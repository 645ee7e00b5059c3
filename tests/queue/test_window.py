"""Concurrency of one destination."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroad.queue.window import Window


def after(window: Window, happens: str) -> int:
    """The limit after successes and failures; each attempt begins when the last has ended."""
    for number, what in enumerate(happens):
        if what == "s":
            window.succeeded()
        else:
            window.failed(began=number, ordered=number + 1)
    return window.limit


@pytest.mark.parametrize(
    ("initial", "most", "happens", "limit"),
    [
        (5, 20, "", 5),
        (5, 20, "sss", 8),
        (5, 6, "sss", 6),
        (5, 20, "f", 2),
        (5, 20, "ffff", 1),
        (9, 3, "", 3),
        (2, 1 << 30, "s" * 100, 102),
    ],
)
def test_limit(initial, most, happens, limit):
    assert after(Window(initial, most), happens) == limit


@pytest.mark.parametrize(
    ("successes", "limit"), [(0, 4), (3, 4), (4, 5), (8, 5), (9, 6), (14, 6), (15, 7)]
)
def test_beyond_the_knee_a_windowful_adds_one(successes, limit):
    window = Window(8, 20)
    window.failed(began=0, ordered=1)
    assert after(window, "s" * successes) == limit


def test_up_to_the_knee_each_success_adds_one():
    """Eight were borne, and all eight failed together: the knee is at half of the first window."""
    window = Window(8, 20)
    for _ in range(8):
        window.failed(began=0, ordered=8)
    assert window.limit == 1
    assert after(window, "sss") == 4
    assert after(window, "sss") == 4


def test_a_receiver_that_bears_ten_is_asked_too_much_now_and_then():
    """The share of put-offs that module words claim: one in some tens, not one in two."""
    window, put_off, made = Window(5, 20), 0, 1000
    for number in range(made):
        if window.limit > 10:
            window.failed(began=number, ordered=number + 1)
            put_off += 1
        else:
            window.succeeded()
    assert put_off <= made / 30


def test_other_bounds():
    window = Window(5, 20)
    after(window, "sss")
    window.resize(5, 6)
    assert window.limit == 6
    window.resize(9, 50)
    assert window.limit == 9


def test_a_restart_forgets():
    window = Window(8, 20)
    after(window, "fff")
    window.restart()
    assert after(window, "ss") == 10


@given(st.text("sf", max_size=200), st.integers(1, 50), st.integers(1, 50))
def test_it_stays_within_its_bounds(happens, initial, most):
    assert 1 <= after(Window(initial, most), happens) <= most
