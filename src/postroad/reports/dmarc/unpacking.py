"""The XML in a file that may be a report: gzip, zip, or as it is. Pure.

A file's name and type are often wrong, so its first octets decide. What is unpacked comes in
pieces, none of which is kept here: how much there may be in all is for who reads them to say. An
archive is read from its beginning, entry by entry, and never by the list at its end, so its time
grows with its length, whatever that list says.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

from postroad.reports.arrival import Malformed

__all__ = ["looks_like_report", "unpacked"]

GZIP = b"\x1f\x8b"
ZIP = b"PK\x03\x04"

DEEPEST = 2
"""Files in files: some senders put a gzip file into a zip file."""

MOST_ENTRIES = 20
"""Entries of an archive that are looked at; a report has one, and folders may be before it."""

MOST_MEMBERS = 20
"""Gzip files behind one another, which are one (RFC 1952 §2.2)."""

MOST_INNER = 10_485_760
"""Octets of a packed file within another, and of all entries before the one that is wanted."""

_PIECE = 65_536  # octets unpacked at once
_FED = 16_384  # octets packed: what is left of them is copied for each piece
_LOCAL = struct.Struct("<4xxxHH4xIIIHH")  # APPNOTE 4.3.7
_ENCRYPTED, _LATER = 0x1, 0x8  # general purpose bits 0 and 3
_STORED, _DEFLATED = 0, 8
_GZIP_BITS, _RAW_BITS = 31, -15  # of zlib: with gzip's header, and without any
_APPLE = b"__MACOSX/"  # which stands beside the file

_SPACE = b" \t\r\n"
_BEGINNINGS = (b"<?xml", b"<feedback", b"<!--")
_MARKS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")


def looks_like_report(octets: bytes) -> bool:
    """Whether a file may be a report, by its beginning."""
    if octets.startswith((GZIP, ZIP)):
        return True
    head = octets[:1_000]
    for mark in _MARKS:
        head = head.removeprefix(mark)
    plain = head.replace(b"\0", b"").lstrip(_SPACE).lower()  # UTF-16 has every other octet so
    return plain.startswith(_BEGINNINGS) or (plain[:1] == b"<" and b":feedback" in plain[:100])


def unpacked(octets: bytes, depth: int = 0) -> Iterator[bytes]:
    """What is in a file, in pieces of bounded length; the file itself where it is not packed.

    Args:
        octets: the file.
        depth: in how many files it was.

    Raises:
        Malformed: while pieces are taken: it is damaged, or packed in a way that nobody expects.
    """
    pieces = _gzip(octets) if octets.startswith(GZIP) else None
    if octets.startswith(ZIP):
        pieces = _zip(octets)
    if pieces is None:
        yield octets
        return
    first = next(pieces, b"")
    if not first.startswith((GZIP, ZIP)):
        yield first
        yield from pieces
        return
    if depth + 1 >= DEEPEST:
        raise Malformed("it is packed in files within files")
    yield from unpacked(_inner(first, pieces), depth + 1)


def _inner(first: bytes, pieces: Iterator[bytes]) -> bytes:
    """A file within a file, which is held whole."""
    found, size = [first], len(first)
    for piece in pieces:
        found.append(piece)
        size += len(piece)
        if size > MOST_INNER:
            raise Malformed("a packed file within a packed file is too long")
    return b"".join(found)


class _Inflating:
    """One stream of packed octets, and where it ended."""

    def __init__(self, wbits: int, octets: bytes, at: int) -> None:
        self._unpacking = zlib.decompressobj(wbits=wbits)
        self._octets = octets
        self.end = at
        self.checksum = 0
        self.is_complete = False

    def __iter__(self) -> Iterator[bytes]:
        unpacking, octets = self._unpacking, self._octets
        try:
            while self.end < len(octets) and not unpacking.eof:
                given = octets[self.end : self.end + _FED]
                self.end += len(given)
                while given and not unpacking.eof:
                    piece = unpacking.decompress(given, _PIECE)
                    given = unpacking.unconsumed_tail
                    if piece:
                        self.checksum = zlib.crc32(piece, self.checksum)
                        yield piece
        except zlib.error:
            raise Malformed("the packed file is damaged") from None
        self.end -= len(unpacking.unused_data)
        self.is_complete = unpacking.eof


def _gzip(octets: bytes) -> Iterator[bytes]:
    """What is in all its members; what follows them is nobody's.

    One without its end is as long as it is: whether something is missing is seen by the XML in it.
    """
    at = 0
    for _ in range(MOST_MEMBERS):
        inflating = _Inflating(_GZIP_BITS, octets, at)
        yield from inflating
        at = inflating.end
        if not inflating.is_complete or not octets.startswith(GZIP, at):
            return
    raise Malformed("it has too many gzip files behind one another")


def _zip(octets: bytes) -> Iterator[bytes]:
    """What is in the first entry that is a file."""
    at, passed_over = 0, 0
    for _ in range(MOST_ENTRIES):
        if not octets.startswith(ZIP, at) or at + 30 > len(octets):
            break
        flags, method, checksum, size, _, name_size, extra = _local(octets, at)
        begin = at + 30 + name_size + extra
        name = octets[at + 30 : at + 30 + name_size]
        is_wanted = not name.endswith(b"/") and not name.startswith(_APPLE)
        if flags & _ENCRYPTED:
            raise Malformed("the zip file is encrypted")
        if method == _STORED and not flags & _LATER:
            if is_wanted:
                yield from _pieces(octets, begin, size)
                return
            at = begin + size
            continue
        if method != _DEFLATED:
            raise Malformed("the zip file is packed in a way that nobody expects")
        inflating = _Inflating(_RAW_BITS, octets, begin)
        if is_wanted:
            yield from inflating
            _check(inflating, octets, checksum, flags)
            return
        for piece in inflating:  # where it ends is known only then
            passed_over += len(piece)
            if passed_over > MOST_INNER:
                raise Malformed("the zip file has too much in it")
        at = octets.find(ZIP, inflating.end)
    raise Malformed("the zip file has no file in it")


def _local(octets: bytes, at: int) -> tuple[int, int, int, int, int, int, int]:
    """Flags, method, checksum, both sizes, and the lengths of name and extra field."""
    flags, method, checksum, packed, size, name, extra = _LOCAL.unpack_from(octets, at)
    return flags, method, checksum, packed, size, name, extra


def _pieces(octets: bytes, begin: int, size: int) -> Iterator[bytes]:
    for at in range(begin, min(begin + size, len(octets)), _PIECE):
        yield octets[at : min(at + _PIECE, begin + size)]


def _check(inflating: _Inflating, octets: bytes, checksum: int, flags: int) -> None:
    """Compare with the checksum, which may stand behind the file (APPNOTE 4.3.9)."""
    if flags & _LATER:
        at = inflating.end + (4 if octets.startswith(b"PK\x07\x08", inflating.end) else 0)
        checksum = int.from_bytes(octets[at : at + 4], "little")
    if inflating.is_complete and checksum != inflating.checksum:
        raise Malformed("the packed file is damaged")
