"""What a message is judged and learned by."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroad.filters.builtin.bayes.tokens import (
    MOST_TOKENS,
    MOST_WORD,
    Kind,
    Tokens,
    kind_of,
    tokens_of,
)
from postroad.filters.builtin.reading import message_of, read


def tokens(octets: bytes) -> Tokens:
    return tokens_of(read(*message_of(octets)))


HTML = b"Content-Type: text/html\n\n"


@pytest.mark.parametrize(
    ("octets", "wanted", "unwanted"),
    [
        (b"Subject: Cheap PILLS\n\nx", {"n:subject", "s:cheap", "s:pills", "s:^pills"}, {"pills"}),
        (b"Subject: BUY NOW\n\n", {"s:*upper", "s:buy"}, set()),
        (b"Subject: =?utf-8?q?caf=C3=A9?=\n\n", {"s:café"}, {"s:utf-8"}),
        (b"From: Ann <ann@shop.example>\n\n", {"f:ann", "f:shop.example"}, set()),
        (b"X-Mailer: The Bat! (v1.52f)\n\n", {"m:the", "m:bat!", "m:v1.52f"}, set()),
        (
            b"\nDon't pay $99.95 at 10:30 or 2002",
            {"don't", "$99.95"},
            {"2002", "10:30", "30", "at"},
        ),
        (b"\nLOUD and Quiet", {"loud", "^loud", "quiet"}, {"^quiet", "LOUD"}),
        (b"\n" + b"x" * (MOST_WORD + 1), set(), {"x" * (MOST_WORD + 1)}),
        ("\n日本語".encode(), {"日本", "本語"}, set()),
        (
            HTML + b'<a href="http://www.bad.shop.example/cheap/pills.php">x</a>',
            {"u:bad.shop.example", "u:shop.example", "q:pills.php", "q:cheap", "h:a"},
            {"u:example", "cheap"},
        ),
        (HTML + b'<a href="http://192.0.2.7/x">y</a>', {"u:*ip", "u:192.0.2.7"}, set()),
        (HTML + b'<img src="http://t.example/o.gif">', {"u:*img", "u:t.example"}, set()),
        (HTML + b"V<b></b>iagra", {"viagra", "p:text/html"}, {"iagra"}),
        (
            b'Content-Type: application/x; name="a.SCR"\nContent-Transfer-Encoding: base64\n\nAAAA',
            {"p:application/x", "p:.scr", "p:base64"},
            {"aaaa"},
        ),
    ],
)
def test_tokens(octets: bytes, wanted: set[str], unwanted: set[str]) -> None:
    found = set(tokens(octets))
    assert wanted <= found
    assert not unwanted & found


@pytest.mark.parametrize(
    "field",
    [
        b"Received: from a by b; Tue, 14 Nov 2023 22:13:20 +0000",
        b"Return-Path: <a@example.org>",
        b"Delivered-To: b@example.org",
        b"Authentication-Results: mx; spf=pass",
        b"Received-SPF: pass",
        b"X-Spam-Status: Yes, score=9 required=5\n\ttests=X",
        b"X-Spam-Flag: YES",
        b"ARC-Seal: i=1",
        b"X-Virus-Scanned: clamav",
        b"Date: Tue, 14 Nov 2023 22:13:20 +0000",
        b"Status: RO",
    ],
)
def test_what_is_written_on_the_way_makes_none(field: bytes) -> None:
    message = b"Subject: a letter\n\nwords of it\n"
    assert tokens(field + b"\n" + message) == tokens(message)


def test_tokens_tell_how_a_message_is_made_or_what_it_says() -> None:
    found = tokens(
        b"Subject: BUY NOW\nX-Mailer: Bulk\nList-Id: <l.example>\n"
        b"Content-Type: text/html; charset=utf-8\n\n"
        b'<p>^hat n:t LOUD quiet <a href="http://192.0.2.1/"><img src="http://x.example/y.png"></a>'
    )
    making = {each for each in found if kind_of(each) is Kind.MAKING}
    assert making >= {"s:*upper", "n:subject", "m:bulk", "c:text/html", "p:utf-8", "h:p", "u:*ip"}
    assert {each for each in found if kind_of(each) is Kind.CAPITALS} == {
        "s:^buy",
        "s:^now",
        "^loud",
    }
    words = {each for each in found if kind_of(each) is Kind.WORD}
    assert words >= {"s:buy", "l:l.example", "loud", "quiet", "hat", "u:192.0.2.1", "u:x.example"}


def test_there_is_a_bound_and_the_header_comes_first() -> None:
    words = b" ".join(b"word%dx" % at for at in range(10 * MOST_TOKENS))
    found = tokens(b"Subject: tell\n\n" + words)
    assert len(found) == MOST_TOKENS == len(set(found))
    assert "s:tell" in found


@given(st.binary(max_size=300), st.text(max_size=100))
def test_nothing_raises_and_none_comes_twice(octets: bytes, text: str) -> None:
    for message in (octets, text.encode(), b"Subject: " + octets, HTML + text.encode()):
        found = tokens(message)
        assert len(found) == len(set(found))
        assert found == tokens(message)
