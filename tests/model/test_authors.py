"""Addresses in From fields: as RFC 5322 writes them, as programs do, and as somebody who cheats."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroad.intake import UNREADABLE
from postroad.model import Address
from postroad.model.authors import MAX_AUTHORS, MAX_FROM, authors, from_fields

JOHN, JANE = "john@example.org", "jane@example.org"


def read(field: str) -> tuple[str, ...]:
    return authors([field.encode("utf-8", "surrogateescape")])


@pytest.mark.parametrize(
    ("field", "found"),
    [
        (" john@example.org\r", [JOHN]),
        ("John <john@example.org>", [JOHN]),
        ('"Doe, John" <john@example.org>', [JOHN]),
        ("John Q. Public <john@example.org>", [JOHN]),
        ("=?utf-8?q?J=C3=B6hn?= <john@example.org>", [JOHN]),
        ("Jöhn <john@example.org>", [JOHN]),
        ("<john@example.org>", [JOHN]),
        ("John\r\n <john@example.org>", [JOHN]),
        ("john@example.org, Jane <jane@example.org>", [JOHN, JANE]),
        ("john@example.org, john@example.org", [JOHN]),
        ("john@example.org,, , jane@example.org,", [JOHN, JANE]),
        ("john@example.org (Jane <jane@example.org>)", [JOHN]),
        ("(a (nested \\) comment) b) john(x)@(y)example(z).org", [JOHN]),
        ("john . doe @ example . org", ["john.doe@example.org"]),
        ('"john"@example.org', [JOHN]),
        ('"jo\\hn"@example.org', [JOHN]),
        ('"john doe"@example.org', ['"john doe"@example.org']),
        ("john@[192.0.2.1]", ["john@[192.0.2.1]"]),
        ("john@[IPv6:2001:db8::1]", ["john@[IPv6:2001:db8::1]"]),
        ("jürgen@exämple.org", ["jürgen@exämple.org"]),
        ("<@relay.example,@other.example:john@example.org>", [JOHN]),
        ("Us: john@example.org, Jane <jane@example.org>;", [JOHN, JANE]),
        ("Us: john@example.org;, jane@example.org", [JOHN, JANE]),
        ("Nobody:;", []),
        ("Nobody : (really) ;", []),
        # What is no address, whatever it looks like.
        ('"jane@example.org" <john@example.org>', [JOHN]),
        ("=?utf-8?q?jane=40example.org?= <john@example.org>", [JOHN]),
        ("=?utf-8?q?=3Cjane=40example.org=3E?= <john@example.org>", [JOHN]),
        # What many programs write or show, wrong as it is: it counts.
        ("john@example.org <john@example.org>", [JOHN]),
        ("jane@example.org <john@example.org>", [JANE, JOHN]),
        # An encoded word where an address stands is an address of nobody.
        ("=?utf-8?q?jane?=@example.org", ["=?utf-8?q?jane?=@example.org"]),
    ],
)
def test_what_can_be_read(field: str, found: list[str]) -> None:
    assert list(read(field)) == found


@pytest.mark.parametrize(
    "field",
    [
        "",
        "  \r\n ",
        "(only a comment)",
        "john",
        "John Doe",
        "john@",
        "@example.org",
        "john@@example.org",
        "john@example..org",
        ".john@example.org",
        "john.@example.org",
        "john@example.org jane",
        "john doe@example.org",
        "<john@example.org",
        "john@example.org>",
        "<<john@example.org>>",
        "<>",
        "John <john@example.org> Doe",
        "John <john@example.org> <jane@example.org>",
        "(open <john@example.org>",
        "john@example.org)",
        '"open <john@example.org>',
        "[john@example.org",
        "john@[192.0.2.1].org",
        "john@[192.0.2.999]",
        'john@"example.org"',
        "[192.0.2.1]@example.org",
        "<@relay.example john@example.org>",
        "john@example.org;",
        "Us: john@example.org",
        "Us: Them: john@example.org;;",
        ": john@example.org;",
        "john@example.org: jane@example.org;",
        "john\0@example.org",
        "jo\x1bhn@example.org",
        "john\\@example.org",
        "j" * 65 + "@example.org",
        "john@" + "a" * 300,
        "\udcff@example.org",
    ],
)
def test_what_cannot_be_read_is_marked(field: str) -> None:
    assert UNREADABLE in read(field)


def test_what_can_be_read_of_it_counts_nevertheless() -> None:
    assert read("john@example.org, jane@example.org, (") == (UNREADABLE,)
    assert read("john@example.org, jane@@example.org") == (JOHN, UNREADABLE)


def test_all_from_fields_count() -> None:
    section = (
        b"From: john@example.org\r\nX-From: eve@example.com\r\n"
        b"fROM \t: Jane\r\n\t<jane@example.org>\r\n"
        b"Subject: x\nFrom: bare@example.org\r\nReply-To: ann@example.org\r\n"
    )
    fields = from_fields(section)
    assert len(fields) == 3
    assert authors(fields) == (JOHN, JANE, "bare@example.org")


def test_no_from_field() -> None:
    assert from_fields(b"Subject: From: x\r\n from: y\r\nXFrom: z\r\n") == ()
    assert authors(()) == ()


def test_there_is_a_bound() -> None:
    many = ", ".join(f"u{number}@example.org" for number in range(MAX_AUTHORS))
    assert len(read(many)) == MAX_AUTHORS
    assert UNREADABLE not in read(many)
    assert UNREADABLE in read(f"{many}, one@example.org")


def test_what_is_far_too_long_is_not_read() -> None:
    section = b"From: john@example.org\r\n" * 2000
    assert from_fields(section[: MAX_FROM // 2]) != (b"",)
    assert authors(from_fields(section)) == (UNREADABLE,)


@pytest.mark.parametrize("octets", ["(", "()", '"', '""', "\\", "<", "a ", "a.", "a,", "@", "["])
def test_much_of_anything_is_read_once(octets: str) -> None:
    """No recursion, and nothing is looked at again and again."""
    assert UNREADABLE in read(octets * (MAX_FROM // len(octets)))


ATOM = st.text("abcdefghijklmnopqrstuvwxyz0123456789-_+='", min_size=1, max_size=10)
LOCAL = st.lists(ATOM, min_size=1, max_size=3).map(".".join) | st.text(
    'ab .,;:<>@()\\"[]', min_size=1, max_size=10
)
NAME = st.text("ab .,;:<>@()[]=?", max_size=15)
COMMENT = st.text('ab .,;:<>@[]"', max_size=10).map("({})".format) | st.just("")


@given(st.lists(st.tuples(LOCAL, NAME, COMMENT, st.booleans()), min_size=1, max_size=5))
def test_what_is_written_is_read(people: list[tuple[str, str, str, bool]]) -> None:
    written, expected = [], []
    for local, name, comment, bare in people:
        address = Address(local, "example.org")
        expected.append(str(address))
        one = f"{comment}{address}" if bare else f'"{name}"{comment} <{address}>{comment}'
        written.append(one)
    assert read(",\r\n ".join(written)) == tuple(dict.fromkeys(expected))


@given(st.binary(max_size=60) | st.text('a@.,:;<>()"\\[] \r\n', max_size=40).map(str.encode))
def test_whatever_comes_has_authors_or_a_mark(field: bytes) -> None:
    for author in authors([field]):
        assert author == UNREADABLE or Address.parse(author)
