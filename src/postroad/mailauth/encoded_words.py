"""Encoded words where the grammar has none (RFC 2047 §5): some programs decode them all the same.

Whoever has to know what a field may be taken for looks at it as such programs see it. They differ
in two things: what becomes of the blanks between two words, and in which order the octets of a
character are. Nothing here knows of which field it is.
"""

from __future__ import annotations

import binascii
import quopri
import re
from functools import partial

__all__ = ["readings"]

_ENCODED = re.compile(rb"=\?([^?\s]{1,40})\?([bBqQ])\?([^?]*)\?=")
_BETWEEN = re.compile(rb"(\?=)[ \t\r\n]+(?==\?[^?\s]{1,40}\?[bBqQ]\?)")
_UTF_7 = dict.fromkeys(("utf-7", "utf7", "unicode-1-1-utf-7", "x-unicode-2-0-utf-7"), ("utf-7",))
_UCS = dict.fromkeys(
    ("utf-16", "utf16", "unicode", "csunicode", "ucs-2", "iso-10646-ucs-2"),
    ("utf-16be", "utf-16le"),
)
_EBCDIC = {
    f"{name}{page}": (f"cp{page}",)
    for name in ("cp", "ibm")
    for page in ("037", "273", "424", "500", "875", "1026", "1140")
}
_NOT_LIKE_ASCII = {
    **_UTF_7,
    **_UCS,
    "utf-16be": ("utf-16be",),
    "utf-16le": ("utf-16le",),
    **dict.fromkeys(("utf-32", "utf32", "ucs-4", "iso-10646-ucs-4"), ("utf-32be", "utf-32le")),
    "utf-32be": ("utf-32be",),
    "utf-32le": ("utf-32le",),
    **_EBCDIC,
}
"""Character sets in whose octets a name is not seen, and as what programs read them."""


def readings(field: bytes) -> tuple[bytes, ...]:
    """The body of a field as programs see it, each view once: the usual one first.

    Each encoded word is there as UTF-8, or in its own octets (RFC 2047 §4). The blanks between two
    of them mean nothing (§6.2), but stay in some programs.
    """
    joined = _BETWEEN.sub(rb"\1", field)
    views = [
        _ENCODED.sub(partial(_word, order), each) for each in (joined, field) for order in (0, -1)
    ]
    return tuple(dict.fromkeys(views))


def _word(order: int, word: re.Match[bytes]) -> bytes:
    charset = word[1].decode("ascii", "replace").lower().partition("*")[0]  # RFC 2231 §5
    way, text = word[2].lower(), word[3]
    if way == b"q":
        octets = quopri.decodestring(text, header=True)
    else:
        try:
            octets = binascii.a2b_base64(text + b"==")
        except binascii.Error:
            return text
    codecs = _NOT_LIKE_ASCII.get(charset)
    return octets.decode(codecs[order], "replace").encode("utf-8", "replace") if codecs else octets
