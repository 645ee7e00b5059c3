"""A message as the built-in filter reads it: its parts decoded, its text, its links. Bounded.

What is read does not grow with what is sent: of a body the first `MOST_BODY` octets are looked at,
of their text `MOST_TEXT` characters. It takes some milliseconds of a processor for usual mail and
some tens for the worst, so it is not for the event loop. Nothing raises for what is in a message.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from postroad.filters.builtin.decoding import decoded, in_charset
from postroad.filters.builtin.hypertext import MOST_LINKS, Hypertext, Link, read_html
from postroad.filters.builtin.mime import Structure, structure
from postroad.model.fields import Fields

__all__ = ["MOST_BODY", "MOST_TEXT", "Link", "Part", "Reading", "message_of", "read"]

MOST_BODY = 512 * 1024
"""Octets of a body that are looked at; what a message is shows in its beginning."""

MOST_TEXT = 128 * 1024
"""Characters of text of all parts together: some twenty pages."""

MOST_HEADER_SECTION = 1024 * 1024
"""Octets of a header section of a file; where none ends before, all of it is the header."""

_LINE_END = re.compile(rb"\r\n|\r|\n")
_ADDRESS = re.compile(r"(?:https?://|www\.)[^\s<>\"'\\^`{|}]{1,2000}", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Part:
    """A part that has none of its own.

    Attributes:
        type: such as `text/html`, in lower case.
        charset: as it is declared, in lower case; empty: not.
        name: the name of a file; empty for none.
        encoding: the content transfer encoding, in lower case.
        is_attached: it is declared as an attachment.
        depth: how many multiparts and messages it is in.
        size: its octets, encoded, as far as the body was looked at.
        begin: its first octets, decoded: what a file is shows there.
        text: of text, decoded: the source of HTML; empty for what is no text, or behind a bound.
    """

    type: str
    charset: str
    name: str
    encoding: str
    is_attached: bool
    depth: int
    size: int
    begin: bytes
    text: str


@dataclass(frozen=True, slots=True)
class Reading:
    """A message, read.

    Attributes:
        fields: its header section.
        parts: in order.
        containers: types of the multiparts and messages around them, in order.
        plain: the text of its plain parts.
        seen: the text that its HTML parts show.
        links: of HTML, and addresses in text, in order.
        tags: the names of HTML tags, each once.
        is_cut: there is more than was looked at.
        is_beyond: it has more parts, deeper ones, or more delimiters than are looked at; mail
            programs write none such.
    """

    fields: Fields
    parts: tuple[Part, ...]
    containers: tuple[str, ...]
    plain: str
    seen: str
    links: tuple[Link, ...]
    tags: frozenset[str]
    is_cut: bool
    is_beyond: bool = False


def message_of(octets: bytes) -> tuple[Fields, bytes]:
    """The header section and the body of a message in a file, whatever its lines end with.

    Args:
        octets: the message, or its beginning. A line of an mbox above it is passed over.
    """
    octets = _LINE_END.sub(b"\r\n", octets)
    if octets.startswith((b"From ", b">From ")):
        octets = octets.partition(b"\r\n")[2]
    if octets.startswith(b"\r\n"):
        return Fields(), octets[2:]
    header, blank, body = octets.partition(b"\r\n\r\n")
    if not blank:
        header = header.removesuffix(b"\r\n")
    return Fields.of(header[:MOST_HEADER_SECTION] + b"\r\n" if header else b""), body


def read(fields: Fields, body: bytes) -> Reading:
    """Read a message.

    Args:
        fields: its header section.
        body: what follows the blank line, or at least its first `MOST_BODY` octets.
    """
    is_cut = len(body) > MOST_BODY
    body = body[:MOST_BODY]
    made_of = structure(fields, body)
    parts: list[Part] = []
    room = MOST_TEXT
    for entity in made_of.entities:
        octets = body[entity.body]
        text = ""
        is_text = entity.type.startswith("text/") and not entity.is_attached
        if is_text and room > 0:
            # Octets are at least as many as characters, but for UTF-7, which is as good as unused.
            content = decoded(octets, entity.encoding, 4 * room)
            text = in_charset(content, entity.charset)[:room]
            room -= len(text)
        begin = decoded(octets[:_BEGIN], entity.encoding, _BEGIN)[:64]
        parts.append(
            Part(
                entity.type,
                entity.charset.lower(),
                entity.name,
                entity.encoding,
                entity.is_attached,
                entity.depth,
                len(octets),
                begin,
                text,
            )
        )
    return _reading(fields, parts, made_of, is_cut=is_cut)


_BEGIN = 256  # encoded octets that give 64 decoded ones, whatever the encoding


def _reading(fields: Fields, parts: list[Part], made_of: Structure, *, is_cut: bool) -> Reading:
    documents = [read_html(each.text) for each in parts if each.type == "text/html" and each.text]
    plain = "\n".join([each.text for each in parts if each.text and each.type != "text/html"])
    return Reading(
        fields=fields,
        parts=tuple(parts),
        containers=made_of.containers,
        plain=plain,
        seen="\n".join([each.text for each in documents]),
        links=_links(documents, plain),
        tags=frozenset[str]().union(*[each.tags for each in documents]),
        is_cut=is_cut or made_of.is_cut,
        is_beyond=made_of.is_cut,
    )


def _links(documents: list[Hypertext], plain: str) -> tuple[Link, ...]:
    found = [link for each in documents for link in each.links][:MOST_LINKS]
    for address in _ADDRESS.finditer(plain):
        if len(found) >= MOST_LINKS:
            break
        found.append(Link("", address[0].rstrip(".,;:!?)]")))
    return tuple(found)
