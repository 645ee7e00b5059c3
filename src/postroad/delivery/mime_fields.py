"""The two header fields that say how a MIME entity is built (RFC 2045 §5, §6).

Values in, values out: what a Content-Type says of the structure, and whether a
Content-Transfer-Encoding allows octets over 127. It is read as Postfix reads it: comments are
skipped, a broken field says as much as can be made out, and of several boundaries each counts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto

__all__ = ["ContentType", "Kind", "content_type", "takes_eight_bits"]


class Kind(Enum):
    """What an entity's body is made of."""

    LEAF = auto()
    """Octets, which may be encoded."""

    MULTIPART = auto()
    """Further entities between boundaries (RFC 2046 §5.1)."""

    MESSAGE = auto()
    """A message, whose header follows at once: message/rfc822 (RFC 2046 §5.2.1)."""

    OPAQUE = auto()
    """What may not be encoded and has no entities of its own: other kinds of message/."""


@dataclass(frozen=True, slots=True)
class ContentType:
    """What a Content-Type says of the structure.

    Attributes:
        kind: of the body.
        boundaries: of a multipart, without the hyphens before them.
        parts: what its parts are where they do not say it themselves.
    """

    kind: Kind
    boundaries: tuple[bytes, ...] = ()
    parts: Kind = Kind.LEAF


_TOKEN = re.compile(
    rb'"(?P<quoted>(?:[^"\\]|\\.)*)'
    rb"|(?P<word>[^\x00-\x20\x7f()<>@,;:\\\"/\[\]?=]+)"
    rb"|(?P<sign>[^\x00-\x20\x7f])",
    re.DOTALL,
)
_PAIR = re.compile(rb"\\(.)", re.DOTALL)
_COMMENT_SIGN = re.compile(rb"\\.|[()]", re.DOTALL)

_IDENTITIES = {b"7bit": False, b"8bit": True, b"binary": True}
_ENCODINGS = {b"quoted-printable": False, b"base64": False}
_EIGHT_BIT = {**_IDENTITIES, **_ENCODINGS}


@dataclass(frozen=True, slots=True)
class _Token:
    text: bytes
    is_word: bool
    is_sign: bool


def content_type(value: bytes) -> ContentType | None:
    """What the value of a Content-Type says; `None` where it says nothing."""
    tokens = list(_tokens(value))
    if not tokens:
        return None
    kind = tokens[0].text.lower() if tokens[0].is_word else b""
    named = len(tokens) > 2 and tokens[1].is_sign and tokens[1].text == b"/"
    subtype = tokens[2].text.lower() if named and tokens[2].is_word else b""
    if kind == b"message":
        return ContentType(_kind_of_message(subtype))
    if kind == b"multipart":
        # RFC 2046 §5.1.5
        parts = Kind.MESSAGE if subtype == b"digest" else Kind.LEAF
        return ContentType(Kind.MULTIPART, tuple(_boundaries(tokens)), parts)
    return ContentType(Kind.LEAF)


def takes_eight_bits(value: bytes) -> bool | None:
    """Whether a Content-Transfer-Encoding is 8bit or binary; `None` where nobody knows it."""
    first = next(_tokens(value), None)
    return _EIGHT_BIT.get(first.text.lower()) if first is not None and first.is_word else None


def _kind_of_message(subtype: bytes) -> Kind:
    if subtype == b"rfc822":
        return Kind.MESSAGE
    if subtype.startswith(b"global"):
        return Kind.LEAF  # they may be encoded (RFC 6532 §3.7, RFC 6533 §4)
    return Kind.OPAQUE


def _boundaries(tokens: list[_Token]) -> Iterator[bytes]:
    for at in range(3, len(tokens) - 3):
        opening, name, equals, value = tokens[at : at + 4]
        if (
            opening.is_sign
            and opening.text == b";"
            and name.is_word
            and name.text.lower() == b"boundary"
            and equals.is_sign
            and equals.text == b"="
            and value.text
            and not value.is_sign
        ):
            yield value.text


def _tokens(value: bytes) -> Iterator[_Token]:
    """The words, quoted strings and signs of a value, without its comments."""
    at = 0
    while (found := _TOKEN.search(value, at)) is not None:
        at = found.end()
        if found["quoted"] is not None:
            at += 1  # its closing quote
            yield _Token(_PAIR.sub(rb"\1", found["quoted"]), is_word=False, is_sign=False)
        elif found["word"] is not None:
            yield _Token(found["word"], is_word=True, is_sign=False)
        elif found["sign"] == b"(":
            at = _end_of_comment(value, at)
        else:
            yield _Token(found["sign"], is_word=False, is_sign=True)


def _end_of_comment(value: bytes, at: int) -> int:
    depth = 1
    for found in _COMMENT_SIGN.finditer(value, at):
        depth += {b"(": 1, b")": -1}.get(found[0], 0)
        if not depth:
            return found.end()
    return len(value)
