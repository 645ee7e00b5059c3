"""No content makes any server believe that it ended early, however loosely that server reads.

The parsers below are servers that err: they take LF or CR alone for the end of a line, drop NULs,
or read lines as C does. Whatever goes out by DATA must end, for each of them, where it ends for
us or later; never before.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from postroad.smtp.stuffing import BareLineEnd, HiddenEnd, Stuffer, Unsendable


def by_crlf(octets: bytes) -> list[bytes]:
    return octets.split(b"\r\n")


def by_lf(octets: bytes) -> list[bytes]:
    return octets.split(b"\n")


def by_lf_with_or_without_cr(octets: bytes) -> list[bytes]:
    return [line.removesuffix(b"\r") for line in octets.split(b"\n")]


def by_lf_stripped(octets: bytes) -> list[bytes]:
    return [line.strip(b"\r") for line in octets.split(b"\n")]


def by_cr(octets: bytes) -> list[bytes]:
    return octets.split(b"\r")


def by_either(octets: bytes) -> list[bytes]:
    return octets.replace(b"\r", b"\n").split(b"\n")


def without_nuls(octets: bytes) -> list[bytes]:
    return by_crlf(octets.replace(b"\0", b""))


def loosely_without_nuls(octets: bytes) -> list[bytes]:
    return by_either(octets.replace(b"\0", b""))


def as_c_strings(octets: bytes) -> list[bytes]:
    return [line.partition(b"\0")[0] for line in by_lf_with_or_without_cr(octets)]


PARSERS: list[Callable[[bytes], list[bytes]]] = [
    by_crlf,
    by_lf,
    by_lf_with_or_without_cr,
    by_lf_stripped,
    by_cr,
    by_either,
    without_nuls,
    loosely_without_nuls,
    as_c_strings,
]


def lone_dots(parser: Callable[[bytes], list[bytes]], octets: bytes) -> int:
    """Lines that such a server takes for the end, among those whose own end was sent."""
    return parser(octets)[:-1].count(b".")


def sent(content: bytes, cuts: list[int]) -> bytes | None:
    """What goes out; `None` where it is refused."""
    edges = [0, *sorted(min(cut, len(content)) for cut in cuts), len(content)]
    try:
        return stuffed(*(content[a:b] for a, b in pairwise(edges)))
    except Unsendable:
        return None


def stuffed(*chunks: bytes) -> bytes:
    stuffer = Stuffer()
    return b"".join([stuffer.feed(chunk) for chunk in chunks]) + stuffer.end()


nasty = st.lists(
    st.sampled_from([b"\r\n", b"\r", b"\n", b".", b"\0", b"a", b"\x85", b"\xff", b" "]), max_size=14
).map(b"".join)


@given(content=nasty | st.binary(max_size=40), cuts=st.lists(st.integers(0, 40), max_size=5))
@example(content=b"a\r\n\0.\r\nMAIL FROM:<x@y>\r\n", cuts=[])
@example(content=b"a\r\n\0.\0\0\r\nMAIL FROM:<x@y>\r\n", cuts=[3, 4, 5])
def test_no_server_sees_an_end_before_the_end(content, cuts):
    out = sent(content, cuts)
    if out is None:
        return
    assert out.endswith(b".\r\n")
    for parser in PARSERS:
        ends = lone_dots(parser, b"\r\n" + out)
        assert ends <= 1, parser.__name__
        assert lone_dots(parser, b"\r\n" + out[:-3]) == 0, parser.__name__
    assert lone_dots(by_crlf, b"\r\n" + out) == 1


@given(content=nasty, cuts=st.lists(st.integers(0, 40), max_size=8))
def test_how_it_is_cut_changes_nothing(content, cuts):
    assert sent(content, cuts) == sent(content, [])


@given(st.lists(st.text(alphabet=".ab \0", max_size=5), max_size=6))
def test_what_is_not_refused_is_not_changed(lines):
    content = "".join(f"{line}\r\n" for line in lines).encode()
    out = sent(content, [])
    if out is None:
        assert any(line.strip("\0") == "." and line[0] == "\0" for line in lines)
        return
    body = out[:-3].split(b"\r\n")
    assert b"\r\n".join(line.removeprefix(b".") for line in body) == content


@pytest.mark.parametrize(
    "content",
    [
        b"a\n.\nb\r\n",
        b"a\r.\rb\r\n",
        b"a\n.\r\nb\r\n",
        b"a\r\n.\nb\r\n",
        b"a\r\n.\rb\r\n",
        b"a\r\r\n.\r\r\nb\r\n",
    ],
)
def test_each_known_sequence_is_refused(content):
    stuffer = Stuffer()
    with pytest.raises(BareLineEnd):
        stuffer.feed(content)


@pytest.mark.parametrize(
    "content",
    [
        b"\0.\r\n",
        b"\0.",
        b"\0\0.\0\0\r\n",
        b"a\r\n\0.\r\nb\r\n",
        b"\0\r\n\0.\r\n",
    ],
)
@pytest.mark.parametrize("size", [1, 2, 100])
def test_a_dot_that_nuls_hide_is_refused(content, size):
    with pytest.raises(HiddenEnd):
        stuffed(*(content[at : at + size] for at in range(0, len(content), size)))


@pytest.mark.parametrize(
    "content",
    [b"\0\r\n", b"a\0.\r\n", b".\0\r\n", b"\0..\r\n", b"\0.a\r\n", b"\0", b"x\r\n\0\r\n.\r\n"],
)
def test_other_nuls_go_out(content):
    assert sent(content, []) is not None
    assert sent(content, list(range(len(content)))) == sent(content, [])
