from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroad.smtp.stuffing import BareLineEnd, Stuffer


def stuffed(*chunks: bytes) -> bytes:
    stuffer = Stuffer()
    return b"".join(stuffer.feed(chunk) for chunk in chunks) + stuffer.end()


@pytest.mark.parametrize(
    ("content", "sent"),
    [
        (b"", b".\r\n"),
        (b"a\r\n", b"a\r\n.\r\n"),
        (b"a", b"a\r\n.\r\n"),
        (b".", b"..\r\n.\r\n"),
        (b".\r\n.\r\n..\r\n", b"..\r\n..\r\n...\r\n.\r\n"),
        (b"a.b\r\n", b"a.b\r\n.\r\n"),
        (b"\r\n\r\n.", b"\r\n\r\n..\r\n.\r\n"),
    ],
)
def test_dots_are_doubled_at_line_starts(content, sent):
    assert stuffed(content) == sent
    octets = [content[at : at + 1] for at in range(len(content))]
    assert stuffed(*octets) == sent


lines = st.lists(st.text(alphabet=".ab ", max_size=4), max_size=8)


@given(lines=lines, cuts=st.lists(st.integers(0, 40), max_size=6))
def test_any_split_gives_the_same_and_unstuffing_gives_it_back(lines, cuts):
    content = "".join(f"{line}\r\n" for line in lines).encode()
    edges = [0, *sorted(min(cut, len(content)) for cut in cuts), len(content)]
    chunks = [content[a:b] for a, b in pairwise(edges)]
    sent = stuffed(*chunks)
    assert sent == stuffed(content)
    assert sent.endswith(b".\r\n")
    body = sent[:-3].split(b"\r\n")
    assert all(line != b"." for line in body)
    assert b"\r\n".join(line.removeprefix(b".") for line in body) == content


@pytest.mark.parametrize("content", [b"\n", b"\r", b"a\nb", b"a\rb", b"\r\r\n", b"\n\r", b"a\r"])
def test_bare_line_ends_are_refused(content):
    with pytest.raises(BareLineEnd):
        stuffed(content)
    with pytest.raises(BareLineEnd):
        stuffed(*[content[at : at + 1] for at in range(len(content))])
