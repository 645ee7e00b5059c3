"""Content in chunks: against a slow reading of the same rules, cut in every way, and sent on."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from postroad.model import Reply
from postroad.smtp import (
    BodyChunk,
    Closed,
    Data,
    EndOfData,
    Need,
    Refused,
    Reset,
    SessionLimits,
    foreign,
    replies,
)
from postroad.smtp.chunks import Chunk, ChunkedContent
from postroad.smtp.content import ContentReader
from postroad.smtp.mail_data import UNWANTED_OCTETS
from postroad.smtp.stuffing import Stuffer
from smtp_dialogue import DEFAULT, Session, cut, octets

MAIL = b"HELO x\r\nMAIL FROM:<a@example.net>\r\n"
RCPT = MAIL + b"RCPT TO:<john@example.org>\r\n"
BINARY = MAIL[:-2] + b" BODY=BINARYMIME\r\nRCPT TO:<john@example.org>\r\n"


def read(
    chunks: list[bytes], places: list[int], limits: SessionLimits = DEFAULT, *, binary: bool = False
) -> tuple[ChunkedContent, bytes]:
    content = ChunkedContent(limits, binary=binary)
    text = b""
    for at, chunk in enumerate(chunks):
        content.begin(Chunk(len(chunk), last=at == len(chunks) - 1))
        for piece in cut(chunk, places):
            text += content.feed(piece)
    return content, text + content.complete()


def slow(text: bytes, limits: SessionLimits) -> tuple[bytes, Reply | None]:
    """The content as it is kept, and its fault."""
    whole = text if not text or text.endswith(b"\r\n") else text + b"\r\n"
    left_over = whole.replace(b"\r\n", b"  ")
    lines = whole.split(b"\r\n")
    fault = None
    if limits.text_line and any(len(line) + 2 > limits.text_line for line in lines[:-1]):
        fault = replies.TEXT_LINE_TOO_LONG
    if limits.message_size and len(whole) > limits.message_size:
        fault = replies.TOO_BIG
    if any(line[:1] == b"\0" and line.replace(b"\0", b"") == b"." for line in lines[:-1]):
        fault = replies.HIDDEN_END
    if b"\r" in left_over:
        fault = replies.BARE_CR
    if b"\n" in left_over:
        fault = replies.BARE_LF
    return whole, fault


WORDS = st.sampled_from(
    [
        b"\r\n",
        b"\r\n",
        b"\r",
        b"\n",
        b".",
        b"a",
        b"aaaa",
        b"\0\xff",
        b"\0",
        b"\r\n\0.",
        b"\r\n.\r\n",
    ]
)
CHUNKS = st.lists(st.lists(WORDS, max_size=8).map(b"".join), min_size=1, max_size=6)
CLEAN = st.lists(
    st.lists(st.sampled_from([b"\r\n", b".", b"..", b"a", b"\0"]), max_size=8).map(b"".join),
    min_size=1,
    max_size=6,
)
LIMITS = st.builds(
    SessionLimits,
    text_line=st.sampled_from([0, 5, 20, 65_536]),
    message_size=st.sampled_from([0, 10, 50_000]),
)
PLACES = st.lists(st.integers(min_value=0, max_value=50), max_size=5)


@settings(max_examples=500, deadline=None)
@given(CHUNKS, LIMITS, PLACES)
def test_against_the_slow_reading(chunks, limits, places):
    whole, fault = slow(b"".join(chunks), limits)
    content, text = read(chunks, places, limits)
    assert (content.size, content.fault) == (len(whole), fault)
    assert fault or text == whole
    assert content.complete() == b""


@settings(deadline=None)
@given(st.lists(st.binary(max_size=20), min_size=1, max_size=6), PLACES)
def test_binary_content_is_kept_octet_for_octet(chunks, places):
    content, text = read(chunks, places, SessionLimits(text_line=5), binary=True)
    assert (text, content.size, content.fault) == (b"".join(chunks), len(text), None)


def by_bdat(session: Session, chunks: list[bytes], places: list[int]) -> None:
    sent = b"".join(
        b"BDAT %d%s\r\n%s" % (len(chunk), b" LAST" * (at == len(chunks) - 1), chunk)
        for at, chunk in enumerate(chunks)
    )
    for piece in cut(sent, places):
        session.feed(piece)


@settings(max_examples=300, deadline=None)
@given(CLEAN | CHUNKS, PLACES)
def test_what_came_by_bdat_is_the_same_message_sent_on_by_data(chunks, places):
    session = Session()
    session.feed(RCPT)
    by_bdat(session, chunks, places)
    if slow(b"".join(chunks), DEFAULT)[1] is not None:
        assert session.core.counts.get("bdat", (0, 0))[0] < len(chunks)
        return
    stuffer = Stuffer()
    onward = stuffer.feed(session.content) + stuffer.end()
    reader = ContentReader(DEFAULT)
    text = b"".join(reader.feed(piece) for piece in octets(onward))
    assert (reader.finished, reader.rest, reader.fault) == (True, b"", None)
    assert text == session.content == slow(b"".join(chunks), DEFAULT)[0]


def test_chunks_as_events():
    session = Session()
    session.feed(RCPT + b"BDAT 4\r\nHi\r\nBDAT 3 LAST\r\nBye")
    assert session.events[3:] == [
        Data(chunked=True),
        BodyChunk(b"Hi\r\nBye\r\n"),
        EndOfData(9, None),
        Reset(),
    ]
    assert session.core.counts["bdat"] == (2, 2)
    assert session.core.after == "END-OF-MESSAGE"


def test_a_fault_in_the_middle_ends_the_transaction():
    session = Session()
    session.feed(RCPT + b"BDAT 1\r\n\nBDAT 1 LAST\r\n\n")
    assert session.events[3:] == [
        Data(chunked=True),
        Refused("BDAT", replies.BARE_LF),
        Reset(),
        Refused("BDAT", replies.chunk_discarded(1)),
    ]
    assert session.core.counts["bdat"] == (0, 2)


@pytest.mark.parametrize("chunks", [[b"x\r\n\0.\r\ny"], [b"x\r\n\0", b".\r\ny"], [b"\0.", b""]])
def test_what_nobody_would_be_sent_is_refused_at_its_end(chunks):
    session = Session()
    session.feed(RCPT)
    by_bdat(session, chunks, [])
    assert EndOfData(len(b"".join(chunks)) + 2, replies.HIDDEN_END) in session.events
    session = Session()
    session.feed(BINARY)
    by_bdat(session, chunks, [])
    assert EndOfData(len(b"".join(chunks)), None) in session.events


def test_a_refusal_of_the_session_is_told_behind_the_chunk():
    session = Session()
    session.feed(b"HELO x\r\nMAIL FROM:<later@example.net>\r\nRCPT TO:<john@example.org>\r\n")
    said = session.output
    session.feed(b"BDAT 6 LAST\r\nQUIT\r")
    assert session.output == said
    assert session.events[3:] == [Data(chunked=True), Reset()]
    session.feed(b"\nNOOP\r\n")
    assert session.output[len(said) :] == b"451 4.7.1 Error: try again later\r\n250 2.0.0 Ok\r\n"
    assert session.core.tally.errors == 1


def test_nothing_is_read_while_the_session_is_asked():
    session = Session()
    session.feed(RCPT)
    core = session.core
    core.receive(b"BDAT 3 LAST\r\nabcQUIT\r\n")
    assert core.next_event() == Data(chunked=True)
    assert core.next_event() is Need.REPLY
    core.reply(replies.START_CONTENT)
    assert core.data_to_send() == b""
    assert core.next_event() == BodyChunk(b"abc")


def test_an_end_of_file_in_a_chunk():
    session = Session()
    session.feed(RCPT + b"BDAT 10\r\nabc")
    session.end()
    assert session.events[-1] == Closed("lost connection")
    assert session.core.after == "BDAT"


@pytest.mark.parametrize(("over", "ended"), [(0, None), (1, foreign.ENDLESS_CHUNK)])
def test_how_much_is_dropped(over, ended):
    session = Session(limits=SessionLimits(message_size=1000))
    session.feed(RCPT + b"BDAT %d LAST\r\n" % (1000 + UNWANTED_OCTETS + over))
    assert session.ended == ended
    assert (b"552 5.3.4" in session.output) == (ended is not None)


@pytest.mark.parametrize("before", [RCPT, BINARY, MAIL])
@pytest.mark.parametrize("piece", [b"x" * 65_536, b"\r\n.." * 16_384, b"x" * 65_535 + b"\r"])
def test_chunks_stream(before, piece, peak_of):
    session = Session(limits=SessionLimits(message_size=0))
    session.feed(before + b"BDAT 60000000\r\n")
    assert peak_of(session, 100, piece) < 800_000


def test_many_small_chunks_in_one_piece():
    session = Session(limits=SessionLimits(errors=0))
    session.feed(RCPT + b"BDAT 1\r\nx" * 10_000 + b"BDAT 0 LAST\r\n")
    assert session.content == b"x" * 10_000 + b"\r\n"
    assert session.ended is None
