from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroad.model import Reply
from postroad.smtp.extensions import Extensions
from postroad.smtp.reply_parser import MAX_LINES, MAX_REPLY_LINE, MalformedReply, ReplyParser


def parsed(data: bytes) -> list[Reply]:
    parser = ReplyParser()
    parser.feed(data)
    replies = []
    while (reply := parser.next_reply()) is not None:
        replies.append(reply)
    return replies


@pytest.mark.parametrize(
    ("data", "reply"),
    [
        (b"250 2.1.0 Ok\r\n", Reply(250, "2.1.0", ("Ok",))),
        (b"250 Great success\r\n", Reply(250, "2.0.0", ("Great success",))),
        (b"250\r\n", Reply(250, "2.0.0", ("",))),
        (b"250 \r\n", Reply(250, "2.0.0", ("",))),
        (b"250 2.0.0\r\n", Reply(250, "2.0.0", ("",))),
        (b"250 Ok\n", Reply(250, "2.0.0", ("Ok",))),
        (b"354 Go\r\n", Reply(354, None, ("Go",))),
        (b"450 Busy\r\n", Reply(450, "4.0.0", ("Busy",))),
        (b"550 2.1.1 Odd\r\n", Reply(550, "5.0.0", ("2.1.1 Odd",))),
        (b"550 5.1.1000 Odd\r\n", Reply(550, "5.0.0", ("5.1.1000 Odd",))),
        (b"550-5.1.1 No\r\n550 5.1.1 such user\r\n", Reply(550, "5.1.1", ("No", "such user"))),
        (b"550-No\r\n550 5.1.1 such user\r\n", Reply(550, "5.1.1", ("No", "such user"))),
        (b"250-a\r\n250-b\r\n250 c\r\n", Reply(250, "2.0.0", ("a", "b", "c"))),
        (b"250-a\r\n550 5.7.1 b\r\n", Reply(550, "5.7.1", ("a", "b"))),
        (b"250-2.5.0 a\r\n550 b\r\n", Reply(550, "5.0.0", ("a", "b"))),
        ("250 é\r\n".encode(), Reply(250, "2.0.0", ("é",))),
        (b"250 \xff\x07x\r\n", Reply(250, "2.0.0", ("\ufffd?x",))),
    ],
)
def test_one_reply(data, reply):
    assert parsed(data) == [reply]
    parser = ReplyParser()
    for at in range(len(data) - 1):
        parser.feed(data[at : at + 1])
        assert parser.next_reply() is None
        assert not parser.is_empty
    parser.feed(data[-1:])
    assert parser.next_reply() == reply
    assert parser.is_empty


@given(cuts=st.lists(st.integers(0, 60), max_size=8))
def test_any_split_gives_the_same(cuts):
    data = b"250-a\r\n250 2.1.0 b\r\n354 Go\r\n550-5.1.1 x\r\n550 5.1.1 y\r\n"
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    parser, replies = ReplyParser(), []
    for a, b in pairwise(edges):
        parser.feed(data[a:b])
        while (reply := parser.next_reply()) is not None:
            replies.append(reply)
    assert replies == parsed(data)


@pytest.mark.parametrize(
    "data",
    [
        b"\r\n",
        b"hello\r\n",
        b"25\r\n",
        b"2500 x\r\n",
        b"250x\r\n",
        b"150 x\r\n",
        b"600 x\r\n",
        "²50 x\r\n".encode(),
        b"250 " + b"x" * MAX_REPLY_LINE + b"\r\n",
        b"x" * MAX_REPLY_LINE,
        b"250-x\r\n" * MAX_LINES,
    ],
)
def test_what_is_no_reply(data):
    with pytest.raises(MalformedReply):
        parsed(data)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([], Extensions()),
        (["pipelining", "8BitMime"], Extensions(pipelining=True, eight_bit_mime=True)),
        (["SIZE"], Extensions(size=0)),
        (["SIZE 52428800"], Extensions(size=52_428_800)),
        (["SIZE many"], Extensions(size=0)),
        (["SIZE ²"], Extensions(size=0)),
        (["STARTTLS", "SMTPUTF8"], Extensions(starttls=True, smtputf8=True)),
        (["ENHANCEDSTATUSCODES", ""], Extensions(enhanced_status_codes=True)),
        (["AUTH PLAIN login"], Extensions(mechanisms=frozenset({"PLAIN", "LOGIN"}))),
        (["AUTH PLAIN", "AUTH=LOGIN"], Extensions(mechanisms=frozenset({"PLAIN", "LOGIN"}))),
    ],
)
def test_extensions(lines, expected):
    assert Extensions.parse(lines) == expected
