"""The header section of messages of every shape, fed in pieces of every size."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroad.intake.header import HeaderSection, HeaderTooLarge

FIELDS = b"Subject: x\r\nMessage-ID: <1@example.org>\r\nDate: today\r\n"
MAILBOX = b"X-Mailbox-Line: From a\r\nX-Mailbox-Line: >>From b\r\n"


def fed(message: bytes, step: int = 0, limit: int = 0) -> HeaderSection:
    """The section of a message that comes in pieces of `step` octets."""
    section = HeaderSection(limit)
    step = step or len(message) or 1
    for at in range(0, len(message), step):
        if section.feed(message[at : at + step]):
            section.rest += message[at + step :]
            return section
    section.finish()
    return section


@pytest.mark.parametrize("step", [0, 1, 2, 3, 5, 100])
@pytest.mark.parametrize(
    ("message", "fields", "rest"),
    [
        (FIELDS + b"\r\nbody\r\n", FIELDS, b"\r\nbody\r\n"),
        (FIELDS + b"\r\n", FIELDS, b"\r\n"),
        (FIELDS, FIELDS, b"\r\n"),
        (b"\r\nonly a body\r\n", b"", b"\r\nonly a body\r\n"),
        (b"only a body\r\n", b"", b"\r\nonly a body\r\n"),
        (b"", b"", b"\r\n"),
        (b"Subject: a\r\n b\r\n\tc\r\n\r\nx", b"Subject: a\r\n b\r\n\tc\r\n", b"\r\nx"),
        (b"Subject: a\r\nno field\r\n\r\nx", b"Subject: a\r\n", b"\r\nno field\r\n\r\nx"),
        (b"X :old\r\n\r\n", b"X :old\r\n", b"\r\n"),
        (b" starts folded\r\n\r\n", b"", b"\r\n starts folded\r\n\r\n"),
        (b"From al Mon\r\nX: y\r\n\r\nz", b"X-Mailbox-Line: From al Mon\r\nX: y\r\n", b"\r\nz"),
        (b">From al\r\n\r\nz", b"X-Mailbox-Line: >From al\r\n", b"\r\nz"),
        (b"From a\r\n>>From b\r\n", MAILBOX, b"\r\n"),
        (b"From al\r\nno field\r\n", b"X-Mailbox-Line: From al\r\n", b"\r\nno field\r\n"),
        (b"From : al\r\nX: y\r\n\r\n", b"From : al\r\nX: y\r\n", b"\r\n"),
        (b"X: y\r\nFrom al\r\n\r\n", b"X: y\r\n", b"\r\nFrom al\r\n\r\n"),
        (b"\r\nFrom al\r\n", b"", b"\r\nFrom al\r\n"),
        (b"From here without an end", b"", b"\r\nFrom here without an end"),
    ],
)
def test_split(message: bytes, fields: bytes, rest: bytes, step: int) -> None:
    section = fed(message, step)

    assert (section.fields, section.rest) == (fields, rest)


@given(st.binary(max_size=200).filter(lambda data: b"\r" not in data), st.integers(1, 50))
def test_nothing_is_lost_and_the_split_does_not_depend_on_pieces(body: bytes, step: int) -> None:
    message = FIELDS + b"\r\n" + body

    section = fed(message, step)

    assert section.fields + section.rest == message


@pytest.mark.parametrize(
    ("fields", "message_id", "date", "hops"),
    [
        (FIELDS, "<1@example.org>", True, 0),
        (b"MESSAGE-ID:\r\n <folded@x>\r\n", "<folded@x>", False, 0),
        (b"X-Date: no\r\nX-Message-ID: <no>\r\n", None, False, 0),
        (b"Received: a\r\n\tb\r\nreceived: c\r\nX-Received: d\r\n", None, False, 2),
        (b"Message-ID: \r\n", "", False, 0),
        (b"Message-ID:\r\nDate: today\r\n", "", True, 0),
        (b"Message-ID: \r\n \r\n\t<late@x>\r\nDate: today\r\n", "<late@x>", True, 0),
        (b"Subject: x\r\n Message-ID: <no>\r\n", None, False, 0),
    ],
)
def test_fields(fields: bytes, message_id: str | None, *, date: bool, hops: int) -> None:
    section = fed(fields + b"\r\n")

    assert (section.message_id, section.has_date, section.hops) == (message_id, date, hops)


@pytest.mark.parametrize("step", [1, 5, 12, 13, 1000])
def test_a_header_over_the_limit_is_refused(step: int) -> None:
    """Wherever the pieces end, which is within a field as a rule."""
    with pytest.raises(HeaderTooLarge):
        fed(b"X: 1234567\r\n" * 20 + b"\r\nbody\r\n", step=step, limit=100)


def test_a_body_over_the_limit_without_blank_line_is_no_large_header() -> None:
    section = HeaderSection(100)

    assert section.feed(b"Subject: x\r\nno field\r\n" + b"y" * 200)
    assert section.fields == b"Subject: x\r\n"
