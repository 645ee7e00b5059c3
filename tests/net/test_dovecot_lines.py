"""Lines of Dovecot's protocols: whatever a field holds, it stays one field of one line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroad.net.dovecot_lines import fields, line, named

TEXT = st.text(st.characters(exclude_categories=("Cs",)) | st.sampled_from("\0\1\t\r\n"))


@given(st.lists(TEXT, min_size=1, max_size=5))
def test_what_is_written_is_read(texts):
    written = line(*texts)
    assert written.count(b"\n") == 1
    assert written.endswith(b"\n")
    assert b"\r" not in written
    assert b"\0" not in written
    assert fields(written) == tuple(texts)


@given(st.binary(max_size=200))
def test_whatever_comes_has_fields(octets):
    assert len(fields(octets)) == octets.removesuffix(b"\n").count(b"\t") + 1


@pytest.mark.parametrize(
    ("octets", "expected"),
    [
        (b"", ("",)),
        (b"DONE\n", ("DONE",)),
        (b"OK\t1\tuser=a\x01tb\n", ("OK", "1", "user=a\tb")),
        (b"a\x01", ("a",)),
        (b"a\x01xb", ("axb",)),
        (b"\x011\x010", ("\x01\0",)),
        (b"\xff", ("\udcff",)),
    ],
)
def test_marks(octets, expected):
    assert fields(octets) == expected


def test_fields_by_name():
    assert named(["a=1", "temp", "b=2=3", "a=4"]) == {"a": "1", "temp": "", "b": "2=3"}
