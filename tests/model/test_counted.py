"""Tests of numbers with what they count."""

import pytest

from postroad.model.counted import counted


@pytest.mark.parametrize(
    ("count", "words"),
    [(0, "0 messages"), (1, "1 message"), (2, "2 messages"), (11, "11 messages")],
)
def test_numbers(count: int, words: str) -> None:
    assert counted(count, "message") == words
