"""What is put right in a message of a local program: its header, and the ends of its lines.

Programs of the machine write what they like, and always could: addresses without a domain, no From
field, recipients that nobody shall see, lines that end in LF. A mail server's first duty to them is
what RFC 6409 §8 asks for submissions, done as Postfix's cleanup does it. Date and Message-ID are
the door's to add, as for everybody who submits.

The header is looked at as text with LF line ends, in one piece and with a bound; of the body
nothing is changed but the ends of its lines.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from postroad.maildrop.addresses import completed

__all__ = ["Author", "LineEnds", "corrected", "split"]

_FIELD = re.compile(rb"(?P<name>[!-9;-~]+)[ \t]*:(?P<value>[^\n]*\n(?:[ \t][^\n]*\n)*)")
_FIELDS = re.compile(rb"(?:[!-9;-~]+[ \t]*:[^\n]*\n(?:[ \t][^\n]*\n)*)*")
_MAILBOX_LINES = re.compile(rb"(?:>*From [^\n]*\n)*")
_UNSAFE = re.compile(rb"[\x00\r]")

_DROPPED = frozenset({b"bcc", b"resent-bcc", b"return-path", b"content-length"})
"""Fields that do not travel: Postfix's message_drop_headers."""

_ADDRESSES = frozenset(
    prefix + name
    for prefix in (b"", b"resent-")
    for name in (b"from", b"sender", b"reply-to", b"to", b"cc")
)
"""Fields whose addresses are completed."""

_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ \t-]*\Z")


@dataclass(frozen=True, slots=True)
class Author:
    """Whom a From field names that is missing.

    Attributes:
        address: the sender's; empty for the null one.
        full_name: empty for none.
        postmaster: the address that stands for the null sender.
    """

    address: str
    full_name: str
    postmaster: str

    @property
    def text(self) -> str:
        """As it stands in the field."""
        if not self.address:
            return self.postmaster
        name = "".join(c if c.isprintable() else " " for c in self.full_name).strip()
        if not name:
            return self.address
        if not _ATOMS.match(name):
            escaped = name.replace("\\", "\\\\").replace('"', '\\"')
            name = f'"{escaped}"'
        return f"{name} <{self.address}>"


def split(octets: bytes) -> tuple[bytes, bytes]:
    """Divide the start of a message, with LF line ends, into its fields and what follows them.

    The separators of an mbox file at its top are left out. What follows begins with the blank line;
    where there is none, because a line comes that is no field, one is put there. The last line of
    a message that is all here has to be a whole one.
    """
    match = _MAILBOX_LINES.match(octets)
    start = match.end() if match else 0
    match = _FIELDS.match(octets, start)
    end = match.end() if match else start
    fields, rest = octets[start:end], octets[end:]
    return fields, rest if rest.startswith(b"\n") else b"\n" + rest


def corrected(fields: bytes, author: Author, origin: str, resent: tuple[bytes, bytes]) -> bytes:
    """A header section put right.

    Args:
        fields: whole field lines, ended by LF.
        author: for a From field that is missing.
        origin: the domain of addresses that have none.
        resent: the Resent-Date and Resent-Message-ID of a message that is resent and lacks them
            (RFC 5322 §3.6.6): whole lines.
    """
    parts: list[bytes] = []
    names: set[bytes] = set()
    for match in _FIELD.finditer(_UNSAFE.sub(b" ", fields)):
        name = match["name"].lower()
        if name in _DROPPED:
            continue
        names.add(name)
        parts.append(_completed(match, origin) if name in _ADDRESSES else match[0])
    return b"".join([*parts, *_missing(names, author, resent)])


def _completed(match: re.Match[bytes], origin: str) -> bytes:
    text = match["value"].decode("utf-8", "surrogateescape")
    value = completed(text, origin)
    if value == text:
        return match[0]
    blank = b"" if value.startswith((" ", "\t", "\n")) else b" "
    return match["name"] + b":" + blank + value.encode("utf-8", "surrogateescape")


def _missing(names: set[bytes], author: Author, resent: tuple[bytes, bytes]) -> Iterator[bytes]:
    is_resent = any(name.startswith(b"resent-") for name in names)
    prefix = b"resent-" if is_resent else b""
    if prefix + b"from" not in names:
        word = "Resent-From" if is_resent else "From"
        yield f"{word}: {author.text}\n".encode("utf-8", "surrogateescape")
    if is_resent:
        if b"resent-date" not in names:
            yield resent[0]
        if b"resent-message-id" not in names:
            yield resent[1]


class LineEnds:
    """Makes CRLF of every end of a line, LF or CRLF, and a blank of a CR alone, as Postfix does."""

    __slots__ = ("_at_end", "_pending")

    def __init__(self) -> None:
        self._pending = False  # a CR was the last octet
        self._at_end = True  # a line has just ended, or none begun

    def feed(self, chunk: bytes) -> bytes:
        """The next octets, with their line ends made right."""
        if not chunk:
            return b""
        if self._pending:
            chunk = b"\r" + chunk
        self._pending = chunk.endswith(b"\r")
        if self._pending:
            chunk = chunk[:-1]
        if b"\r" in chunk:
            chunk = chunk.replace(b"\r\n", b"\n").replace(b"\r", b" ")
        if chunk:
            self._at_end = chunk.endswith(b"\n")
        return chunk.replace(b"\n", b"\r\n")

    def finish(self) -> bytes:
        """What is missing at the end: a message ends with a whole line (RFC 5321 §4.1.1.4)."""
        if self._pending:
            return b" \r\n"
        return b"" if self._at_end else b"\r\n"
