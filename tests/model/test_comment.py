"""Tests of finding the end of comments."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroad.model.comment import after_comment


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        (")", ""),
        ("a) b", " b"),
        ("(a)(b(c))) d", " d"),
        (r"a \) b) c", " c"),
        (r"\( a) b", " b"),
        (r"\\) a", " a"),
        ("\\\n) a", " a"),
        ('") a"', ' a"'),  # quotes mean nothing in it
        ("a) b)", " b)"),
    ],
)
def test_what_stands_behind(text: str, rest: str) -> None:
    after = after_comment(text, 0)
    assert after is not None
    assert text[after:] == rest


@pytest.mark.parametrize("text", ["", "a", "(a)", r"a\)", "(" * 5 + ")" * 5, "a\\"])
def test_one_without_an_end(text: str) -> None:
    assert after_comment(text, 0) is None


def test_it_begins_where_it_is_told() -> None:
    assert after_comment("(one) (two) three", 1) == len("(one)")
    assert after_comment("(one) (two) three", 7) == len("(one) (two)")


@given(st.text(alphabet="ab()\\ "))
def test_depths_agree_with_counting(text: str) -> None:
    depth, at = 1, 0
    while at < len(text) and depth:
        if text[at] == "\\":
            at += 2
            continue
        depth += {"(": 1, ")": -1}.get(text[at], 0)
        at += 1
    assert after_comment(text, 0) == (None if depth else at)
