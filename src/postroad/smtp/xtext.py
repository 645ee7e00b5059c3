"""The encodings of ESMTP parameter values: xtext (RFC 3461 §4), and UTF-8 addresses (RFC 6533 §3).

Both turn what no parameter may hold (spaces, `=`, `+`, octets over 127) into what it may. What is
decoded here is printable: no line end and no other control character comes out, so that nothing
can be slipped into a log, a header field or another command.
"""

from __future__ import annotations

import re

__all__ = ["decode_utf8_address", "decode_xtext", "encode_utf8_address", "encode_xtext"]

_XTEXT = re.compile(r"(?:[!-*,-<>-~]|\+[0-9A-F]{2})+\Z")
_HEXCHAR = re.compile(rb"\+([0-9A-F]{2})")

# RFC 6533 §3: printable ASCII but space, `+`, `=` and `\`; above ASCII anything, or \x{HEXPOINT}.
_UTF8_ADDRESS = re.compile(r"(?:[!-*,-<>-\[\]-~\u0080-\U0010ffff]|\\x\{[0-9A-F]{2,6}\})+\Z")
_HEXPOINT = re.compile(r"\\x\{([0-9A-F]+)\}")

SURROGATES = range(0xD800, 0xE000)
"""Code points that are no characters (RFC 3629 §3)."""

UNICODE = 0x110000
"""The number of code points."""


def decode_xtext(text: str) -> str | None:
    """What an xtext stands for, its octets read as UTF-8; `None` where it stands for no clean text.

    Args:
        text: at least one character.
    """
    if not _XTEXT.match(text):
        return None
    octets = _HEXCHAR.sub(lambda pair: bytes([int(pair[1], 16)]), text.encode())
    try:
        decoded = octets.decode()
    except UnicodeDecodeError:
        return None
    return decoded if decoded.isprintable() else None


def decode_utf8_address(text: str) -> str | None:
    """What a utf-8-addr-xtext or utf-8-addr-unitext stands for; `None` where it is neither.

    Args:
        text: what stands behind `utf-8;`. Whether it may have more than ASCII is the caller's
            question: only with SMTPUTF8 (RFC 6533 §3).
    """
    if not _UTF8_ADDRESS.match(text):
        return None
    points = [int(point, 16) for point in _HEXPOINT.findall(text)]
    if any(point in SURROGATES or point >= UNICODE for point in points):
        return None
    decoded = _HEXPOINT.sub(lambda point: chr(int(point[1], 16)), text)
    return decoded if decoded.isprintable() else None


_NO_XCHAR = re.compile(rb"[^!-*,-<>-~]")


def encode_xtext(text: str) -> str:
    """The text as xtext: every octet of its UTF-8 that may not stand for itself is `+` and hex."""
    octets = text.encode("utf-8", "surrogateescape")
    return _NO_XCHAR.sub(lambda octet: b"+%02X" % octet[0][0], octets).decode("ascii")


_NO_QCHAR = re.compile(r"[^!-*,-<>-\[\]-~]")


def encode_utf8_address(text: str) -> str:
    r"""The text as utf-8-addr-xtext: what is no QCHAR is `\x{HEX}`, so that all of it is ASCII.

    It may go where SMTPUTF8 is not offered as well (RFC 6533 §3).
    """
    return _NO_QCHAR.sub(lambda character: f"\\x{{{ord(character[0]):02X}}}", text)
