"""A message on standard input, as programs write it: where it ends, and whom its header names.

Lines may end in LF or CRLF, the last one in neither; CRs before a LF are left out, as Postfix does
by default. A line with nothing but a dot ends the message, unless the command line said that it
does not. It streams: what is held is a header, up to its limit, and a piece of the body.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator

from postroad.cli.sendmail_options import Failure
from postroad.maildrop.addresses import written

__all__ = ["Message"]

CHUNK = 262_144
"""Octets that are read at once."""

HEADER_LIMIT = 1_048_576
"""Octets of a header that recipients are looked for in, where the server names no limit."""

Source = Callable[[int], bytes]

_END = re.compile(rb"\r+\n")
_DOT = re.compile(rb"(?:\A|\n)\.\n")
_FIELD = re.compile(rb"([!-9;-~]+)[ \t]*:([^\n]*(?:\n[ \t][^\n]*)*)(?:\n|\Z)")
_SEPARATORS = re.compile(rb"(?:>*From [^\n]*\n)*")

_NAMED = frozenset({b"to", b"cc", b"bcc"})
_RESENT = frozenset({b"resent-to", b"resent-cc", b"resent-bcc"})


class Message:
    """A message that is being read. Its header is known before anything of it is written."""

    __slots__ = ("_chunks", "_dot", "_limit", "_start")

    def __init__(self, source: Source, *, ends_at_dot: bool, limit: int = 0) -> None:
        """Nothing is read yet.

        Args:
            source: gives some octets, at most so many; none at the end.
            ends_at_dot: whether a line with nothing but a dot ends it.
            limit: octets that a header may have; 0: `HEADER_LIMIT`.
        """
        self._dot = ends_at_dot
        self._limit = limit or HEADER_LIMIT
        lines = _with_line_ends(source)
        self._chunks = _up_to_dot(lines) if ends_at_dot else lines
        self._start = b""

    def recipients(self) -> list[str]:
        """Whom its header names: in the Resent- fields where there are some (RFC 5322 §3.6.6).

        Raises:
            Failure: the header is too long, or cannot be read.
        """
        named: list[str] = []
        resent: list[str] = []
        is_resent = False
        for name, value in self._fields():
            if name in _NAMED:
                named += _addresses(value)
            elif name in _RESENT:
                is_resent = True
                resent += _addresses(value)
        return resent if is_resent else named

    def chunks(self) -> Iterator[bytes]:
        """All octets, in pieces.

        Raises:
            Failure: they cannot be read.
        """
        if self._start:
            yield self._start
        yield from self._chunks

    def _fields(self) -> list[tuple[bytes, bytes]]:
        """Names, in lower case, and values; the limit is the server's, which counts CRLF."""
        found: list[tuple[bytes, bytes]] = []
        is_whole = self._read_header()
        start = self._start
        match = _SEPARATORS.match(start)
        at = match.end() if match else 0
        while (match := _FIELD.match(start, at)) is not None:
            found.append((match[1].lower(), match[2]))
            at = match.end()
        goes_on = not is_whole and b"\n" not in start[at:]  # no whole line that is no field
        if goes_on or at + start.count(b"\n", 0, at) > self._limit:
            raise Failure(os.EX_DATAERR, "unable to extract recipients: header too long")
        return found

    def _read_header(self) -> bool:
        """Read as far as a header goes, or may go; whether its end was seen."""
        start = bytearray()
        try:
            for chunk in self._chunks:
                start += chunk
                if b"\n\n" in start or start.startswith(b"\n"):
                    return True
                if len(start) > self._limit + CHUNK:  # what is counted is decided in `_fields`
                    return False
            return True
        finally:
            self._start = bytes(start)


def _addresses(value: bytes) -> list[str]:
    return [each.address for each in written(value.decode("utf-8", "surrogateescape"))]


def _with_line_ends(source: Source) -> Iterator[bytes]:
    """The input with LF for line ends; CRs that a LF may still follow wait for it."""
    held = b""
    while True:
        try:
            chunk = source(CHUNK)
        except OSError as error:
            raise Failure(os.EX_DATAERR, f"error reading input: {error.strerror}") from None
        if not chunk:
            break
        chunk = held + chunk
        body = chunk.rstrip(b"\r")
        held = chunk[len(body) :][-CHUNK:]
        if body:
            yield _END.sub(b"\n", body) if b"\r" in body else body
    if held:
        yield held


def _up_to_dot(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """All lines before the first that is nothing but a dot."""
    held = b""  # the end of what came, as far as a dot may be in it: "\n" and "\n."
    at_start = True
    for chunk in chunks:
        text = held + chunk
        # `\A` of the pattern must be the start of a line: of the message, or of what is held.
        found = _DOT.search(text if at_start or held else b" " + text)
        if found is not None:
            end = found.start() - (0 if at_start or held else 1)
            keep = text[: end + 1] if found[0].startswith(b"\n") else b""
            if keep:
                yield keep
            return
        held = text[-2:] if text.endswith(b"\n.") else text[-1:] if text.endswith(b"\n") else b""
        if at_start and text == b".":
            held = b"."
        if len(text) > len(held):
            yield text[: len(text) - len(held)]
            at_start = False
    if held in (b"\n.", b"."):
        held = held[:-1]
    if held:
        yield held
