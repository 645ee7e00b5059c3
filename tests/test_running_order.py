"""The order of the files: each once, those that wait among those that compute, long ones first."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from running_order import mixed

TESTS = st.lists(st.tuples(st.sampled_from("abcdefghij"), st.booleans()))


@given(TESTS)
def test_every_file_begins_once(tests: list[tuple[str, bool]]) -> None:
    assert sorted(mixed(tests)) == sorted({file for file, _ in tests})


def test_who_waits_is_spread_among_those_that_compute() -> None:
    computing = [(f"c{number}", False) for number in range(6) for _ in range(9 - number)]
    waiting = [("p1", True), ("p1", True), ("tests/road/p2", True)]
    assert mixed([*waiting, *computing]) == [
        *("tests/road/p2", "c0", "c1", "c2"),
        *("p1", "c3", "c4", "c5"),
    ]
