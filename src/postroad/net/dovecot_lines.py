"""The lines of Dovecot's own protocols: fields with tabs between them, and what stands for a tab.

Dovecot's authentication and dict protocols are lines of such fields (its wiki, "Authentication
Protocol"; the marks are those of its `strescape.c`). A field comes from a stranger more often than
not: here it becomes one that can neither end the line nor begin another field. Client and server
read and write the same lines, and both are ours. Nothing here has a socket.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

__all__ = ["MAX_LINE", "escaped", "fields", "line", "named"]

MAX_LINE = 65_536
"""Octets of a line with its end: Dovecot's own bound for the dict protocol. The longest that an
authentication needs, a bearer token in base64, is some 20,000."""

_MARK = "\x01"
_MARKS: Mapping[str, str] = {
    "\x00": "\x010",
    "\x01": "\x011",
    "\t": "\x01t",
    "\r": "\x01r",
    "\n": "\x01n",
}
_MEANINGS: Mapping[str, str] = {marked[1]: plain for plain, marked in _MARKS.items()}
_TABLE = {ord(plain): marked for plain, marked in _MARKS.items()}
_MARKED = re.compile(f"{_MARK}(.?)", re.DOTALL)


def escaped(field: str) -> str:
    """A field as it stands in a line."""
    return field.translate(_TABLE)


def line(*texts: str) -> bytes:
    """The octets of a line of these fields, its end included.

    Octets that were no UTF-8 when they came (surrogates) leave as they came.
    """
    return ("\t".join(map(escaped, texts)) + "\n").encode("utf-8", "surrogateescape")


def fields(octets: bytes) -> tuple[str, ...]:
    """The fields of a line, with or without its end; at least one, perhaps empty.

    A mark that stands for nothing stands for the character behind it, as Dovecot has it.
    """
    text = octets.removesuffix(b"\n").decode("utf-8", "surrogateescape")
    if _MARK not in text:
        return tuple(text.split("\t"))
    return tuple(map(_plain, text.split("\t")))


def named(texts: Iterable[str]) -> dict[str, str]:
    """The fields `name=value` by their name, of a name twice the first; `name` alone is empty."""
    found: dict[str, str] = {}
    for text in texts:
        name, _, value = text.partition("=")
        found.setdefault(name, value)
    return found


def _plain(field: str) -> str:
    return _MARKED.sub(lambda mark: _MEANINGS.get(mark[1], mark[1]), field)
