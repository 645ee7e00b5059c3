"""An unexpected error on one line."""

from __future__ import annotations

import pytest

from postroad.model.fault import MOST_WORDS, place_of


def test_it_says_what_and_where_on_one_line() -> None:
    with pytest.raises(ValueError, match="two") as caught:
        int("one\r\ntwo  three")
    where = f"({__file__}:{caught.tb.tb_lineno})"
    words = "ValueError: invalid literal for int() with base 10: 'one\\r\\ntwo three'"
    assert place_of(caught.value) == f"{words} {where}"


def test_one_that_was_never_raised_has_no_place_and_its_words_a_bound() -> None:
    assert place_of(ValueError("x")) == "ValueError: x"
    assert len(place_of(ValueError("x" * 10_000))) == MOST_WORDS
