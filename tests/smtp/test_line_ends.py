"""Bare CRs and LFs, found as a count of each kind finds them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroad.smtp.line_ends import are_paired


@pytest.mark.parametrize(
    ("text", "paired"),
    [
        (b"", True),
        (b"text", True),
        (b"a\r\nb\r\n", True),
        (b"\r\n\r\n", True),
        (b"\n", False),
        (b"\r", False),
        (b"\n\r", False),
        (b"a\rb\nc", False),
        (b"\r\r\n", False),
        (b"\r\n\n", False),
    ],
)
def test_examples(text: bytes, paired: bool) -> None:
    assert are_paired(text) == paired


@given(st.lists(st.sampled_from([b"\r", b"\n", b"\r\n", b"x", b".", b"\0", b"\xff"])))
def test_it_is_what_counting_says(parts: list[bytes]) -> None:
    text = b"".join(parts)
    pairs = text.count(b"\r\n")

    assert are_paired(text) == (text.count(b"\r") == pairs == text.count(b"\n"))
