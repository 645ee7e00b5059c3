"""Pages: many records in one compressed piece.

Records are alike (the same lists, the same words), so a page of them takes a tenth of their size,
and one row of a database instead of hundreds. A page holds JSON, a record a line. Compressing and
decompressing lets other threads run; that is why it is done for many records at once.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from postroad.model.members import Record

__all__ = [
    "PAGE_RECORDS",
    "PAGE_TEXT",
    "DamagedPage",
    "Line",
    "line_of",
    "pages_of",
    "read_page",
]

PAGE_TEXT = 262_144
"""Characters of a page, about: to find one record, its whole page is decompressed and looked at."""

PAGE_RECORDS = 1000

MOST_TEXT = 67_108_864
"""Octets that a page is decompressed to at the most; one record of ours is far smaller."""

NAMES = ("session", "queue_id", "notification")
"""The entries of a record by which it is found."""

LEVEL = 1  # of zlib: the higher ones cost several times as much and save little


class DamagedPage(Exception):
    """A page cannot be read."""


class Line(NamedTuple):
    """A record, ready to be written.

    Attributes:
        text: as JSON.
        names: the identifiers it is found by.
        at: when what it tells of ended, seconds since the epoch.
    """

    text: str
    names: tuple[str, ...]
    at: float


class Page(NamedTuple):
    """A page, ready to be written.

    Attributes:
        content: compressed.
        names: the identifiers that occur on it.
        first, last: of its records' times, seconds since the epoch.
        records: how many.
    """

    content: bytes
    names: tuple[str, ...]
    first: float
    last: float
    records: int


def line_of(record: Record) -> Line:
    """A record as a line.

    Raises:
        TypeError, ValueError: it holds what JSON cannot.
    """
    names = tuple(name for key in NAMES if isinstance(name := record.get(key), str) and name)
    at = record.get("ended", record.get("at"))
    # Everything beyond ASCII is escaped: an odd octet of a client's is no reason to lose a record.
    text = json.dumps(record, separators=(",", ":"))
    return Line(text, names, at if isinstance(at, float | int) else 0.0)


def pages_of(lines: Sequence[Line]) -> Iterator[Page]:
    """Lines in pages, in their order."""
    batch: list[Line] = []
    size = 0
    for line in lines:
        batch.append(line)
        size += len(line.text)
        if size >= PAGE_TEXT or len(batch) >= PAGE_RECORDS:
            yield _page(batch)
            batch, size = [], 0
    if batch:
        yield _page(batch)


def _page(lines: Sequence[Line]) -> Page:
    text = "\n".join([line.text for line in lines])
    names = dict.fromkeys([name for line in lines for name in line.names])
    times = [line.at for line in lines]
    return Page(
        zlib.compress(text.encode(), LEVEL), tuple(names), min(times), max(times), len(lines)
    )


def read_page(content: bytes, mention: str = "") -> Iterator[Record]:
    """The records of a page, in their order.

    Args:
        content: compressed.
        mention: only records in whose text this occurs, as JSON writes it, in whatever case; all,
            if empty.

    Raises:
        DamagedPage: it is none.
    """
    try:
        inflater = zlib.decompressobj()
        text = inflater.decompress(content, MOST_TEXT).decode()
    except (zlib.error, UnicodeDecodeError) as error:
        raise DamagedPage(str(error)) from error
    if not inflater.eof:
        raise DamagedPage("it is cut short, or too large")
    wanted = mention.lower()
    for line in text.split("\n"):
        if not wanted or wanted in line.lower():
            yield _record(line)


def _record(line: str) -> Record:
    try:
        record = json.loads(line)
    except ValueError as error:
        raise DamagedPage(str(error)) from error
    if not isinstance(record, dict):
        raise DamagedPage("a record is no object")
    return record
