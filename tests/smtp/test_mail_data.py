"""The mail data of a transaction: who reads it, and how much of it may come."""

from __future__ import annotations

import pytest

from postroad.smtp import BodyChunk, EndOfData, SessionLimits, replies
from postroad.smtp.chunks import Chunk, ChunkEnd
from postroad.smtp.lines import LineBuffer
from postroad.smtp.mail_data import UNWANTED_OCTETS, MailData

LIMIT = 100
LIMITS = SessionLimits(message_size=LIMIT)
REFUSED = replies.TOO_BIG


def read(data: MailData, octets: bytes) -> list[object]:
    """All steps of the reader at hand."""
    lines = LineBuffer()
    lines.append(octets)
    steps: list[object] = []
    while not steps or isinstance(steps[-1], BodyChunk):
        assert data.reader is not None
        steps.append(data.reader.read(lines))
    assert not lines.pending
    return steps


def test_lines() -> None:
    data = MailData(LIMITS)
    assert (data.reader, data.verb) == (None, "DATA")
    data.begin_lines()
    assert read(data, b"..x\r\n.\r\n") == [BodyChunk(b".x\r\n"), EndOfData(4, None)]
    assert data.verb == "DATA"


def test_chunks_of_one_message() -> None:
    data, first, last = MailData(LIMITS), Chunk(4, last=False), Chunk(3, last=True)
    assert not data.takes_next(first)  # the session is asked
    assert (data.first, data.reader) == (first, None)
    data.begin_chunks(binary=False)
    assert read(data, b"ab\r\n") == [BodyChunk(b"ab\r\n"), ChunkEnd(first, None)]
    assert data.takes_next(last)
    assert read(data, b"c\r\n") == [BodyChunk(b"c\r\n"), EndOfData(7, None)]
    assert data.verb == "BDAT"
    data.forget()
    assert data.verb == "DATA"
    assert not data.takes_next(last)


@pytest.mark.parametrize("binary", [False, True])
def test_binary_content_is_no_lines(binary: bool) -> None:
    data = MailData(LIMITS)
    data.takes_next(Chunk(2, last=True))
    data.begin_chunks(binary=binary)
    end = read(data, b"a\n")[-1]
    assert isinstance(end, EndOfData)
    assert end.fault is (None if binary else replies.BARE_LF)


def test_all_that_was_announced_counts() -> None:
    data = MailData(LIMITS)
    assert data.excess(Chunk(LIMIT, last=True)) is None
    assert data.excess(Chunk(LIMIT + 1, last=True)) is replies.CHUNK_TOO_BIG
    data.takes_next(Chunk(60, last=False))
    data.begin_chunks(binary=True)
    assert data.excess(Chunk(40, last=True)) is None
    assert data.excess(Chunk(41, last=True)) is replies.CHUNK_TOO_BIG
    data.forget()
    assert data.excess(Chunk(41, last=True)) is None
    unlimited = MailData(SessionLimits(message_size=0))
    assert unlimited.excess(Chunk(10**12, last=True)) is None


@pytest.mark.parametrize("known", [False, True])
def test_what_is_refused_is_read_over(known: bool) -> None:
    data, chunk = MailData(LIMITS), Chunk(5, last=True)
    data.takes_next(Chunk(0, last=False))
    data.begin_chunks(binary=True)
    assert data.skip(chunk, REFUSED, known=known)
    assert read(data, b"QUIT\n") == [ChunkEnd(chunk, REFUSED, known)]
    assert data.verb == "DATA"  # what came before it is forgotten


@pytest.mark.parametrize(("over", "skipped"), [(0, True), (1, False)])
def test_a_chunk_too_long_to_be_read_over(over: int, skipped: bool) -> None:
    data = MailData(LIMITS)
    chunk = Chunk(LIMIT + UNWANTED_OCTETS + over, last=True)
    assert data.skip(chunk, REFUSED, known=False) is skipped
    assert (data.reader is not None) is skipped
