"""The content reader against a slow reading of the same rules, cut in every way."""

from __future__ import annotations

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from postroad.model import Reply
from postroad.smtp import SessionLimits, replies
from postroad.smtp.content import ContentReader
from postroad.smtp.stuffing import Stuffer
from smtp_dialogue import DEFAULT, cut, octets

END = b"\r\n.\r\n"


def read(pieces: list[bytes], limits: SessionLimits = DEFAULT) -> tuple[ContentReader, bytes]:
    reader = ContentReader(limits)
    text = b""
    for at, piece in enumerate(pieces):
        text += reader.feed(piece)
        if reader.finished:
            reader.rest += b"".join(pieces[at + 1 :])
            break
    return reader, text


def is_hidden_end(line: bytes) -> bool:
    """Whether it is the lone dot once its NULs are dropped, and not before."""
    return line.startswith(b"\0") and line.replace(b"\0", b"") == b".\r\n"


def slow(data: bytes, limits: SessionLimits) -> tuple[bytes, Reply | None, bytes] | None:
    """Line by line: the content, its fault and what is behind it; `None` without an end."""
    lines = data.split(b"\r\n")
    if b"." not in lines[:-1]:
        return None
    last = lines.index(b".")
    taken = [line.removeprefix(b".") + b"\r\n" for line in lines[:last]]
    text = b"".join(taken)
    left_over = text.replace(b"\r\n", b"  ")
    fault = None
    if limits.text_line and any(len(line) > limits.text_line for line in taken):
        fault = replies.TEXT_LINE_TOO_LONG
    if limits.message_size and len(text) > limits.message_size:
        fault = replies.TOO_BIG
    if any(is_hidden_end(line) for line in taken):
        fault = replies.HIDDEN_END
    if b"\r" in left_over:
        fault = replies.BARE_CR
    if b"\n" in left_over:
        fault = replies.BARE_LF
    return text, fault, b"\r\n".join(lines[last + 1 :])


CONTENT = [
    (b".\r\n", b""),
    (b"\r\n.\r\n", b"\r\n"),
    (b"a\r\n.\r\n", b"a\r\n"),
    (b"..\r\n.\r\n", b".\r\n"),
    (b"...\r\n..a\r\n.\r\n", b"..\r\n.a\r\n"),
    (b".a\r\n.\r\n", b"a\r\n"),
    (b"a.\r\n.\r\n", b"a.\r\n"),
    (b"\0\xff\r\n.\r\n", b"\0\xff\r\n"),
    (b"\r\n\r\n..\r\n\r\n.\r\n", b"\r\n\r\n.\r\n\r\n"),
]


@pytest.mark.parametrize(("sent", "text"), CONTENT)
@pytest.mark.parametrize("behind", [b"", b"QUIT\r\n", b".\r\n", b"\r\n.\r\n"])
@pytest.mark.parametrize("pieces", [lambda data: [data], octets], ids=["whole", "octets"])
def test_content(sent, text, behind, pieces):
    reader, got = read(pieces(sent + behind))
    assert got == text
    assert (reader.finished, reader.size, reader.fault) == (True, len(text), None)
    assert reader.rest == behind


SMUGGLING = [
    (b"\n.\n", replies.BARE_LF),
    (b"\r.\r", replies.BARE_CR),
    (b"\n.\r\n", replies.BARE_LF),
    (b"\r\n.\n", replies.BARE_LF),
    (b"\r\n.\r", replies.BARE_CR),
    (b"\r.\r\n", replies.BARE_CR),
    (b"\n.\r", replies.BARE_LF),
    (b"\r.\n", replies.BARE_LF),
    (b"\r\n\0.\r\n", replies.HIDDEN_END),
    (b"\r\n\0\0.\0\r\n", replies.HIDDEN_END),
    (b"\r\n\0..\r\n", None),
    (b"\r\r\n.\n", replies.BARE_LF),
    (b"\r\n.\r\r\n", replies.BARE_CR),
    (b"\n\r.\n\r", replies.BARE_LF),
    (b"\r\0\n.\r\n", replies.BARE_LF),
    (b"\r\n .\r\n", None),
    (b"\r\n. \r\n", None),
    (b"\x85.\x85", None),
]


