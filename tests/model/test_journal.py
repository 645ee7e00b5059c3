"""What is told in words: one line, and how grave it is."""

from __future__ import annotations

import pytest

from postroad.model.journal import Event, Level, Notice


@pytest.mark.parametrize(
    ("severity", "text"),
    [
        (Level.INFO, "two?lines"),
        (Level.WARNING, "warning: two?lines"),
        (Level.ERROR, "error: two?lines"),
    ],
)
def test_a_notice(severity: Level, text: str) -> None:
    assert Notice("master", "two\nlines", severity).text == text


def test_an_event_without_words_is_a_mistake() -> None:
    with pytest.raises(AssertionError):
        _ = Event("master").text
