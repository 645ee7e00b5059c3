"""By which command a content goes out, and what is sent for it."""

from __future__ import annotations

import pytest

from postroad.model import BodyType
from postroad.smtp.client_parameters import Transaction
from postroad.smtp.content_framing import ContentFraming
from postroad.smtp.stuffing import Miscounted, Unsendable

TEXT = b"..x\r\n"


def transaction(size: int = len(TEXT), **changes: object) -> Transaction:
    given = {"body": BodyType.SEVEN_BIT} | changes
    return Transaction("", ("a@b.example",), size, **given)  # type: ignore[arg-type]


def begun(made: Transaction, *, may_chunk: bool) -> ContentFraming:
    framing = ContentFraming()
    framing.begin(made, may_chunk=may_chunk)
    return framing


@pytest.mark.parametrize(
    ("changes", "may_chunk", "by_data", "chunk"),
    [
        ({}, False, True, None),
        ({}, True, False, 5),
        ({"estimated": True}, True, True, None),
        ({"body": BodyType.BINARY_MIME}, False, False, 5),
        ({"body": BodyType.BINARY_MIME, "estimated": True}, True, False, 5),
        ({"probe": True}, False, False, None),
        ({"probe": True}, True, False, None),
    ],
)
def test_the_command(
    changes: dict[str, object], may_chunk: bool, by_data: bool, chunk: int | None
) -> None:
    framing = ContentFraming()
    assert framing.begin(transaction(**changes), may_chunk=may_chunk) is by_data
    assert framing.chunk == chunk


def test_dots_are_doubled_behind_data() -> None:
    framing = begun(transaction(), may_chunk=False)
    sent = framing.feed(TEXT[:1]) + framing.feed(TEXT[1:]) + framing.end()
    assert sent == b"...x\r\n.\r\n"


def test_octets_are_counted_behind_bdat() -> None:
    framing = begun(transaction(), may_chunk=True)
    assert framing.command == b"BDAT 5 LAST\r\n"
    assert framing.feed(TEXT) + framing.end() == TEXT


def test_an_octet_that_went_ahead_is_not_sent_again() -> None:
    framing = begun(transaction(), may_chunk=True)
    assert framing.first_octet(TEXT[:1]) == b"BDAT 1\r\n."
    assert framing.command == b"BDAT 4 LAST\r\n"
    assert framing.feed(TEXT[:3]) + framing.feed(TEXT[3:]) + framing.end() == TEXT[1:]


def test_nothing_is_left_of_the_transaction_before() -> None:
    framing = begun(transaction(), may_chunk=True)
    framing.first_octet(b".")
    framing.feed(b"..")
    framing.begin(transaction(2), may_chunk=True)
    assert framing.command == b"BDAT 2 LAST\r\n"
    assert framing.feed(b"\r\n") + framing.end() == b"\r\n"


@pytest.mark.parametrize("may_chunk", [False, True])
def test_text_of_odd_lines_is_not_sent(may_chunk: bool) -> None:
    framing = begun(transaction(2), may_chunk=may_chunk)
    with pytest.raises(Unsendable):
        framing.feed(b"a\nb\r\n")


def test_a_content_that_is_too_short_is_noticed() -> None:
    framing = begun(transaction(6), may_chunk=True)
    framing.feed(TEXT)
    with pytest.raises(Miscounted):
        framing.end()


@pytest.mark.parametrize(
    ("text", "body", "is_sound"),
    [
        (TEXT, BodyType.SEVEN_BIT, True),
        (TEXT + b"\r\n", BodyType.SEVEN_BIT, False),
        (b"a\nbcd", BodyType.SEVEN_BIT, False),
        (b"a\nbcd", BodyType.BINARY_MIME, True),
        (b"a\nb", BodyType.BINARY_MIME, False),
    ],
)
def test_a_whole_content(text: bytes, body: BodyType, is_sound: bool) -> None:
    made = transaction(body=body)
    if is_sound:
        ContentFraming.check_whole(text, made)
    else:
        with pytest.raises(Unsendable):
            ContentFraming.check_whole(text, made)
