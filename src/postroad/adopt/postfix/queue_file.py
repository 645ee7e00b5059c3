"""A message in Postfix's queue: its records, and what they say.

A queue file is a row of records: a letter, a length in groups of seven bits with the lowest first,
and so many octets. A pointer (`p`) says where the next record is, because Postfix changes files in
place. The envelope comes first, then the content between `M` and `X`, then what was found in the
header. Recipients that are done have another letter (`D`). A file of which anything is not as it
should be is not read at all.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

__all__ = ["OldMessage", "OldRecipient", "QueueFileMistake", "contents", "read_queue_file"]

MAX_RECORD = 1_000_000
"""Octets of one record; Postfix cuts lines at 2,048 by default."""

MAX_RECORDS = 50_000_000
"""Records of one file: pointers that go round in a circle end there."""

LATEST = 253_402_300_799
"""Seconds since the epoch at the end of the year 9999, the last that a date field can hold."""

_CHUNK = 65_536
_STRICT = frozenset("SROoi")  # addresses, and what goes into the parameters of SMTP
_NUMBER = re.compile(r"[0-9]{1,15}\Z")  # Postfix pads numbers to 15 digits; none of them is more


class QueueFileMistake(Exception):
    """A file is no complete message of a queue. The text says why."""


@dataclass(frozen=True, slots=True)
class OldRecipient:
    """One recipient who has not got the message.

    Attributes:
        address: where it goes.
        original: whom the client named; empty: the same.
        orcpt: DSN's original recipient, `type;address` in xtext; empty: none.
        notify: DSN's NOTIFY as Postfix's bits: 1 never, 2 success, 4 failure, 8 delay; 0: none.
    """

    address: str
    original: str = ""
    orcpt: str = ""
    notify: int = 0


@dataclass(slots=True)
class OldMessage:
    """A message's envelope, and where its content is.

    Attributes:
        arrived: seconds since the epoch.
        sender: the reverse-path; empty: the null one.
        recipients: those who wait for it.
        attributes: `name=value` records: `encoding`, `sasl_username`, `client_address`, …
        envid: DSN's ENVID, in xtext.
        ret: DSN's RET as Postfix's bits: 1 full, 2 headers; 0: none.
        content_at: where the first record of the content is.
    """

    arrived: float = 0.0
    sender: str | None = None
    recipients: list[OldRecipient] = field(default_factory=list)
    attributes: dict[str, str] = field(default_factory=dict)
    envid: str = ""
    ret: int = 0
    content_at: int = 0


def read_queue_file(path: Path) -> OldMessage:
    """The envelope of a message.

    Raises:
        QueueFileMistake: the file is none, or not complete.
        OSError: it cannot be read.
    """
    message = OldMessage()
    pending, ended = OldRecipient(""), False
    with path.open("rb") as file:
        for letter, data in _records(file):
            text = _text(letter, data)
            if letter == "E":
                break
            if letter == "T":
                message.arrived = _moment(text)
            elif letter == "S" and message.sender is None:
                message.sender = text
            elif letter == "A":
                name, _, value = text.partition("=")
                message.attributes[name] = value
            elif letter == "M":
                message.content_at = file.tell()
            elif letter == "X":
                ended = bool(message.content_at)
            elif letter == "i":
                message.envid = text
            elif letter == "<":
                message.ret = _number(text)
            else:
                pending = _recipient(message, pending, letter, text)
        else:
            raise QueueFileMistake("it ends before its last record")
    if message.sender is None or not ended:
        raise QueueFileMistake("it has no sender or no content")
    if not message.arrived:  # as old as that, it would be returned at once
        raise QueueFileMistake("it does not say when it came in")
    return message


def _recipient(message: OldMessage, pending: OldRecipient, letter: str, text: str) -> OldRecipient:
    """A record about recipients: what is said of one comes before his address."""
    if letter == "O":
        return OldRecipient("", text, pending.orcpt, pending.notify)
    if letter == "o":
        return OldRecipient("", pending.original, text, pending.notify)
    if letter == "n":
        return OldRecipient("", pending.original, pending.orcpt, _number(text))
    if letter == "R":
        message.recipients.append(
            OldRecipient(text, pending.original, pending.orcpt, pending.notify)
        )
    if letter in "RD/":  # D: he has it; /: he was taken out again
        return OldRecipient("")
    return pending


def contents(path: Path, message: OldMessage) -> Iterator[bytes]:
    """The content in pieces, its lines ended by CRLF.

    Raises:
        QueueFileMistake: it ends in the middle.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        file.seek(message.content_at)
        piece = bytearray()
        for letter, data in _records(file):
            if letter == "X":
                break
            if letter in "NL":
                piece += data
            if letter == "N":
                piece += b"\r\n"
            if len(piece) >= _CHUNK:
                yield bytes(piece)
                piece.clear()
        else:
            raise QueueFileMistake("its content has no end")
        if piece:
            yield bytes(piece)


def _records(file: BinaryIO) -> Iterator[tuple[str, bytes]]:
    """The records from here on; pointers are followed."""
    for _ in range(MAX_RECORDS):
        letter = file.read(1)
        if not letter:
            return
        length, shift = 0, 0
        while True:
            octet = file.read(1)
            if not octet or shift > 28:
                raise QueueFileMistake("a record has no length")
            length |= (octet[0] & 0x7F) << shift
            if not octet[0] & 0x80:
                break
            shift += 7
        if length > MAX_RECORD:
            raise QueueFileMistake("a record is too long")
        data = file.read(length)
        if len(data) < length:
            raise QueueFileMistake("a record is cut off")
        if letter == b"p":
            place = _number(data.decode("ascii", "replace"))
            if place > 0:  # 0: the next record follows
                file.seek(place)
            continue
        yield letter.decode("latin-1"), data
    raise QueueFileMistake("its records go round in a circle")


def _text(letter: str, data: bytes) -> str:
    """A record as text. Content and what is only told of a message may hold anything."""
    try:
        return data.decode("utf-8", "strict" if letter in _STRICT else "replace")
    except UnicodeDecodeError:
        raise QueueFileMistake("an address or a parameter is not UTF-8") from None


def _number(text: str) -> int:
    word = text.split(maxsplit=1)[0] if text.strip() else ""
    if not _NUMBER.match(word):
        raise QueueFileMistake(f'expected a number, not "{text[:20]}"')
    return int(word)


def _moment(text: str) -> float:
    """`seconds microseconds`, of which older Postfixes have the first only."""
    words = text.split()
    seconds = _number(text)
    if seconds > LATEST:
        raise QueueFileMistake("it says no time that was")
    return seconds + (_number(words[1]) / 1e6 if len(words) > 1 else 0.0)
