"""The keys and values of a Berkeley DB hash file, read without the library.

Old mail servers keep accounts in such files (`sasldb2`), and a library for them would have to be
compiled by whoever installs this server. Reading needs no more than the layout of pages, which has
been the same since version 4.2: a page of metadata first, then pages of pairs, and chains of pages
for what does not fit into one. (Berkeley DB's `dbinc/db_page.h`.)

All pages are gone through in order, so no hash function is needed. A file that is damaged or
changed while it is read is refused, never half read. Files with checksums or encryption, and sets
of values under one key, are none that mail servers make.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["MAX_FILE", "BerkeleyMistake", "read_pairs"]

MAX_FILE = 256 * 1024 * 1024
"""Octets of a file; a million accounts have some 100 million."""

_MAGIC = 0x061561
_VERSIONS = range(7, 11)  # Berkeley DB 4.2 to 18
_PAGE_SIZES = frozenset(1 << power for power in range(9, 17))
_HASH_META = 8
_PAIRS = frozenset({2, 13})  # unsorted and sorted
_OVERFLOW = 7
_KEY_DATA, _OFF_PAGE = 1, 3
_HEADER = 26  # octets before the index of a page


class BerkeleyMistake(Exception):
    """The file cannot be read; the message is for the operator."""


def read_pairs(octets: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Keys and values of a file, in no order.

    Args:
        octets: the whole file.

    Raises:
        BerkeleyMistake: it is no such file, or is damaged.
    """
    return _File.of(octets).pairs()


@dataclass(frozen=True, slots=True)
class _File:
    octets: bytes
    order: str
    page_size: int
    last: int

    @classmethod
    def of(cls, octets: bytes) -> _File:
        if len(octets) > MAX_FILE:
            raise BerkeleyMistake(f"it is longer than {MAX_FILE >> 20} MiB")
        if len(octets) < 72:
            raise BerkeleyMistake("it is no hash file of Berkeley DB: it is too short")
        order = next(
            (each for each in "<>" if struct.unpack_from(f"{each}I", octets, 12)[0] == _MAGIC), ""
        )
        if not order:
            raise BerkeleyMistake("it is no hash file of Berkeley DB" + _other_format(octets))
        version, page_size, encryption, kind, flags = struct.unpack_from(
            f"{order}IIBBB", octets, 16
        )
        if kind != _HASH_META or version not in _VERSIONS or page_size not in _PAGE_SIZES:
            raise BerkeleyMistake(f"it is of a form that is not known, version {version}")
        if encryption or flags & 1:
            raise BerkeleyMistake(
                "it has checksums or is encrypted; db_dump and db_load make it plain"
            )
        (last,) = struct.unpack_from(f"{order}I", octets, 32)
        if len(octets) < (last + 1) * page_size:
            raise BerkeleyMistake("its end is missing")
        return cls(octets, order, page_size, last)

    def pairs(self) -> Iterator[tuple[bytes, bytes]]:
        room = len(self.octets)  # what is read of a sound file is no longer than the file
        for number in range(1, self.last + 1):
            if self._header(number)[3] in _PAIRS:
                items = self._items_of(number, room)
                room -= sum(map(len, items))
                yield from zip(items[::2], items[1::2], strict=True)

    def _header(self, number: int) -> tuple[int, int, int, int]:
        """The next page, the number of items, where items begin, and the kind of a page."""
        following, count, begin, _, kind = struct.unpack_from(
            f"{self.order}IHHBB", self.octets, number * self.page_size + 16
        )
        return following, count, begin, kind

    def _items_of(self, number: int, room: int) -> list[bytes]:
        """Keys and values of a page in turn; `room` octets at the most, as chains may be shared."""
        page = self.octets[number * self.page_size : (number + 1) * self.page_size]
        _, count, _, _ = self._header(number)
        if count % 2 or _HEADER + 2 * count > self.page_size:
            raise BerkeleyMistake(f"page {number} is damaged")
        begins = struct.unpack_from(f"{self.order}{count}H", page, _HEADER)
        ends = (self.page_size, *begins)
        items = []
        for begin, end in zip(begins, ends, strict=False):
            items.append(self._item(page[begin:end], number))
            room -= len(items[-1])
            if room < 0:
                raise BerkeleyMistake(f"page {number} is damaged: several values are in one place")
        return items

    def _item(self, item: bytes, number: int) -> bytes:
        """A key or a value: its kind, then itself, or where it is and how long."""
        if item[:1] == bytes([_KEY_DATA]):
            return item[1:]
        if item[:1] == bytes([_OFF_PAGE]) and len(item) >= 12:
            first, length = struct.unpack_from(f"{self.order}II", item, 4)
            return self._chained(first, length)
        raise BerkeleyMistake(f"page {number} is damaged, or holds what no mail server writes")

    def _chained(self, number: int, length: int) -> bytes:
        found = bytearray()
        length = min(length, len(self.octets))  # a chain may lead back to itself
        while number:
            if number > self.last or len(found) > length:
                raise BerkeleyMistake(f"page {number} is damaged")
            following, _, filled, kind = self._header(number)
            if kind != _OVERFLOW or not filled:
                raise BerkeleyMistake(f"page {number} is damaged")
            begin = number * self.page_size + _HEADER
            found += self.octets[begin : begin + filled]
            number = following
        if len(found) != length:
            raise BerkeleyMistake("a value is not as long as it should be")
        return bytes(found)


def _other_format(octets: bytes) -> str:
    """What else it seems to be."""
    if struct.unpack_from("<I", octets)[0] & 0xFFFFFF00 == 0x13579A00:
        return "; it is one of GDBM, as some systems' Cyrus SASL makes it"
    if struct.unpack_from("<I", octets, 16)[0] == 0xBEEFC0DE:
        return "; it is one of LMDB"
    if octets[:16] == b"SQLite format 3\0":
        return "; it is one of SQLite"
    return ""
