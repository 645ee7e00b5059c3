"""The text of a report, in whatever encoding it came, as UTF-8 for the parser. Pure.

Which encoding it is is found out by the octets, for what the text itself says is often wrong, and a
text in the wrong encoding is only ever spelt wrongly. What is no text is replaced, so that one bad
octet in a comment does not cost the report.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Iterator

__all__ = ["utf8"]

_PIECE = 65_536

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before that of UTF-16, with which it begins
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
    (b"<\0", "utf-16-le"),
    (b"\0<", "utf-16-be"),
)
_DECLARATION = re.compile(r"<\?xml\b[^>]{0,200}>", re.IGNORECASE)
_WESTERN = re.compile(
    rb"""<\?xml[^>]{0,100}encoding\s*=\s*["'](?:iso-8859-1|latin-?1|(?:windows-|cp)1252)""",
    re.IGNORECASE,
)
_HEAD = 256
_NO_CHARACTERS = ("\ufffe".encode(), "\uffff".encode())
_PLAIN = bytes([max(octet, 0x20) for octet in range(256)])
"""Makes a space of what XML 1.0 has no place for (§2.2), and of ends of lines, which are as good as
one in all that is read here: the parser handles each of them by itself."""


def utf8(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The same text in UTF-8, with what is no text replaced, without its declaration.

    Args:
        pieces: the octets, in any pieces.
    """
    source = _cut(pieces)
    head = b""
    for piece in source:
        head += piece
        if len(head) >= _HEAD:
            break
    decoder = codecs.getincrementaldecoder(_encoding(head))("replace")
    text = decoder.decode(_without_mark(head))
    text = text.lstrip("\ufeff").lstrip()
    declaration = _DECLARATION.match(text)
    text = text[declaration.end() :].lstrip() if declaration else text
    while True:
        if text:
            yield _plain(text)
        following = next(source, None)
        if following is None:
            break
        text = decoder.decode(following)
    yield decoder.decode(b"", True).encode()


def _plain(text: str) -> bytes:
    octets = text.encode().translate(_PLAIN)
    for character in _NO_CHARACTERS:
        octets = octets.replace(character, b"   ")
    return octets


def _cut(pieces: Iterable[bytes]) -> Iterator[bytes]:
    for piece in pieces:
        for at in range(0, len(piece), _PIECE):
            yield piece[at : at + _PIECE]


def _encoding(head: bytes) -> str:
    for mark, name in _MARKS:
        if head.startswith(mark):
            return name
    if _WESTERN.search(head[:_HEAD]) and not _is_utf8(head):
        return "cp1252"
    return "utf-8"


def _is_utf8(head: bytes) -> bool:
    """Whether it has characters of UTF-8 that are not ASCII."""
    if head.isascii():
        return False
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return False
    return True


def _without_mark(head: bytes) -> bytes:
    for mark, _ in _MARKS[:5]:
        if head.startswith(mark):
            return head[len(mark) :]
    return head
