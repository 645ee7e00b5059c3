"""What HTML shows, and where it leads."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroad.filters.builtin.hypertext import MOST_LINKS, Link, read_html


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("<p>one<p>two", "one two"),
        ("V<!-- nothing -->ia<b></b>gra", "Viagra"),
        ("a<br>b", "a b"),
        ("x &amp; y&#33;", "x & y!"),
        ("<style>p {color: red}</style>seen", "seen"),
        ("<script>if (a<b) {}</script>seen", "seen"),
        ("<head><title>no</title><body>seen", "seen"),
        ("3 < 4 and 5 > 4", "3 < 4 and 5 > 4"),
        ("before <!-- never closed", "before"),
        ("before <a never closed", "before"),
        ("<?xml version='1'?>seen", "seen"),
        ("a&#99999999999;b", "a\ufffdb"),
        ("a&#" + "9" * 5000 + ";b", "a\ufffdb"),
    ],
)
def test_what_is_seen(source: str, shown: str) -> None:
    assert " ".join(read_html(source).text.split()) == shown


@pytest.mark.parametrize(
    ("source", "links"),
    [
        (
            '<a class=x href="http://bad.example/">http://good.example</a>',
            (Link("a", "http://bad.example/", "http://good.example"),),
        ),
        (
            "<A HREF=http://x.example/a?b&amp;c>here</A>",
            (Link("a", "http://x.example/a?b&c", "here"),),
        ),
        ("<a href='one'>a <b>bold</b>", (Link("a", "one", "a bold"),)),
        ("<a href=one>a<a href=two>b", (Link("a", "one", "a"), Link("a", "two", "b"))),
        ('<img alt="x" src="cid:1"><form action=go>', (Link("img", "cid:1"), Link("form", "go"))),
        ("<a name=top>no link</a>", ()),
        ("<img/src='x'>", (Link("img", "x"),)),
    ],
)
def test_links(source: str, links: tuple[Link, ...]) -> None:
    assert read_html(source).links == links


def test_links_have_a_bound() -> None:
    assert len(read_html("<a href=x>y</a>" * 1000).links) <= MOST_LINKS


@given(st.text(alphabet="<>!-/?&;#a b'\"=", max_size=200))
def test_nothing_raises(source: str) -> None:
    read_html(source)
    read_html(f"<a href={source}>{source}</a>{source}")
