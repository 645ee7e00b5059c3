"""Session identifiers: unique, sortable, easy to read out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroad.history.session_id import (
    DIGITS,
    LENGTH,
    MARGIN,
    MAX_NUMBER,
    MAX_WORKER,
    SessionIds,
    session_id_of,
    spell,
)
from postroad.spool.queue_id import number_of

NUMBERS = st.integers(0, MAX_NUMBER)
WORKERS = st.integers(0, MAX_WORKER)


@given(NUMBERS, WORKERS, NUMBERS, WORKERS)
def test_they_sort_by_time_and_differ_by_worker(
    number: int, worker: int, other: int, other_worker: int
) -> None:
    first, second = spell(number, worker), spell(other, other_worker)
    assert (first < second) == ((number, worker) < (other, other_worker))
    assert (first == second) == ((number, worker) == (other, other_worker))
    assert len(first) == LENGTH


@given(st.lists(st.floats(0, 2e9), max_size=50), WORKERS)
def test_none_is_given_twice_whatever_the_clock_does(times: list[float], worker: int) -> None:
    clock = iter(times)
    ids = SessionIds(worker, lambda: next(clock))
    given_out = [ids() for _ in times]
    assert given_out == sorted(set(given_out))


def test_after_a_restart_with_the_clock_set_back_they_go_on_from_the_mark() -> None:
    before = SessionIds(3, lambda: 1_700_000_000.0)
    old = {before() for _ in range(10_000)}
    after = SessionIds(3, lambda: 1_600_000_000.0, before.last + MARGIN)
    assert old.isdisjoint(after() for _ in range(10_000))


def test_those_of_several_workers_never_meet() -> None:
    makers = [SessionIds(worker, lambda: 1_700_000_000.0) for worker in range(8)]
    made = [make() for make in makers for _ in range(1000)]
    assert len(set(made)) == len(made)


@pytest.mark.parametrize("mark", [-1, MAX_NUMBER, 2**62])
def test_a_senseless_mark_is_not_believed(mark: int) -> None:
    assert SessionIds(0, lambda: 5.0, mark)() == spell(5000, 0)


@pytest.mark.parametrize("clock", [-5.0, 1e15])
def test_a_senseless_clock_is_not_believed(clock: float) -> None:
    assert SessionIds(0, lambda: clock)() == spell(1, 0)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("D1ZW2CET80", "D1ZW2CET80"),
        ("d1zw2cet80", "D1ZW2CET80"),
        ("DLZW2CETBO", "D1ZW2CETB0"),
        ("d1zw2-cet80", "D1ZW2CET80"),
        ("D1ZW2 CET80", "D1ZW2CET80"),
        ("D1ZW2CET8", None),
        ("D1ZW2CET800", None),
        ("HODG6NB20100", None),
        ("D1ZW2CET8U", None),
        ("D1ZW2CET8Ä", None),
        ("", None),
    ],
)
def test_what_is_typed_is_understood(typed: str, meant: str | None) -> None:
    assert session_id_of(typed) == meant


@given(NUMBERS, WORKERS)
def test_none_is_taken_for_a_queue_id(number: int, worker: int) -> None:
    identifier = spell(number, worker)
    assert number_of(identifier) is None
    assert session_id_of(identifier.lower()) == identifier


def test_no_letter_sounds_like_a_digit() -> None:
    assert set(DIGITS).isdisjoint("ILOU")
    assert len(DIGITS) == 32
