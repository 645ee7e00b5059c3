"""Messages taken apart: what mail programs write, and what nobody would but to do harm."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroad.filters.builtin.mime import MOST_PARTS
from postroad.filters.builtin.reading import MOST_BODY, MOST_TEXT, Reading, message_of, read

HEADER = b"From: a@example.org\nSubject: x\nMIME-Version: 1.0\n"
MIXED = HEADER + b'Content-Type: multipart/mixed; boundary="b"\n\n'


def reading(octets: bytes) -> Reading:
    return read(*message_of(octets))


def types(octets: bytes) -> list[str]:
    return [each.type for each in reading(octets).parts]


def test_a_plain_message() -> None:
    found = reading(HEADER + b"\nSee http://example.net/a, and www.example.com.\n")
    assert found.plain == "See http://example.net/a, and www.example.com.\r\n"
    assert [each.target for each in found.links] == ["http://example.net/a", "www.example.com"]
    assert [each.type for each in found.parts] == ["text/plain"]
    assert not found.is_cut


def test_alternatives_and_an_attachment() -> None:
    found = reading(
        MIXED
        + b"preamble\n--b\nContent-Type: multipart/alternative; boundary=in\n\n"
        + b"--in\n\nplain\n--in\nContent-Type: text/html; charset=utf-8\n"
        + b"Content-Transfer-Encoding: quoted-printable\n\n<p>caf=C3=A9 <a href=3Dhttp://x.example>"
        + b"x</a>\n--in--\nepilogue\n--b\nContent-Type: application/octet-stream; name=x\n"
        + b"Content-Disposition: attachment; filename*=utf-8''a%2Eexe\n"
        + b"Content-Transfer-Encoding: base64\n\n"
        + base64.b64encode(b"MZ" + b"\0" * 90)
        + b"\n--b--\nnothing\n"
    )
    assert [(each.type, each.depth) for each in found.parts] == [
        ("text/plain", 2),
        ("text/html", 2),
        ("application/octet-stream", 1),
    ]
    assert found.containers == ("multipart/mixed", "multipart/alternative")
    assert found.plain == "plain"
    assert found.seen.split() == ["café", "x"]
    last = found.parts[-1]
    assert (last.name, last.is_attached, last.begin[:2], last.text) == ("a.exe", True, b"MZ", "")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"--b\n\none\n--b\n\ntwo\n--b--\n", ["text/plain"] * 2),
        (b"--b\n\none\n--b\n\nnever closed", ["text/plain"] * 2),
        (b"--b  \n\none\n--b-- \n", ["text/plain"]),  # blanks behind it (RFC 2046 §5.1.1)
        (b"--b\nContent-Type: image/png\n\n1\n--bc\n2\n--b--\n", ["image/png"]),
        (b"--b\nContent-Type: message/rfc822\n\nSubject: in\n\ntext\n--b--\n", ["text/plain"]),
        (b"--b\nContent-Type: nonsense\n\nx\n--b--", ["text/plain"]),
        (b"--b\nX: y", ["text/plain"]),
        (b"no delimiter at all\n", []),
        (b"", []),
    ],
)
def test_delimiters(body: bytes, expected: list[str]) -> None:
    assert types(MIXED + body) == expected


def test_an_outer_delimiter_ends_what_is_in_it() -> None:
    body = (
        b"--b\nContent-Type: multipart/mixed; boundary=c\n\n--c\n\nin\n"
        b"--b\nContent-Type: text/html\n\n<p>out\n--b--\n"
    )
    found = reading(MIXED + body)
    assert (found.plain, found.seen.strip()) == ("in", "out")


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_line_ends(end: bytes) -> None:
    octets = (MIXED + b"--b\n\none\n--b\nContent-Type: text/html\n\n<p>two\n--b--\n").replace(
        b"\n", end
    )
    assert (reading(octets).plain, reading(octets).seen.strip()) == ("one", "two")


@pytest.mark.parametrize(
    ("octets", "fields", "body"),
    [
        (b"", 0, b""),
        (b"\nbody\n", 0, b"body\r\n"),
        (b"Subject: x", 1, b""),
        (b"Subject: x\n", 1, b""),
        (b"From ann@example.org Tue Nov 14 22:13:20 2023\nSubject: x\n\nbody", 1, b"body"),
        (b"Subject: a\r\n b\rX: c\n\ny", 2, b"y"),
    ],
)
def test_messages_in_files(octets: bytes, fields: int, body: bytes) -> None:
    found, rest = message_of(octets)
    assert (len(found), rest) == (fields, body)


def nested(depth: int) -> bytes:
    parts = [
        b"--%d\nContent-Type: multipart/mixed; boundary=%d\n\n" % (at, at + 1)
        for at in range(depth)
    ]
    return HEADER + b"Content-Type: multipart/mixed; boundary=0\n\n" + b"".join(parts)


HOSTILE = {
    "parts": MIXED + b"--b\n\nx\n" * 100_000,
    "depth": nested(20_000),
    "messages": MIXED + b"--b\nContent-Type: message/rfc822\n\n" * 20_000,
    "near delimiters": MIXED + b"--bx\n" * 100_000,
    "hyphens": MIXED + b"--" * 250_000,
    "blank lines": MIXED + b"\n" * 500_000,
    "header in a part": MIXED + b"--b\n" + b"X: y\n" * 100_000,
    "parameters": HEADER + b"Content-Type: text/html" + b'; a="' * 100_000 + b"\n\nx",
    "encoded words": b"Subject: " + b"=?utf-8?q?" * 50_000 + b"\n\nx",
    "tags": HEADER + b"Content-Type: text/html\n\n" + b"<a" * 250_000,
    "comments": HEADER + b"Content-Type: text/html\n\n" + b"<!--" * 125_000,
    "links": HEADER + b"Content-Type: text/html\n\n" + b"<a href=" * 60_000,
    "references": HEADER + b"Content-Type: text/html\n\n" + b"&#" * 250_000,
    "digits": HEADER + b"Content-Type: text/html\n\n&#" + b"9" * 500_000,
    "addresses": HEADER + b"\n" + b"http://" * 70_000,
    "quoted": HEADER + b"Content-Transfer-Encoding: quoted-printable\n\n" + b"=" * 500_000,
    "shifts": HEADER + b"Content-Type: text/plain; charset=utf-7\n\n" + b"+" * 500_000,
    "escapes": HEADER + b"Content-Type: text/plain; charset=iso-2022-jp\n\n" + b"\x1b$B" * 160_000,
    "one line": HEADER + b"\n" + b"x" * 500_000,
    "no header": b"x" * 2_000_000,
    "fields": b"X: y\n" * 200_000 + b"\nx",
    "folds": b"X: y\n" + b" \n" * 200_000 + b"\nx",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_built_to_be_expensive(name: str) -> None:
    # Quadratic ways through half a megabyte would take minutes.
    found = reading(HOSTILE[name])
    assert len(found.parts) <= MOST_PARTS
    assert sum(len(each.text) for each in found.parts) <= MOST_TEXT
    assert len(found.plain) <= MOST_TEXT + MOST_PARTS


def test_more_than_is_looked_at_is_said() -> None:
    assert reading(HEADER + b"\n" + b"x" * (MOST_BODY + 1)).is_cut
    assert reading(MIXED + b"--b\n\nx\n" * (MOST_PARTS + 2)).is_beyond
    assert not reading(MIXED + b"--b\n\nx\n" * 3).is_beyond


@given(
    st.lists(
        st.sampled_from(
            [
                *(b"--b", b"--c", b"--b--", b"--c--", b"\n", b"\r\n", b"Content-Type: "),
                *(b"multipart/mixed; boundary=c", b"message/rfc822", b"text/html", b"<a href=x>"),
            ]
        ),
        max_size=60,
    )
)
def test_any_structure_is_read(pieces: list[bytes]) -> None:
    found = reading(MIXED + b"".join(pieces))
    assert len(found.parts) <= MOST_PARTS


@given(st.binary(max_size=300))
def test_any_octets_are_read(octets: bytes) -> None:
    reading(octets)
    reading(MIXED + octets)
    reading(HEADER + b"Content-Type: text/html\n\n" + octets)
