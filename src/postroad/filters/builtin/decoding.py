"""Octets of mail turned into text: transfer encodings, charsets, encoded words, parameters.

Values in, values out. What is broken is read as far as it goes; nothing raises for what is in a
message, and every function takes time in proportion to its input. Charsets are those of the table:
Python has codecs whose time is quadratic (`idna`, `punycode`), and no mail is written in them.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Mapping
from urllib.parse import unquote_to_bytes

__all__ = ["MOST_VALUE", "decoded", "in_charset", "parameters", "unfolded", "words_decoded"]

MOST_VALUE = 8 * 1024
"""Octets of a field's value that are looked at; longer ones say nothing more."""

_CODECS: Mapping[str, str] = {
    # Who declares ASCII or Latin-1 often sends Windows' superset; browsers read both so.
    "": "",
    "us-ascii": "",
    "ascii": "",
    "iso-8859-1": "cp1252",
    "latin1": "cp1252",
    "utf-8": "utf-8",
    "utf8": "utf-8",
    "utf-7": "utf-7",
    "utf-16": "utf-16",
    "utf-16le": "utf-16-le",
    "utf-16be": "utf-16-be",
    **{f"iso-8859-{part}": f"iso8859-{part}" for part in (*range(2, 12), *range(13, 17))},
    **{f"windows-{page}": f"cp{page}" for page in (874, *range(1250, 1259))},
    **{f"cp{page}": f"cp{page}" for page in (866, *range(1250, 1259))},
    "koi8-r": "koi8-r",
    "koi8-u": "koi8-u",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "gb18030": "gb18030",
    "big5": "big5hkscs",
    "big5-hkscs": "big5hkscs",
    "euc-jp": "euc-jp",
    "shift_jis": "cp932",
    "shift-jis": "cp932",
    "sjis": "cp932",
    "iso-2022-jp": "iso2022_jp",
    "iso-2022-kr": "iso2022_kr",
    "euc-kr": "cp949",
    "ks_c_5601-1987": "cp949",
    "tis-620": "tis-620",
    "macintosh": "mac-roman",
}
"""How charsets are read, by their names in lower case. Empty: UTF-8, or else Windows-1252."""

_BASE64 = bytes(range(256)).translate(
    None, b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
)
_FOLD = re.compile(r"\r?\n(?=[ \t])|[\r\n]+")
_ENCODED_WORD = re.compile(r"=\?([^?\s]{1,40})\?([bBqQ])\?([^?\r\n]{0,1000})\?=([ \t]+(?==\?))?")
_PARAMETER = re.compile(
    rb";[ \t\r\n]*([A-Za-z0-9_.*-]{1,64})[ \t\r\n]*=[ \t\r\n]*"
    rb'(?:"((?:[^"\\]|\\.){0,1024})"?|([^;\s"]*))',
    re.DOTALL,
)
_PAIR = re.compile(rb"\\(.)", re.DOTALL)


def unfolded(value: bytes) -> str:
    """The value of a field in one line, as it came; what is no UTF-8 is read as Windows-1252.

    Args:
        value: with its folds; of a longer one than `MOST_VALUE`, the beginning.
    """
    return _FOLD.sub("", in_charset(value[:MOST_VALUE], "")).strip()


def words_decoded(value: bytes) -> str:
    """The value of a field in one line, its encoded words decoded (RFC 2047 §4).

    Args:
        value: as of `unfolded`.
    """
    text = unfolded(value)
    return _ENCODED_WORD.sub(_word, text) if "=?" in text else text


def decoded(octets: bytes, encoding: str, limit: int) -> bytes:
    """What a content transfer encoding stands for (RFC 2045 §6).

    Args:
        octets: of a body, as it came.
        encoding: in lower case; any other than base64 and quoted-printable changes nothing.
        limit: octets of the result at most.
    """
    if encoding == "base64":
        return _from_base64(octets[: limit * 2], limit)
    if encoding == "quoted-printable":
        return binascii.a2b_qp(octets[: limit * 3])[:limit]
    return octets[:limit]


def in_charset(octets: bytes, charset: str) -> str:
    """Text, by a charset's name as mail spells it; whatever cannot be read is replaced.

    Args:
        octets: of any length.
        charset: in any case; unknown ones are guessed.
    """
    codec = _CODECS.get(charset.strip().lower(), "")
    if codec:
        return octets.decode(codec, "replace")
    try:
        return octets.decode("utf-8")
    except UnicodeDecodeError:
        return octets.decode("cp1252", "replace")


def parameters(value: bytes) -> dict[str, str]:
    """The parameters of a Content-Type or Content-Disposition, by name in lower case.

    Continuations are joined and percent-encoding is undone (RFC 2231 §3, §4); of several with one
    name the first counts.

    Args:
        value: as of `unfolded`.
    """
    found: dict[str, bytes] = {}
    charsets: dict[str, str] = {}
    for match in _PARAMETER.finditer(value[:MOST_VALUE]):
        spelt, quoted, plain = match.groups()
        octets = _PAIR.sub(rb"\1", quoted) if quoted is not None else plain
        name, _, rest = spelt.decode("ascii").lower().partition("*")
        if rest == "" and not spelt.endswith(b"*"):
            found.setdefault(name, octets)
            continue
        if rest in {"", "0", "0*"}:
            if name in found and name in charsets:
                continue
            found[name] = b""
            charsets[name] = ""
            if spelt.endswith(b"*") and octets.count(b"'") >= 2:
                charset, _, octets = octets.split(b"'", 2)
                charsets[name] = charset.decode("ascii", "replace")
        elif name not in charsets:
            continue
        found[name] += unquote_to_bytes(octets) if spelt.endswith(b"*") else octets
    return {
        name: in_charset(octets, charsets[name]) if name in charsets else words_decoded(octets)
        for name, octets in found.items()
    }


def _from_base64(octets: bytes, limit: int) -> bytes:
    """What can be read of it: mail may be cut off, or have a line of other text below."""
    letters = octets.partition(b"=")[0].translate(None, _BASE64)
    letters = letters[: limit * 4 // 3 + 4]
    spare = len(letters) % 4
    if spare == 1:
        letters, spare = letters[:-1], 0
    try:
        return binascii.a2b_base64(letters + b"=" * (-spare % 4))[:limit]
    except binascii.Error:
        return b""


def _word(found: re.Match[str]) -> str:
    charset, how, text, _ = found.groups()
    octets = text.encode("ascii", "replace")
    if how in "bB":
        octets = _from_base64(octets, len(octets))
    else:
        octets = binascii.a2b_qp(octets, header=True)
    return in_charset(octets, charset.partition("*")[0])
