"""A message as a program reads it: lines ended its way, and what the flags of pipe(8) add. Pure.

The content comes in pieces that end anywhere and is passed on in pieces; of a message of any size
no more than two are in memory.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator, Set

from postroad.model import Content, StoredRecipient

__all__ = ["adapted", "has_been_delivered", "preamble"]

_LONGEST_LINE = 65_536  # octets that are held to find the end of a line; what is longer goes on
_HEADER = 65_536  # octets of a header that are searched for Delivered-To
_DELIVERED_TO = re.compile(rb"(?:\A|\r\n)delivered-to:[ \t]*([^\r\n]*)", re.IGNORECASE)


def preamble(
    flags: Set[str], sender: str, recipient: StoredRecipient, now: float, eol: str
) -> bytes:
    """The lines that come before the message, in Postfix's order (mail_copy(3)).

    Args:
        flags: the letters of pipe(8).
        sender: the reverse-path, or what stands for the null one.
        recipient: for whom.
        now: seconds since the epoch, for the line that separates messages in a file.
        eol: how lines end.
    """
    lines = []
    if "F" in flags:
        lines.append(f"From {sender.replace(' ', '_')} {time.asctime(time.gmtime(now))}")
    if "R" in flags:
        lines.append(f"Return-Path: <{sender}>")
    if "O" in flags:
        lines.append(f"X-Original-To: {recipient.original}")
    if "D" in flags:
        lines.append(f"Delivered-To: {recipient.address}")
    return "".join(f"{line}{eol}" for line in lines).encode("utf-8", "replace")


def adapted(pieces: Iterable[bytes], flags: Set[str], eol: str) -> Iterator[bytes]:
    """The content with lines ended by `eol`, and those quoted that the flags `.` and `>` name.

    Args:
        pieces: the content, its lines ended by CRLF only.
        flags: the letters of pipe(8).
        eol: how lines end.
    """
    quoting, end = _quoting(flags), eol.encode()
    held, begins = b"", True
    for piece in pieces:
        data = held + piece
        cut = data.rfind(b"\r\n") + 2
        if cut < 2:
            if len(data) <= _LONGEST_LINE:
                held = data
                continue
            cut = len(data) - 1  # the last octet may be the CR of an end
            yield _quoted(data[:cut], quoting, begins=begins).replace(b"\r\n", end)
            begins = False
        else:
            yield _quoted(data[:cut], quoting, begins=begins).replace(b"\r\n", end)
            begins = True
        held = data[cut:]
    if held:
        yield _quoted(held, quoting, begins=begins)
    if "B" in flags:
        yield end


def has_been_delivered(content: Content, recipient: StoredRecipient) -> bool:
    """Whether the header says that the recipient had it before (flag D): it goes in circles.

    Raises:
        SpoolError: the content cannot be read.
    """
    start = b""
    for piece in content.chunks():
        start += piece
        if len(start) > _HEADER or b"\r\n\r\n" in start:
            break
    header = start.partition(b"\r\n\r\n")[0][:_HEADER]
    wanted = str(recipient.address).lower().encode("utf-8", "replace")
    return any(found[1].strip().lower() == wanted for found in _DELIVERED_TO.finditer(header))


def _quoting(flags: Set[str]) -> tuple[tuple[bytes, bytes], ...]:
    """What a line begins with, and what it begins with then."""
    dots = ((b".", b".."),) if "." in flags else ()
    return (*dots, (b"From ", b">From ")) if ">" in flags else dots


def _quoted(data: bytes, quoting: tuple[tuple[bytes, bytes], ...], *, begins: bool) -> bytes:
    for start, instead in quoting:
        data = data.replace(b"\r\n" + start, b"\r\n" + instead)
        if begins and data.startswith(start):
            data = instead + data[len(start) :]
    return data
