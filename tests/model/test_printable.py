"""Tests of how words that others chose are shown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroad.model.printable import beginning, in_one_line, printable

NOTHING_TO_OBEY = ["\x1b[31m", "a\r\nb", "a\u2028b", "a\u202eb", "a\x85b", "\x00", "\x7f"]


@pytest.mark.parametrize("text", NOTHING_TO_OBEY)
def test_what_readers_obey_is_a_question_mark(text: str) -> None:
    shown = printable(text)
    assert shown.isprintable()
    assert len(shown) == len(text)
    assert "?" in shown


def test_other_words_stay() -> None:
    assert (
        printable("J\u00f6rg <j@example.org> \u65e5\u672c")
        == "J\u00f6rg <j@example.org> \u65e5\u672c"
    )


@pytest.mark.parametrize(
    ("text", "shown"),
    [("", ""), ("12345", "12345"), ("123456", "12345\u2026"), ("1\n3456", "1?345\u2026")],
)
def test_a_long_text_is_cut(text: str, shown: str) -> None:
    assert beginning(text, 5) == shown


@given(st.text(), st.integers(0, 70))
def test_a_beginning_is_short_and_printable(text: str, most: int) -> None:
    shown = beginning(text, most)
    assert len(shown) <= most + 1
    assert shown.isprintable()


@pytest.mark.parametrize(
    ("text", "line"),
    [(" a\nb\t", "a b"), ("\x1b[31mred", "[31mred"), ("\r\n", ""), ("as it is", "as it is")],
)
def test_a_reason_is_one_line(text: str, line: str) -> None:
    assert in_one_line(text) == line
