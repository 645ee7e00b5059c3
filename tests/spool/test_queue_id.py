"""Queue identifiers under every clock."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroad.spool.queue_id import (
    MAX_NUMBER,
    MAX_SHARD,
    RESERVE,
    SPARE,
    QueueIds,
    number_of,
    spell,
)

NOON = 1_800_000_000


@given(st.integers(0, MAX_NUMBER), st.integers(0, MAX_SHARD))
def test_a_number_is_read_back(number: int, shard: int) -> None:
    text = spell(number, shard)
    assert len(text) == 12
    assert number_of(text) == number_of(text.lower()) == number


@given(st.integers(0, MAX_NUMBER - 1), st.integers(0, MAX_SHARD), st.integers(0, MAX_SHARD))
def test_text_sorts_as_time_does(number: int, one: int, two: int) -> None:
    assert spell(number, one) < spell(number + 1, two)


@pytest.mark.parametrize(
    "text", ["", "ABC", "ABCDEFGHIJKL0", "ABCDEFGHIJ-1", "ABCDEFGHIJÄ1", "²" * 12]
)
def test_foreign_names_have_no_number(text: str) -> None:
    assert number_of(text) is None


@pytest.mark.parametrize("shard", [-1, MAX_SHARD + 1])
def test_the_shard_must_fit(shard: int) -> None:
    with pytest.raises(ValueError, match="0 to 1295"):
        QueueIds(shard, lambda: 0.0, 0)


def test_a_number_is_the_present_microsecond() -> None:
    ids = QueueIds(0, lambda: NOON + 0.25, 0)
    ids.reserved(ids.wanted() or 0)
    assert ids.give() == NOON * 1_000_000 + 250_000


def test_nothing_is_given_before_a_limit_is_stored() -> None:
    assert QueueIds(0, lambda: NOON, 5).give() is None


def test_when_the_reserve_runs_out_giving_stops() -> None:
    ids = QueueIds(0, lambda: 0.0, 100)
    ids.reserved(103)
    assert [ids.give() for _ in range(4)] == [101, 102, 103, None]


def test_after_a_pause_numbers_stay_below_the_stored_limit() -> None:
    now = [float(NOON)]
    ids = QueueIds(0, lambda: now[0], 0)
    limit = ids.wanted() or 0
    ids.reserved(limit)
    now[0] += 86_400
    assert ids.wanted() == (NOON + 86_400) * 1_000_000 + RESERVE
    assert ids.give() == limit - SPARE


def test_a_clock_beyond_the_digits_is_not_believed() -> None:
    ids = QueueIds(0, lambda: 4e9, 41)
    ids.reserved(ids.wanted() or 0)
    assert ids.give() == 42


STEPS = st.lists(
    st.tuples(st.floats(-1e9, 1e9), st.sampled_from(["give", "give", "store", "crash", "close"])),
    max_size=40,
)


@given(STEPS)
def test_numbers_grow_over_crashes_and_clock_steps(steps: list[tuple[float, str]]) -> None:
    """The durable mark is all that a crash leaves."""
    now, mark, given_numbers = [float(NOON)], 0, [0]
    ids = QueueIds(0, lambda: now[0], mark)
    for move, action in steps:
        now[0] = max(0.0, now[0] + move)
        if action == "store" and (limit := ids.wanted()) is not None:
            mark = limit
            ids.reserved(limit)
        elif action == "close":
            mark = ids.last
        if action in ("crash", "close"):
            ids = QueueIds(0, lambda: now[0], mark)
        if action == "give" and (number := ids.give()) is not None:
            given_numbers.append(number)
    assert given_numbers == sorted(set(given_numbers))


WORLD = st.lists(
    st.tuples(
        st.integers(0, 3),  # a worker
        st.floats(-7200, 7200) | st.just(0.0) | st.floats(0, 1e-5),  # the clock moves
        st.sampled_from(["give", "give", "give", "store", "crash", "close"]),
    ),
    max_size=80,
)


@given(WORLD)
def test_no_two_workers_give_the_same(steps: list[tuple[int, float, str]]) -> None:
    """One clock for all, which may be set back; each with its own mark, whenever it starts anew."""
    now, marks, given_texts = [float(NOON)], [0] * 4, []
    workers = [QueueIds(shard, lambda: now[0], 0) for shard in range(4)]
    for shard, move, action in steps:
        now[0] += move
        ids = workers[shard]
        if action == "store" and (limit := ids.wanted()) is not None:
            marks[shard] = limit
            ids.reserved(limit)
        elif action == "close":
            marks[shard] = ids.last
        if action in ("crash", "close"):
            workers[shard] = QueueIds(shard, lambda: now[0], marks[shard])
        if action == "give" and (number := ids.give()) is not None:
            given_texts.append(ids.spell(number))
    assert len(given_texts) == len(set(given_texts))
    assert all(len(text) == 12 and text.isalnum() for text in given_texts)


@given(st.lists(st.tuples(st.integers(0, 3), st.floats(0.000002, 20)), max_size=40))
def test_with_a_clock_that_goes_on_all_sort_as_they_came(steps: list[tuple[int, float]]) -> None:
    """Whichever worker took them, as long as it found room for new limits in time."""
    now = [float(NOON)]
    workers = [QueueIds(shard, lambda: now[0], 0) for shard in range(4)]
    texts = []
    for shard, move in steps:
        now[0] += move
        for ids in workers:
            if (limit := ids.wanted()) is not None:
                ids.reserved(limit)
        number = workers[shard].give()
        assert number is not None
        texts.append(workers[shard].spell(number))
    assert texts == sorted(texts)
