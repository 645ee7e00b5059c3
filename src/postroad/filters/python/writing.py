"""A field of the header as a program's words become it: folded, encoded, and one field for certain.

What a program writes is often what a stranger wrote before: a subject with a mark put before it. So
nothing in a value ends a line, whatever Unicode takes for the end of one, and the result is looked
at once more before it is used.
"""

from __future__ import annotations

import re
from base64 import b64encode

from postroad.model.fields import Fields

__all__ = ["field_line", "one_line"]

LINE = 78
"""Characters of a line that should not be passed (RFC 5322 §2.1.1)."""

WORD = 900
"""Octets of a word that is written as it is; with a longer one a line may pass 998 octets, which
RFC 5322 §2.1.1 forbids. It is written as encoded words."""

_NAME = re.compile(r"[!-9;-~]{1,76}\Z")  # RFC 5322 §3.6.8
_BREAKS = re.compile("[\0-\x1f\x7f-\x9f\u2028\u2029]")
_SURROGATES = re.compile("[\ud800-\udfff]")
_TOKENS = re.compile(r" *[^ ]+")
_OCTETS = (
    45  # become 60 characters; with `=?utf-8?b?` and `?=` they are 72 of the 75 of RFC 2047 §2
)
_FEWEST = 15


def one_line(text: str) -> str:
    """A text in one line: what controls or separates lines is a blank, and none is at its ends."""
    return _SURROGATES.sub("\ufffd", _BREAKS.sub(" ", text)).strip()


def field_line(name: str, value: str, *, is_utf8: bool) -> bytes:
    """A field with its line end.

    Args:
        name: its name.
        value: its value; other control characters than line ends become blanks.
        is_utf8: whether the message may have UTF-8 in its header (RFC 6532).

    Raises:
        ValueError: the name is none, or the value has line ends or NUL in it.
    """
    if not _NAME.match(name):
        raise ValueError(f"{name!r} is no name of a header field")
    if "\r" in value or "\n" in value or "\0" in value:
        raise ValueError(f"the value for {name} has a line end in it")
    words = one_line(value)
    is_plain = is_utf8 or words.isascii()
    line = f"{_folded(name, words) if is_plain else _encoded(name, words)}\r\n".encode()
    fields = Fields.of(line)
    if len(fields) != 1 or fields.octets != line:
        raise ValueError(f"the value for {name} would make more than one field")
    return line


def _folded(name: str, words: str) -> str:
    """Folded before blanks, so that it is the same again when it is unfolded (§2.2.3)."""
    tokens = _TOKENS.findall(words)
    if any(len(token.encode()) > WORD for token in tokens):
        return _encoded(name, words)
    lines, line = [], f"{name}:"
    for at, token in enumerate(tokens):
        fresh = f" {token}" if at == 0 else token
        if at and len(line) + len(fresh) > LINE:
            lines.append(line)
            line = fresh
        else:
            line += fresh
    return "\r\n".join([*lines, line])


def _encoded(name: str, words: str) -> str:
    """As encoded words (RFC 2047), each of whole characters."""
    room = max((LINE - len(name) - 16) // 4 * 3, _FEWEST)
    pieces: list[bytes] = []
    piece = bytearray()
    for character in words:
        octets = character.encode()
        if len(piece) + len(octets) > min(room, _OCTETS):
            pieces.append(bytes(piece))
            piece, room = bytearray(), _OCTETS
        piece += octets
    pieces.append(bytes(piece))
    return f"{name}: " + "\r\n ".join(f"=?utf-8?b?{b64encode(each).decode()}?=" for each in pieces)
