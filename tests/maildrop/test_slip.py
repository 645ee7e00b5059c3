"""The slip on a message in the drop."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroad.maildrop.slip import Slip, SlipError, read, write

NAME = "0123456789abcdef"
TEXT = st.text(st.characters(min_codepoint=32, exclude_characters="\x7f", codec="utf-8"))


def values(slip: Slip) -> list[object]:
    return [getattr(slip, name) for name in Slip.__slots__]


@given(st.none() | TEXT, st.lists(TEXT, max_size=5), TEXT, st.booleans(), st.integers(0, 10**15))
def test_what_is_written_can_be_read(
    sender: str | None, recipients: list[str], full_name: str, gateway: bool, size: int
) -> None:
    slip = Slip(
        sender,
        recipients,
        full_name=full_name,
        body="8BITMIME",
        notify="NEVER",
        ret="HDRS",
        envid="e",
        is_gateway=gateway,
        verp="-=",
    )
    octets = write(slip, NAME, size)
    again, length, said = read(octets + b"Subject: x\n\nbody\n", NAME)
    assert values(again) == values(slip)
    assert (length, said) == (len(octets), size)
    assert len(octets) == len(write(slip, NAME))


@pytest.mark.parametrize(
    "slip",
    [
        Slip("a\nrecipient b", ["c"]),
        Slip("a", ["c\x00"]),
        Slip("a", ["c\udcff"]),
        Slip("a", ["c"], full_name="x\r"),
        Slip("a", ["x"] * 50_001),
        Slip("a", ["x" * 5_000_000]),
    ],
)
def test_what_cannot_be_written(slip: Slip) -> None:
    with pytest.raises(SlipError):
        write(slip, NAME)


GOOD = write(Slip("a", ["b"]), NAME, 3).decode()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "it has no end"),
        (GOOD[:-1], "it has no end"),
        (GOOD.replace(NAME, "f" * 16), "not the slip of a message of this name"),
        (GOOD.replace("maildrop 1", "maildrop 2"), "not the slip of a message of this name"),
        (GOOD.replace("sender a", "sender a\nsender c"), "a line that cannot be there"),
        (GOOD.replace("sender a", "command rm"), "a line that cannot be there"),
        (GOOD.replace("size 0", "size x"), "does not say how long"),
        (GOOD.replace("size 0000", "size "), "does not say how long"),
        (GOOD.replace("recipient b", "recipient b\n" + "recipient c\n" * 50_000).rstrip() + "\n\n",
         "a line that cannot be there"),
    ],
)  # fmt: skip
def test_what_is_no_slip(text: str, why: str) -> None:
    with pytest.raises(SlipError, match=why):
        read(text.encode(), NAME)


def test_octets_that_are_no_text() -> None:
    with pytest.raises(SlipError, match="not UTF-8"):
        read(GOOD.replace("sender a", "sender \xff").encode("latin-1"), NAME)


@given(st.binary(max_size=200))
def test_noise_is_no_slip(noise: bytes) -> None:
    with pytest.raises(SlipError):
        read(noise, NAME)
