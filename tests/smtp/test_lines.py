"""The line buffer: only CRLF ends a line, and what is too long is never kept."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroad.smtp.lines import LineBuffer, LineFault
from smtp_dialogue import cut, octets

LIMIT = 10


def lines_of(pieces: list[bytes]) -> list[bytes | LineFault]:
    buffer = LineBuffer()
    lines = []
    for piece in pieces:
        buffer.append(piece)
        while (line := buffer.take_line(LIMIT)) is not None:
            lines.append(line)
        assert buffer.pending <= LIMIT
    return lines


LINES = [
    (b"", []),
    (b"NOOP", []),
    (b"NOOP\r", []),
    (b"NOOP\r\n", [b"NOOP"]),
    (b"\r\n\r\n", [b"", b""]),
    (b"12345678\r\nA\r\n", [b"12345678", b"A"]),
    (b"123456789\r\nA\r\n", [LineFault.TOO_LONG, b"A"]),
    (b"12345678901234567890\r\nA\r\n", [LineFault.TOO_LONG, b"A"]),
    (b"1234567890\r1234567890\r\nA\r\n", [LineFault.TOO_LONG, b"A"]),
    (b"12345678901234567890\nA\r\n", [LineFault.BARE_LF, b"A"]),
    (b"A\nB\r\n", [LineFault.BARE_LF, b"B"]),
    (b"\n", [LineFault.BARE_LF]),
    (b"A\rB\r\n", [LineFault.BARE_CR]),
    (b"A\r\r\n", [LineFault.BARE_CR]),
]


@pytest.mark.parametrize(("data", "lines"), LINES)
@pytest.mark.parametrize("pieces", [lambda data: [data], octets], ids=["whole", "octets"])
def test_lines(data, lines, pieces):
    assert lines_of(pieces(data)) == lines


@given(
    st.lists(st.sampled_from([b"\r", b"\n", b"\r\n", b"a", b"aaaaaa"]), max_size=30).map(b"".join),
    st.lists(st.integers(min_value=0, max_value=100), max_size=8),
)
def test_cuts_change_nothing(data, places):
    assert lines_of([data]) == lines_of(cut(data, places)) == lines_of(octets(data))


def test_what_begins_a_line():
    buffer = LineBuffer()
    assert not buffer.starts_with(b"AUTH ")
    buffer.append(b"NOOP\r\nauth x")
    buffer.take_line(LIMIT)
    assert buffer.starts_with(b"AUTH ")
    buffer.append(b"x" * LIMIT)
    buffer.take_line(LIMIT)
    buffer.append(b"AUTH ")
    assert not buffer.starts_with(b"AUTH ")


def test_everything_at_once():
    buffer = LineBuffer()
    buffer.append(b"DATA\r\nte")
    buffer.append(b"xt\r\n")
    buffer.take_line(LIMIT)
    assert buffer.take_all() == b"text\r\n"
    assert buffer.pending == 0


def test_so_many_octets_and_no_more():
    buffer = LineBuffer()
    buffer.append(b"BDAT 5\r\na\n\r")
    assert buffer.take_line(LIMIT) == b"BDAT 5"
    assert (buffer.take(2), buffer.pending) == (b"a\n", 1)
    buffer.append(b"bcNOOP\r\n")
    assert (buffer.take(3), buffer.take(0)) == (b"\rbc", b"")
    assert buffer.take_line(LIMIT) == b"NOOP"
    assert buffer.take(5) == b""
