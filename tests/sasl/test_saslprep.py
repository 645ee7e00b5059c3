"""SASLprep: the examples of RFC 4013, and texts that it forbids."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroad.sasl.saslprep import saslprep


@pytest.mark.parametrize(
    ("text", "prepared"),
    [
        # RFC 4013 §3
        ("I\u00adX", "IX"),
        ("user", "user"),
        ("USER", "USER"),
        ("\u00aa", "a"),
        ("\u2168", "IX"),
        ("\u0007", "\u0007"),  # forbidden: taken as it is
        ("\u0627\u0031", "\u0627\u0031"),  # forbidden: right to left must be that to the end
        ("\u0627a\u0628", "\u0627a\u0628"),
        ("\u0627\u0031\u0628", "\u0627\u0031\u0628"),  # allowed
        ("a\u00a0b", "a b"),
        ("u\u0308", "\u00fc"),
        ("\u00ad", "\u00ad"),  # nothing is left of it
        ("\ue000", "\ue000"),
        ("\u0221", "\u0221"),  # not in Unicode 3.2
        ("", ""),
        ("pass word", "pass word"),
    ],
)
def test_prepared(text, prepared):
    assert saslprep(text) == prepared


@given(st.text(st.characters()))
def test_any_text_has_a_form_and_keeps_it(text):
    once = saslprep(text)
    assert saslprep(once) == once
