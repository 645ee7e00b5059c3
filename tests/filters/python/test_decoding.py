"""What programs are given to read of what strangers wrote."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroad.filters.python.decoding import DECODED, decoded, readable
from postroad.model.fields import Field, Fields


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("hello", "hello"),
        ("=?utf-8?q?gr=C3=BC=C3=9Fe?=", "grüße"),
        ("a =?ISO-8859-1?Q?=FC_b?= c", "a ü b c"),
        ("=?utf-8*de?b?w7w=?= =?utf-8?b?w7w=?=", "üü"),
        ("=?utf-8?b?wwo=?=", "\ufffd"),
        ("=?utf-8?b?ww==?=\r\n =?utf-8?b?vA==?=", "ü"),
        ("=?utf-8?q?a?= b =?latin1?q?c?= =?utf-8?q?d?=", "a b cd"),
        ("=?utf-8?b?A?=", "=?utf-8?b?A?="),
        ("=?utf-8?q?hello=0A?=", "hello"),
        ("=?utf-8?q?a=0D=0Ab=00c?=", "a  b c"),
        ("hello\x0bworld\x00", "hello world"),
        ("=?utf-7?q?+2AA-?=", "\ufffd"),
        *[
            (f"=?{charset}?q?zz-9?=", f"=?{charset}?q?zz-9?=")
            for charset in ("x-unknown", "idna", "punycode", "undefined", "unicode_escape", "zlib")
        ],
        ("=?utf-8?q?a?= =?x-unknown?q?b?=", "a=?x-unknown?q?b?="),
    ],
)
def test_a_value_is_one_line(value: str, text: str) -> None:
    assert decoded(Field(f"Subject: {value}\r\n".encode())) == text


@given(st.binary(max_size=300))
def test_no_value_is_an_error(value: bytes) -> None:
    for octets in (value, b"=?utf-8?q?" + value + b"?=", b"=?" + value + b"?b?YQ==?="):
        text = decoded(Field(b"Subject: " + octets + b"\r\n"))
        assert not set(text) & set("\r\n\0\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029")


def test_a_field_that_is_too_long_stays_as_it_stands() -> None:
    value = "=?utf-8?q?a?= " * (DECODED // 14 + 1)

    assert decoded(Field(f"Subject: {value}\r\n".encode())) == value.strip()


PARTS = (
    b"--b\r\nContent-Type: text/html\r\n\r\n<p>html</p>\r\n"
    b"--b\r\nContent-Type: multipart/alternative; boundary=c\r\n\r\n"
    b"--c\r\nContent-Type: text/plain; charset=latin1\r\n"
    b"Content-Transfer-Encoding: quoted-printable\r\n\r\ngr=FC=DFe\r\n--c--\r\n"
    b"--b--\r\n"
)


@pytest.mark.parametrize(
    ("header", "body", "text"),
    [
        (b"", b"plain", "plain"),
        (b"Content-Type: text/html\r\n", b"<p>", "<p>"),
        (b"Content-Type: image/png\r\n", b"x", ""),
        (b'Content-Type: multipart/mixed; boundary="b"\r\n', b"preamble\r\n" + PARTS, "grüße"),
        (b"Content-Type: multipart/mixed; boundary=\r\n", b"x", ""),
        (b"Content-Disposition: attachment\r\n", b"x", ""),
        (b"Content-Transfer-Encoding: Base64\r\n", b"dGV4\r\ndA", "text"),
        (b"Content-Transfer-Encoding: base64\r\n", b"dGV4dHRl\r\nd", "textte"),
        (b'Content-Type: text/plain; charset="a\0b"\r\n', b"abc", "abc"),
        (b"Content-Type: text/plain; charset=idna\r\n", b"xn--\xff.a", "xn--\ufffd.a"),
        (b"Content-Type: text/plain; charset=undefined\r\n", b"abc", "abc"),
        (b"Content-Type: text/plain; charset*=utf-8''%\r\n", b"abc", "abc"),
        (b"Content-Type: text/plain; charset*1*=a\r\n", b"abc", "abc"),
        (b"Content-Type: text/plain; a*\r\n", b"abc", "abc"),
        (b"Content-Type: ;\r\n", b"abc", "abc"),
        (b"Content-Type: text/html; x=" + b"x" * 5000 + b"\r\n", b"abc", "abc"),
    ],
)
def test_the_text(header: bytes, body: bytes, text: str) -> None:
    assert readable(Fields.of(header), body) == text


def nested(depth: int) -> bytes:
    """Multiparts within each other, with many lines in the middle."""
    heads = [
        b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n)
        for n in range(depth)
    ]
    return b"".join(heads) + b"\r\n" + b"\r\n" * 200_000


@pytest.mark.parametrize(
    ("header", "body", "text"),
    [
        (b"text/plain; " + b"; ".join(b"a%d=b" % n for n in range(13_000)), b"x", "x"),
        (b"multipart/mixed; boundary=a", b"--a\r\nContent-Type: " + b"a;" * 300_000, ""),
        (b"multipart/mixed; boundary=a", b"\r\n--a" * 150_000, ""),
        (b"multipart/mixed; boundary=b0", nested(400).partition(b"\r\n\r\n")[2], ""),
        (b"text/plain; charset=punycode", b"z-" + b"9" * 1_000_000, "z-" + "9" * 1_000_000),
    ],
    ids=["parameters", "parameters of a part", "parts", "depth", "charset"],
)
def test_what_would_take_the_library_minutes(header: bytes, body: bytes, text: str) -> None:
    assert readable(Fields.of(b"Content-Type: " + header + b"\r\n"), body) == text


@given(st.binary(max_size=200), st.binary(max_size=300))
def test_no_message_is_an_error(value: bytes, body: bytes) -> None:
    value = value.replace(b"\r\n", b"")
    for header in (b"Content-Type: text/plain;", b"Content-Type: multipart/x; boundary=a;"):
        fields = Fields.of(header + value + b"\r\n")
        assert isinstance(readable(fields, b"--a\r\n" + body), str)
