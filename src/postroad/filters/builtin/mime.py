"""The entities of a message (RFC 2045, RFC 2046 §5): where each begins and ends, within bounds.

One pass over the lines that could be delimiters, with a stack of the boundaries that are open. A
message that is built to be expensive (deep, of many parts, of many near-delimiters) is read until a
bound, and what is behind it is not looked at; the reader is told so. Bodies are not decoded here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from postroad.filters.builtin.decoding import MOST_VALUE, parameters, unfolded
from postroad.model.fields import Fields

__all__ = ["MOST_DEPTH", "MOST_PARTS", "Entity", "Structure", "structure"]

MOST_DEPTH = 8
"""Multiparts and messages within each other; mail of people has three or four."""

MOST_PARTS = 100
"""Entities of one message: newsletters have ten, an album of pictures some dozens."""

MOST_DELIMITERS = 10_000
"""Lines that begin with two hyphens: text has some, this many are there to cost time."""

MOST_HEADER = 16 * 1024
"""Octets of the header section of a part; its end is looked for no further."""

_DELIMITER = re.compile(rb"(?:\A|(?<=\n))--([^\r\n]{1,200})")
_BLANK = re.compile(rb"\r?\n\r?\n")
_FIELD = re.compile(rb"^([!-9;-~]{1,64})[ \t]*:([^\r\n]*(?:\r?\n[ \t][^\r\n]*)*)", re.MULTILINE)
_TYPE = re.compile(r"\s*([\w.+-]{1,64})\s*/\s*([\w.+-]{1,64})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Entity:
    """A part of a message that has no parts of its own; or a message, where that is all of it.

    Attributes:
        type: such as `text/html`, in lower case; what is no type is `text/plain` (RFC 2045 §5.2).
        charset: as it is declared; empty: not.
        name: the name of a file, from Content-Disposition or Content-Type; empty for none.
        encoding: the content transfer encoding in lower case; empty: none.
        is_attached: Content-Disposition says `attachment`.
        depth: how many multiparts and messages it is in.
        body: where its octets are in the message's body.
    """

    type: str
    charset: str
    name: str
    encoding: str
    is_attached: bool
    depth: int
    body: slice


class Structure(NamedTuple):
    """What a message is made of.

    Attributes:
        entities: in order.
        containers: the types of multiparts and messages around them, in order.
        is_cut: there is more, behind a bound.
    """

    entities: tuple[Entity, ...]
    containers: tuple[str, ...]
    is_cut: bool


class _Header(NamedTuple):
    type: str
    charset: str
    name: str
    encoding: str
    is_attached: bool
    boundary: bytes


def structure(fields: Fields, body: bytes) -> Structure:
    """Take a message apart.

    Args:
        fields: its header section.
        body: what follows the blank line, or its beginning.
    """
    return _Walk(body).walked(_header_of(fields))


class _Walk:
    """One pass over one body."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._open: list[tuple[bytes, int]] = []  # boundaries, and the depth of what has each
        self._depth = 0
        self._entities: list[Entity] = []
        self._containers: list[str] = []
        self._leaf: tuple[_Header, int, int] | None = None  # its header, depth and begin
        self._is_cut = False

    def walked(self, header: _Header) -> Structure:
        self._enter(header, 0, 0)
        if self._open:
            self._delimiters()
        self._end_leaf(len(self._body))
        return Structure(tuple(self._entities), tuple(self._containers), self._is_cut)

    def _delimiters(self) -> None:
        for count, found in enumerate(_DELIMITER.finditer(self._body)):
            if count == MOST_DELIMITERS or len(self._entities) >= MOST_PARTS - 1:
                self._is_cut = True
                return
            self._meet(found[1].rstrip(b" \t"), found.start(), found.end())

    def _meet(self, line: bytes, start: int, end: int) -> None:
        """A line that may be a delimiter; the innermost boundary that it has counts."""
        for at in range(len(self._open) - 1, -1, -1):
            boundary, depth = self._open[at]
            if line == boundary:
                self._end_leaf(start)
                del self._open[at + 1 :]
                self._begin(end, depth)
                return
            if line == boundary + b"--":
                self._end_leaf(start)
                del self._open[at:]
                return

    def _begin(self, at: int, depth: int) -> None:
        """A part begins behind its delimiter line."""
        line_end = self._body.find(b"\n", at, at + 1024)
        self._behind_header(at if line_end < 0 else line_end + 1, depth)

    def _behind_header(self, at: int, depth: int) -> None:
        """A header section is next, which may be empty; what it is of begins behind it."""
        if self._body.startswith((b"\n", b"\r\n"), at):
            self._enter(_header_in(b""), depth, self._body.index(b"\n", at) + 1)
            return
        blank = _BLANK.search(self._body, at, at + MOST_HEADER)
        if blank is None:
            self._enter(_header_in(b""), depth, at)
        else:
            self._enter(_header_in(self._body[at : blank.start()]), depth, blank.end())

    def _enter(self, header: _Header, depth: int, at: int) -> None:
        is_container = header.type == "message/rfc822" or bool(header.boundary)
        if is_container and depth >= MOST_DEPTH:
            self._is_cut, is_container = True, False
        if not is_container:
            self._leaf = (header, depth, at)
            return
        if len(self._containers) < MOST_PARTS:
            self._containers.append(header.type)
        if header.boundary:
            self._open.append((header.boundary, depth + 1))
            return
        self._behind_header(at, depth + 1)  # a message

    def _end_leaf(self, end: int) -> None:
        if self._leaf is None:
            return
        header, depth, begin = self._leaf
        self._leaf = None
        # The line end before a delimiter belongs to it (RFC 2046 §5.1.1).
        if end < len(self._body):
            end -= 2 if self._body[max(0, end - 2) : end] == b"\r\n" else 1
        self._entities.append(
            Entity(
                header.type,
                header.charset,
                header.name,
                header.encoding,
                header.is_attached,
                depth,
                slice(begin, max(begin, end)),
            )
        )


def _header_of(fields: Fields) -> _Header:
    found = {
        key: field.value
        for key in ("content-type", "content-disposition", "content-transfer-encoding")
        if (field := fields.first(key)) is not None
    }
    return _header(found)


def _header_in(octets: bytes) -> _Header:
    found: dict[bytes, bytes] = {}
    for name, value in _fields(octets):
        found.setdefault(name.lower(), value)
    return _header({key.decode("ascii"): value for key, value in found.items()})


def _fields(octets: bytes) -> Iterator[tuple[bytes, bytes]]:
    for match in _FIELD.finditer(octets):
        yield match[1], match[2]


def _header(found: dict[str, bytes]) -> _Header:
    value = found.get("content-type", b"")[:MOST_VALUE]
    named = _TYPE.match(unfolded(value))
    about = parameters(value) if named else {}
    disposition = found.get("content-disposition", b"")[:MOST_VALUE]
    name = parameters(disposition).get("filename") or about.get("name", "")
    kind = f"{named[1]}/{named[2]}".lower() if named else "text/plain"
    boundary = about.get("boundary", "") if kind.startswith("multipart/") else ""
    return _Header(
        type=kind,
        charset=about.get("charset", ""),
        name=name,
        encoding=unfolded(found.get("content-transfer-encoding", b"")).lower(),
        is_attached=unfolded(disposition).lower().startswith("attachment"),
        boundary=boundary.encode("utf-8", "replace").rstrip(b" \t")[:200],
    )
