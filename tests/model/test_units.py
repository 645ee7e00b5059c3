"""Durations as an operator writes them."""

from __future__ import annotations

import pytest

from postroad.model.units import parse_duration


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
    ],
)
def test_durations(written: object, seconds: float) -> None:
    assert parse_duration(written) == seconds


@pytest.mark.parametrize("written", ["", "5 days", "-1", -1, "1.5h", True, None, "h", "5x", []])
def test_no_durations(written: object) -> None:
    with pytest.raises(ValueError, match="duration"):
        parse_duration(written)
