"""Transfer encodings, charsets, encoded words and parameters, good and bad."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroad.filters.builtin.decoding import decoded, in_charset, parameters, words_decoded


@pytest.mark.parametrize(
    ("octets", "encoding", "expected"),
    [
        (b"a=3Db=\r\nc", "quoted-printable", b"a=bc"),
        (b"SGVs\r\nbG8=", "base64", b"Hello"),
        (b"SGVsbG8", "base64", b"Hello"),  # cut off before its padding
        (b"SGVsb", "base64", b"Hel"),  # in the middle of an octet
        (b"SGV!sb*G8=\r\n-- \r\nfooter", "base64", b"Hello"),
        (b"=", "base64", b""),
        (b"plain", "7bit", b"plain"),
        (b"plain", "x-unknown", b"plain"),
        (b"broken =ZZ =", "quoted-printable", b"broken =ZZ "),
    ],
)
def test_transfer_encodings(octets: bytes, encoding: str, expected: bytes) -> None:
    assert decoded(octets, encoding, 1000) == expected


@pytest.mark.parametrize("encoding", ["base64", "quoted-printable", "8bit"])
def test_no_more_is_decoded_than_asked_for(encoding: str) -> None:
    assert len(decoded(base64.b64encode(b"x" * 9000), encoding, 100)) == 100


@pytest.mark.parametrize(
    ("octets", "charset", "expected"),
    [
        (b"caf\xe9", "ISO-8859-1", "café"),
        (b"caf\xe9", "", "café"),
        ("café".encode(), "", "café"),
        ("café".encode(), "no-such-charset", "café"),
        (b"\xcf\xf0\xe8\xe2\xe5\xf2", "windows-1251", "Привет"),
        ("日本語".encode("iso2022_jp"), "iso-2022-jp", "日本語"),
        ("文".encode("gb18030"), "gb2312", "文"),
        (b"caf\xe9", "utf-8", "caf\ufffd"),
        (b"abc", "idna", "abc"),  # codecs that are no charsets of mail are not used
        (b"abc-9df6h", "punycode", "abc-9df6h"),
        (b"deadbeef", "hex", "deadbeef"),
    ],
)
def test_charsets(octets: bytes, charset: str, expected: str) -> None:
    assert in_charset(octets, charset) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"plain", "plain"),
        (b"=?utf-8?B?Y2Fmw6k=?= au lait", "café au lait"),
        (b"=?iso-8859-1?q?caf=E9?= =?utf-8?q?_noir?=", "café noir"),  # RFC 2047 §6.2
        (b"=?utf-8*fr?q?caf=C3=A9?=", "café"),  # RFC 2231 §5
        (b"folded\r\n value", "folded value"),
        (b"=?x?b?", "=?x?b?"),
        (b"=?utf-8?B?!!!?=", ""),
    ],
)
def test_encoded_words(value: bytes, expected: str) -> None:
    assert words_decoded(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b'text/plain; charset="utf-8"; Name=a.txt', {"charset": "utf-8", "name": "a.txt"}),
        (b'x; name="a\\"b"', {"name": 'a"b'}),
        (b"x; name=one; name=two", {"name": "one"}),
        (b"x; filename*=utf-8''caf%C3%A9.exe", {"filename": "café.exe"}),
        (b'x; filename*0="a."; filename*1="exe"', {"filename": "a.exe"}),
        (b"x; filename*0*=iso-8859-1''caf%E9; filename*1=.exe", {"filename": "café.exe"}),
        (b'x; filename="=?utf-8?q?caf=C3=A9.exe?="', {"filename": "café.exe"}),
        (b'x; name="never closed', {"name": "never closed"}),
        (b";;;===", {}),
    ],
)
def test_parameters(value: bytes, expected: dict[str, str]) -> None:
    assert parameters(value) == expected


@given(st.binary(max_size=400), st.sampled_from(["base64", "quoted-printable", "", "x"]))
def test_nothing_raises(octets: bytes, encoding: str) -> None:
    assert len(decoded(octets, encoding, 100)) <= 100
    for charset in ("", "utf-7", "utf-16", "iso-2022-jp", "iso-2022-kr", "big5", "gb2312"):
        in_charset(octets, charset)
    words_decoded(b"=?" + octets + b"?=")
    parameters(b"a/b;" + octets)
