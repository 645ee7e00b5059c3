"""What strangers wrote, decoded for a program: fields of the header, and the text to be read.

Theory of operation. Python's own reader of mail takes seconds and minutes over headers and
structures that are made for it, and raises errors of many kinds. So nothing here takes more than
a few passes over its input, every depth and count has a bound, and what cannot be read is given as
it stands or left out: no message makes a program fail.
"""

from __future__ import annotations

import re
from binascii import Error, a2b_base64, a2b_qp
from email.errors import MessageError
from email.message import Message as Parameters
from encodings import normalize_encoding
from encodings.aliases import aliases
from typing import NamedTuple

from postroad.filters.python.writing import one_line
from postroad.model.fields import Field, Fields

__all__ = ["decoded", "readable"]

DECODED = 16_384
"""Octets of a field whose encoded words are read: longer ones are not written for readers."""

STRUCTURE = 4_096
"""Octets of a field that tells what a part is; of longer ones nothing is believed. The library that
takes their parameters apart needs time that grows with the square of their length."""

DEPTH = 8
"""Multiparts within each other that are looked into; mail programs write four."""

PARTS = 200
"""Parts of a multipart that are looked at. Each costs the reading of its header."""

_WORD = re.compile(r"=\?([^?*\s]{1,40})(?:\*[^?\s]{0,40})?\?([bBqQ])\?([^?]*)\?=")  # RFC 2047 §2
_NO_BASE64 = re.compile(rb"[^A-Za-z0-9+/]")
_NO_TEXT = {"base64_codec", "bz2_codec", "hex_codec", "quopri_codec", "rot_13", "uu_codec"}
_NO_TEXT |= {"zlib_codec", "mbcs"}
_CODECS = {key: codec for key, codec in aliases.items() if codec not in _NO_TEXT}
_CODECS |= {codec: codec for codec in _CODECS.values()}
_CODECS |= {each: each for each in ("cp737", "cp856", "cp874", "cp875", "cp1006", "koi8_t")}
_CODECS |= {"koi8_u": "koi8_u", "utf_8_sig": "utf_8_sig"}
"""The character sets that are read. Python has others, which are slow (idna, punycode) or run
escapes; and it goes to the disk for every name that it does not know."""


class _Part(NamedTuple):
    """A part of a message that has no parts of its own."""

    kind: str
    charset: str
    octets: bytes


def decoded(field: Field) -> str:
    """The value of a field in one line, its encoded words read (RFC 2047).

    Args:
        field: the field. Where it is longer than `DECODED`, or a word cannot be read, the words
            are given as they stand.
    """
    text = field.text
    if "=?" not in text or len(field.octets) > DECODED:
        return one_line(text)
    parts: list[str] = []
    run = bytearray()  # words that follow each other may have a character in two halves
    charset, run_from, at = "", 0, 0
    for found in _WORD.finditer(text):
        octets = _octets(found[2], found[3])
        if octets is None:
            continue
        between = text[at : found.start()]
        if charset != found[1].lower() or between.strip():
            parts.append(_said(run, charset, text[run_from:at]))
            parts.append("" if charset and not between.strip() else between)
            charset, run_from = found[1].lower(), found.start()
            run.clear()
        run += octets
        at = found.end()
    parts.append(_said(run, charset, text[run_from:at]) if charset else "")
    return one_line("".join([*parts, text[at:]]))


def readable(fields: Fields, body: bytes) -> str:
    """The readable part of a message: the first plain one, or else the first HTML.

    Args:
        fields: the header.
        body: as much of the body as is to be looked at, its lines ended by CRLF.

    Returns:
        The text; empty where there is none.
    """
    parts: list[_Part] = []
    _gather(fields, body, DEPTH, parts)
    for wanted in ("text/plain", "text/html"):
        for part in parts:
            if part.kind == wanted:
                codec = _codec(part.charset) or "utf_8"
                text = part.octets.decode(codec, "replace")
                return text.encode("utf-8", "replace").decode()  # UTF-7 has halves of characters
    return ""


def _said(octets: bytes | bytearray, charset: str, source: str) -> str:
    """Words of one character set; as they stand where nobody knows it."""
    codec = _codec(charset) if charset else ""
    if not codec:
        return source
    try:
        return octets.decode(codec, "replace")
    except (LookupError, ValueError):
        return source


def _octets(kind: str, text: str) -> bytes | None:
    """What a word stands for; `None`: it is broken."""
    raw = text.encode("utf-8", "replace")
    try:
        return a2b_qp(raw, header=True) if kind in "qQ" else a2b_base64(raw + b"==")
    except Error:
        return None


def _codec(charset: str) -> str:
    """Python's name for a character set; empty for one that is not read."""
    if len(charset) > 40 or not charset.isascii():
        return ""
    return _CODECS.get(normalize_encoding(charset.replace("-", "_")).lower(), "")


def _gather(fields: Fields, body: bytes, depth: int, parts: list[_Part]) -> None:
    """Put the parts that are text into a list, in their order."""
    about = _parameters(fields, "Content-Type")
    kind = about.get_content_type()
    if kind.startswith("multipart/"):
        boundary = _parameter(about, "boundary").rstrip()
        if depth and boundary and len(boundary) <= 200:  # RFC 2046 §5.1.1 says 70
            for header, octets in _split(body, boundary.encode("utf-8", "replace")):
                _gather(header, octets, depth - 1, parts)
        return
    shown = _parameters(fields, "Content-Disposition")
    if kind in ("text/plain", "text/html") and not _is_attached(shown):
        encoding = _bounded(fields, "Content-Transfer-Encoding").strip().lower()
        charset = _parameter(about, "charset") or "utf-8"
        parts.append(_Part(kind, charset, _plain(body, encoding)))


def _split(body: bytes, boundary: bytes) -> list[tuple[Fields, bytes]]:
    """Header and body of each part of a multipart (RFC 2046 §5.1.1)."""
    line = re.compile(rb"(?:\A|\r\n)--" + re.escape(boundary) + rb"(?:--)?[ \t]*(?=\r\n|\Z)")
    found = line.split(body, maxsplit=PARTS)[1:PARTS]
    split: list[tuple[Fields, bytes]] = []
    for part in found:
        header, _, octets = part.partition(b"\r\n\r\n")
        split.append((Fields.of(header.removeprefix(b"\r\n") + b"\r\n"), octets))
    return split


def _parameters(fields: Fields, name: str) -> Parameters:
    """A field that the library takes apart: its value, and what follows it."""
    about = Parameters()
    about["Content-Type"] = _bounded(fields, name)
    return about


def _parameter(about: Parameters, name: str) -> str:
    try:
        value = about.get_param(name, "")
    except (LookupError, ValueError, TypeError, AttributeError, MessageError):
        return ""  # the library falls over some of what strangers write
    return value[2] or "" if isinstance(value, tuple) else str(value or "")


def _is_attached(shown: Parameters) -> bool:
    return str(shown["Content-Type"]).lstrip().lower().startswith("attachment")


def _bounded(fields: Fields, name: str) -> str:
    field = fields.first(name)
    return one_line(field.text) if field is not None and len(field.octets) <= STRUCTURE else ""


def _plain(body: bytes, encoding: str) -> bytes:
    """A body without its encoding, as far as it goes: it may be cut off (RFC 2045 §6)."""
    if encoding == "quoted-printable":
        return a2b_qp(body)
    if encoding != "base64":
        return body
    kept = _NO_BASE64.sub(b"", body)
    kept = kept[:-1] if len(kept) % 4 == 1 else kept
    return a2b_base64(kept + b"=" * (-len(kept) % 4))