@pytest.mark.parametrize(("sequence", "fault"), SMUGGLING)
@pytest.mark.parametrize("pieces", [lambda data: [data], octets], ids=["whole", "octets"])
def test_only_crlf_dot_crlf_ends_the_content(sequence, fault, pieces):
    smuggled = b"MAIL FROM:<evil@example.net>\r\n"
    reader, _ = read(pieces(b"text" + sequence + smuggled))
    assert not reader.finished
    reader, _ = read(pieces(b"text" + sequence + smuggled + b".\r\n"))
    assert (reader.finished, reader.rest, reader.fault) == (True, b"", fault)


def test_nothing_comes_behind_a_fault():
    reader = ContentReader(DEFAULT)
    assert reader.feed(b"one\r\n") == b"one"
    assert reader.feed(b"two\nthree\r\n") == b""
    assert reader.feed(b"four\r\n.\r\n") == b""
    assert reader.fault == replies.BARE_LF
    assert reader.size == len(b"one\r\ntwo\nthree\r\nfour\r\n")


@pytest.mark.parametrize(("length", "fault"), [(998, None), (999, replies.TEXT_LINE_TOO_LONG)])
@pytest.mark.parametrize("before", [b"", b"a" * 998 + b"\r\n", b"a\r\n" * 300])
@pytest.mark.parametrize("behind", [b"", b"b\r\n" * 400])
@pytest.mark.parametrize("piece", [1, 7, 999, 1000, 1001, 100_000])
def test_length_of_a_line(length, fault, before, behind, piece):
    data = before + b"x" * length + b"\r\n" + behind + b".\r\n"
    pieces = [data[at : at + piece] for at in range(0, len(data), piece)]
    reader, _ = read(pieces, SessionLimits(text_line=1000))
    assert (reader.finished, reader.fault) == (True, fault)


def test_a_stuffed_dot_does_not_count():
    reader, _ = read(
        [b".." + b"x" * 7 + b"\r\n.\r\n"], SessionLimits(text_line=10, message_size=10)
    )
    assert (reader.fault, reader.size) == (None, 10)


@pytest.mark.parametrize(("size", "fault"), [(100, None), (101, replies.TOO_BIG)])
def test_size_of_a_message(size, fault):
    data = b"x" * (size - 2) + b"\r\n.\r\n"
    for pieces in ([data], octets(data)):
        reader, _ = read(pieces, SessionLimits(message_size=100))
        assert (reader.fault, reader.size) == (fault, size)


WORDS = st.sampled_from(
    [b"\r\n", b".", b"\r\n.", b"\r", b"\n", b"a", b"aaaa", b"\r\n..", b"\0", b"\r\n\0.", END]
)
STREAMS = st.lists(WORDS, max_size=40).map(b"".join)
LIMITS = st.builds(
    SessionLimits,
    text_line=st.sampled_from([0, 5, 20, 65_536]),
    message_size=st.sampled_from([0, 10, 50_000]),
)


@settings(max_examples=600, deadline=None)
@given(STREAMS, LIMITS, st.lists(st.integers(min_value=0, max_value=200), max_size=10))
def test_against_the_slow_reading(stream, limits, places):
    expected = slow(stream, limits)
    for pieces in ([stream], cut(stream, places), octets(stream)):
        reader, text = read(pieces, limits)
        assert reader.finished == (expected is not None)
        if expected is not None:
            assert (reader.size, reader.fault, reader.rest) == (len(expected[0]), *expected[1:])
            assert expected[1] or text == expected[0]


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.binary(max_size=20).filter(lambda line: b"\r" not in line and b"\n" not in line))
)
def test_stuffing_is_undone(lines):
    sent = b"".join((b"." if line.startswith(b".") else b"") + line + b"\r\n" for line in lines)
    reader, text = read(octets(sent + b".\r\n"))
    assume(not any(is_hidden_end(line + b"\r\n") for line in lines))
    assert (text, reader.fault) == (b"".join(line + b"\r\n" for line in lines), None)


@settings(max_examples=500, deadline=None)
@given(STREAMS, st.lists(st.integers(min_value=0, max_value=200), max_size=10))
def test_what_is_taken_can_be_sent_on(stream, places):
    reader, text = read(cut(stream + END, places))
    if reader.fault is None:
        stuffer = Stuffer()
        onward = stuffer.feed(text) + stuffer.end()
        again, same = read([onward])
        assert (again.finished, again.fault, same) == (True, None, text)
