"""Durations as an operator writes them."""

from __future__ import annotations

import time

import pytest

from postroad.model.units import LONGEST, parse_duration


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("5d", 432_000),
        ("1h30m", 5_400),
        ("300", 300),
        (300, 300),
        (0.5, 0.5),
        ("2w", 1_209_600),
        (0, 0),
        ("3650d", LONGEST),
        (LONGEST, LONGEST),
    ],
)
def test_durations(written: object, seconds: float) -> None:
    assert parse_duration(written) == seconds


@pytest.mark.parametrize(
    "written", ["", "5 days", "-1", -1, "1.5h", True, None, "h", "5x", [], "1²", "5d\n"]
)
def test_no_durations(written: object) -> None:
    with pytest.raises(ValueError, match="duration"):
        parse_duration(written)


@pytest.mark.parametrize(
    "written",
    [
        LONGEST + 1,
        "3651d",
        "999999999999w",
        "999999999999999",
        1e300,
        10**400,
        float("inf"),
        float("nan"),
    ],
)
def test_what_no_clock_can_hold(written: object) -> None:
    with pytest.raises(ValueError, match="ten years at the most"):
        parse_duration(written)


@pytest.mark.parametrize("written", ["9" * 5000, "9" * 5000 + "w", "1d" * 5000])
def test_endless_text(written: str) -> None:
    with pytest.raises(ValueError, match="a duration is a number of seconds"):
        parse_duration(written)


def test_the_longest_can_be_told_to_others() -> None:
    """HOLDFOR has nine digits (RFC 4865 §4.2), and so many years fit into a time."""
    assert LONGEST <= 999_999_999
    assert time.localtime(time.mktime((2500, 1, 1, 0, 0, 0, 0, 0, 0)) + LONGEST)
