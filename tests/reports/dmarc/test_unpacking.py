"""Packed files: as they should be, misnamed, damaged, and made to harm."""

from __future__ import annotations

import bz2
import gzip
import io
import struct
import zipfile
import zlib
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dmarc_feedback import xml, zipped
from postroad.reports.arrival import Malformed
from postroad.reports.dmarc import unpacking
from postroad.reports.dmarc.unpacking import looks_like_report, unpacked

XML = xml().encode()


def named(value: object) -> str:
    """A file is different each time it is packed, and a name of a test must not be."""
    return value if isinstance(value, str) else "octets"


def read(octets: bytes) -> bytes:
    return b"".join(unpacked(octets))


def stored() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("folder/", b"")
        archive.writestr("__MACOSX/._r.xml", b"Apple's")
        archive.writestr("r.xml", XML)
    return file.getvalue()


def streamed() -> bytes:
    """As who cannot seek writes it: sizes and checksum stand behind the file."""

    class OneWay(io.RawIOBase):
        def __init__(self) -> None:
            self.octets = b""

        def writable(self) -> bool:
            return True

        def write(self, octets) -> int:
            self.octets += bytes(octets)
            return len(octets)

    file = OneWay()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("__MACOSX/._r.xml", b"Apple's" * 100)
        archive.writestr("r.xml", XML)
    return file.octets


@pytest.mark.parametrize(
    "octets",
    [
        XML,
        gzip.compress(XML),
        gzip.compress(XML) + b"what follows",
        gzip.compress(XML[:100]) + gzip.compress(XML[100:]),
        gzip.compress(XML)[:-8],
        zipped(XML),
        zipped(XML, before=(("reports/", b""), ("__MACOSX/._r.xml", b"x" * 999))),
        stored(),
        streamed(),
        zipped(gzip.compress(XML)),
        gzip.compress(zipped(XML)),
        zipped(XML)[:-30],
    ],
    ids=named,
)
def test_what_is_in_it(octets: bytes) -> None:
    assert looks_like_report(octets)
    assert read(octets) == XML


def encrypted() -> bytes:
    octets = bytearray(zipped(XML))
    octets[6] |= 1
    return bytes(octets)


def other_method() -> bytes:
    octets = bytearray(zipped(XML))
    octets[8:10] = struct.pack("<H", 93)
    return bytes(octets)


def wrong_checksum(octets: bytes) -> bytes:
    return octets.replace(struct.pack("<I", zlib.crc32(XML)), b"\1\2\3\4", 1)


@pytest.mark.parametrize(
    ("octets", "words"),
    [
        (gzip.compress(XML)[:50] + b"\xff" * 50, "damaged"),
        (wrong_checksum(gzip.compress(XML)), "damaged"),
        (wrong_checksum(zipped(XML)), "damaged"),
        (wrong_checksum(streamed()), "damaged"),
        (zipped(XML)[:60] + b"\xff" * 60, "damaged"),
        (encrypted(), "encrypted"),
        (other_method(), "nobody expects"),
        (zipped(b"", "folder/"), "no file"),
        (b"PK\3\4", "no file"),
        (zipped(gzip.compress(zipped(XML))), "files within files"),
        (gzip.compress(gzip.compress(gzip.compress(XML))), "files within files"),
        (b"".join(gzip.compress(b"x") for _ in range(100)), "too many"),
        (zipped(XML, before=[(f"{n}/", b"") for n in range(100)]), "no file"),
        (zipped(XML, before=(("__MACOSX/bomb", b"\0" * 30_000_000),)), "too much"),
        (zipped(gzip.compress(b"") + b"\0" * 30_000_000), "too long"),
    ],
    ids=named,
)
def test_what_is_not_unpacked(octets: bytes, words: str) -> None:
    with pytest.raises(Malformed, match=words):
        read(octets)


def test_an_entry_that_nobody_wants_is_unpacked_no_further_than_its_bound(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    unpacked_octets = 0
    iterate = unpacking._Inflating.__iter__

    def counted(inflating: object) -> Iterator[bytes]:
        nonlocal unpacked_octets
        for piece in iterate(inflating):  # type: ignore[arg-type]
            unpacked_octets += len(piece)
            yield piece

    monkeypatch.setattr(unpacking._Inflating, "__iter__", counted)
    monkeypatch.setattr(unpacking, "MOST_INNER", 100_000)
    with pytest.raises(Malformed, match="too much in it"):
        read(zipped(XML, before=(("__MACOSX/._r.xml", b"\0" * 1_000_000),)))
    assert unpacked_octets <= 200_000
    several = tuple((f"__MACOSX/{at}", b"\0" * 40_000) for at in range(3))
    with pytest.raises(Malformed, match="too much in it"):
        read(zipped(XML, before=several))


def test_a_bomb_comes_in_small_pieces() -> None:
    pieces = unpacked(gzip.compress(b"<feedback>" + b" " * 50_000_000))
    first = [len(next(pieces)) for _ in range(20)]
    assert max(first) <= 65_536


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"Hello\r\n",
        b"<html><body>a report</body></html>",
        b"{}",
        b"%PDF-1.7",
        bz2.compress(XML),
    ],
    ids=named,
)
def test_what_is_no_report_at_first_sight(octets: bytes) -> None:
    assert not looks_like_report(octets)


@pytest.mark.parametrize(
    "octets",
    [
        XML,
        b"\xef\xbb\xbf" + XML,
        b"\r\n <?XML version='1.0'?>",
        b"<!-- made by hand --><feedback>",
        b"<d:feedback xmlns:d='urn:ietf:params:xml:ns:dmarc-2.0'>",
        xml().encode("utf-16"),
        xml().encode("utf-16-be"),
    ],
    ids=named,
)
def test_what_may_be_a_report(octets: bytes) -> None:
    assert looks_like_report(octets)


@given(
    st.sampled_from([gzip.compress(XML), zipped(XML), stored(), streamed()]),
    st.integers(0, 700),
    st.binary(max_size=8),
    st.integers(0, 40),
)
def test_whatever_became_of_a_file(octets: bytes, at: int, put: bytes, cut: int) -> None:
    try:
        found = read(octets[:at] + put + octets[at + cut :])
    except Malformed:
        return
    assert len(found) <= len(octets) * 1_100
