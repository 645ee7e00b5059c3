"""Priorities: the highest first, and nobody waits for ever."""

from __future__ import annotations

from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroad.queue.ranks import PATIENCE, Ranks


def filled(*priorities: int) -> Ranks[int]:
    ranks: Ranks[int] = Ranks()
    for priority in priorities:
        ranks.put(priority, priority)
    return ranks


def drained(ranks: Ranks[int]) -> list[int]:
    taken = []
    while ranks:
        taken.append(ranks.take())
    return taken


def test_one_rank_is_a_queue() -> None:
    ranks: Ranks[str] = Ranks()
    for item in "abc":
        ranks.put(0, item)
    ranks.put_first(0, "first")
    assert [ranks.take() for _ in range(4)] == ["first", "a", "b", "c"]
    assert not ranks
    with pytest.raises(IndexError):
        ranks.take()


def test_the_highest_goes_first() -> None:
    assert drained(filled(0, -9, 3, 9, 3)) == [9, 3, 3, 0, -9]


def test_one_turn_in_nine_is_for_the_others() -> None:
    ranks = filled(*[5] * 20, *[0] * 3)
    eight = [5] * PATIENCE
    assert drained(ranks) == [*eight, 0, *eight, 0, 5, 5, 5, 5, 0]


def test_patience_is_not_used_up_while_nobody_waits() -> None:
    ranks = filled(*[5] * 100)
    assert [ranks.take() for _ in range(100)] == [5] * 100
    ranks.put(0, 0)
    ranks.put(5, 5)
    assert drained(ranks) == [5, 0]


def test_what_is_cleared_is_gone() -> None:
    ranks = filled(1, 2)
    ranks.clear()
    assert not ranks


@given(st.lists(st.integers(-9, 9), min_size=1, max_size=200))
def test_everything_comes_out_once_and_in_order_within_its_rank(priorities: list[int]) -> None:
    ranks: Ranks[tuple[int, int]] = Ranks()
    numbers = count()
    items = [(priority, next(numbers)) for priority in priorities]
    for item in items:
        ranks.put(item[0], item)
    taken = []
    while ranks:
        taken.append(ranks.take())
    assert sorted(taken) == sorted(items)
    for priority in set(priorities):
        mine = [number for rank, number in taken if rank == priority]
        assert mine == sorted(mine)


@given(st.lists(st.integers(-9, 9), min_size=1, max_size=3, unique=True))
def test_the_bound(lower: list[int]) -> None:
    """However much comes in above, the lowest of n ranks has a turn in (PATIENCE + 1)^(n-1)."""
    ranks: Ranks[int] = Ranks()
    ranks.put(min(lower) - 1, -100)
    for _ in range((PATIENCE + 1) ** len(lower)):
        for priority in lower:
            ranks.put(priority, priority)
        if ranks.take() == -100:
            return
    pytest.fail("the lowest still waits")
