"""Fields of the header made of what programs say."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroad.filters.python.decoding import decoded
from postroad.filters.python.writing import field_line, one_line
from postroad.model.fields import Field, Fields

BREAKS = "\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"


@pytest.mark.parametrize("character", BREAKS)
@pytest.mark.parametrize("is_utf8", [False, True])
def test_what_python_takes_for_a_line_end_ends_none(character: str, *, is_utf8: bool) -> None:
    line = field_line("Subject", f"hello{character}Bcc: x@example.com", is_utf8=is_utf8)

    assert line == b"Subject: hello Bcc: x@example.com\r\n"


@given(
    st.text(st.characters(exclude_characters="\r\n\0"), max_size=2000),
    st.sampled_from([False, True]),
)
def test_it_is_one_field_that_reads_the_same(value: str, is_utf8: bool) -> None:
    line = field_line("X-Name", value, is_utf8=is_utf8)

    (field,) = Fields.of(line)
    assert field.octets == line
    lines = line.split(b"\r\n")
    assert lines.pop() == b""
    assert all(each.strip() and len(each) <= 998 for each in lines)
    assert all(each.startswith(b" ") for each in lines[1:])
    if "=?" not in value:
        assert decoded(field) == one_line(value)


@pytest.mark.parametrize("value", ["x" * 5000, "é" * 2000, "a é " * 1000, "word " * 5000])
def test_what_is_long_is_folded(value: str) -> None:
    line = field_line("Subject", value, is_utf8=False)

    assert max(map(len, line.split(b"\r\n"))) <= 78
    assert decoded(Field(line)) == one_line(value)


@pytest.mark.parametrize(
    ("name", "value"), [("X", "a\nb"), ("X", "a\rb"), ("X", "a\0b"), ("X:", "a"), ("", "a")]
)
def test_what_is_no_field(name: str, value: str) -> None:
    with pytest.raises(ValueError, match=r"has a line end in it|is no name"):
        field_line(name, value, is_utf8=False)
