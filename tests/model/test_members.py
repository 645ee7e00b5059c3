"""Tests of reading members of JSON objects."""

import pytest

from postroad.model.members import Record, finite, mapping, number_of, sequence, text_of, whole_of

STRANGE: Record = {"a": None, "b": [1], "c": {"d": 1}, "e": True, "f": 1.5, "g": "7"}


def test_what_is_there() -> None:
    record: Record = {"name": "x", "size": 7, "at": 1.5, "of": {"a": 1}, "list": ["a"]}
    assert text_of(record, "name") == "x"
    assert (whole_of(record, "size"), number_of(record, "size"), number_of(record, "at")) == (
        7,
        7,
        1.5,
    )
    assert mapping(record["of"]) == {"a": 1}
    assert sequence(record["list"]) == ["a"]


@pytest.mark.parametrize("key", ["a", "b", "c", "e", "f", "missing"])
def test_what_is_no_text(key: str) -> None:
    assert text_of(STRANGE, key) == ""


@pytest.mark.parametrize("key", ["a", "b", "c", "e", "g", "missing"])
def test_what_is_no_number(key: str) -> None:
    assert number_of(STRANGE, key) == 0.0
    assert whole_of(STRANGE, key) == 0


def test_a_fraction_is_not_whole() -> None:
    assert whole_of(STRANGE, "f") == 0


@pytest.mark.parametrize("value", [None, "text", 7, True])
def test_what_is_neither_object_nor_array(value: object) -> None:
    assert mapping(value) == {}
    assert sequence(value) == ()
    assert mapping([1]) == {}
    assert sequence({"a": 1}) == ()


@pytest.mark.parametrize(("value", "found"), [(7, 7.0), (1.5, 1.5), (-1, -1.0), (0, 0.0)])
def test_finite_numbers(value: object, found: float) -> None:
    assert finite(value) == found


@pytest.mark.parametrize(
    "value", [None, True, "7", [7], float("nan"), float("inf"), -float("inf"), 10**400]
)
def test_what_is_no_finite_number(value: object) -> None:
    assert finite(value) is None
