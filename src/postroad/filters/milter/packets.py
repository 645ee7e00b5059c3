"""The packets of the milter protocol: a length, a letter, and data.

Only the form is known here; what a packet means is `answers`' and `session`'s business. A milter is
a program on this machine or beside it, but it is a program: what it sends is bounded before it is
read.
"""

from __future__ import annotations

import struct
from enum import Enum

__all__ = [
    "CHUNK",
    "LONGEST",
    "Command",
    "Excess",
    "Garbage",
    "Packet",
    "long",
    "packet",
    "size_of",
    "texts",
]

CHUNK = 65_535
"""Octets of a body in one packet (MILTER_CHUNK_SIZE)."""

LONGEST = 1_048_576 + 64
"""Octets of a packet that a milter may send. Libraries for milters have 64 KiB, and allow for a
megabyte at most; 4 GiB, which a length can say, would be all of our memory."""

_LENGTH = struct.Struct("!I")


class Garbage(Exception):
    """A milter said what the protocol does not have; the message says what, for an operator."""


class Excess(Garbage):
    """A milter wants more of a message changed than is done; the message may have provoked it."""


class Command(Enum):
    """What a mail server tells a milter."""

    ABORT = b"A"
    BODY = b"B"
    CONNECT = b"C"
    MACRO = b"D"
    END_OF_MESSAGE = b"E"
    HELO = b"H"
    HEADER = b"L"
    MAIL = b"M"
    END_OF_HEADER = b"N"
    NEGOTIATE = b"O"
    QUIT = b"Q"
    RCPT = b"R"
    DATA = b"T"
    UNKNOWN = b"U"


class Packet:
    """One that came.

    Attributes:
        kind: its letter.
        data: what follows it.
    """

    __slots__ = ("data", "kind")

    def __init__(self, octets: bytes) -> None:
        """A packet's octets, without its length."""
        self.kind = octets[:1]
        self.data = octets[1:]


def packet(command: Command, data: bytes = b"") -> bytes:
    """A packet as it is sent."""
    return b"".join((_LENGTH.pack(1 + len(data)), command.value, data))


def size_of(length: bytes) -> int:
    """How many octets the packet has that these four announce.

    Raises:
        Garbage: none has so many, or so few.
    """
    (size,) = _LENGTH.unpack(length)
    if not 1 <= size <= LONGEST:
        raise Garbage(f"a packet of {size:,} octets")
    return int(size)


def texts(data: bytes, count: int | None = None) -> list[bytes]:
    """The texts in a packet, each of which ends with a NUL.

    Args:
        data: all of them, and nothing else.
        count: how many there are to be; `None`: any number.

    Raises:
        Garbage: they are not.
    """
    if data and not data.endswith(b"\0"):
        raise Garbage("a text without an end")
    found = data.split(b"\0")[:-1]
    if count is not None and len(found) != count:
        raise Garbage(f"{len(found)} texts in place of {count}")
    return found


def long(data: bytes) -> tuple[int, bytes]:
    """The number at the beginning of a packet's data, and the rest.

    Raises:
        Garbage: there is none.
    """
    if len(data) < _LENGTH.size:
        raise Garbage("a packet that is too short for its number")
    return int(_LENGTH.unpack_from(data)[0]), data[_LENGTH.size :]
