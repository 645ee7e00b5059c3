"""A body of an examiner's making, with whole line ends only (RFC 5321 §2.3.8).

It may be as large as a message may be, and come for many messages at once. So it is never copied
whole: it is looked through once, a piece at a time, and where bare CR or LF were seen, they are
mended each time that it is read. All work on a piece is done by `bytes.replace`, in which other
threads wait for some tens of microseconds.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import NamedTuple

from postroad.model import Content
from postroad.model.content import AT_HAND, PIECE
from postroad.smtp.line_ends import are_paired

__all__ = ["NewBody", "new_body"]


class NewBody(NamedTuple):
    """What was found.

    Attributes:
        content: the body, as it is to be stored.
        eight_bit: whether it has octets of eight bits.
    """

    content: Content
    eight_bit: bool


async def new_body(body: Content, *, is_binary: bool) -> NewBody:
    """Look a new body through.

    Args:
        body: as an examiner gave it.
        is_binary: whether it need not consist of lines, and stays as it is.

    Raises:
        SpoolError: it cannot be read.
    """
    if body.size <= AT_HAND:
        return _looked_through(body, is_binary)
    return await asyncio.to_thread(_looked_through, body, is_binary)


def _looked_through(body: Content, is_binary: bool) -> NewBody:
    size = 0
    eight_bit = is_bare = False
    for piece in _whole(_cut(body)):
        size += len(piece.mended)
        eight_bit = eight_bit or not piece.came.isascii()
        is_bare = is_bare or piece.mended is not piece.came
    if is_binary or not is_bare:
        return NewBody(body, eight_bit)
    return NewBody(_Mended(body, size), eight_bit)


class _Mended:
    """Implements `Content`."""

    __slots__ = ("_body", "size")

    def __init__(self, body: Content, size: int) -> None:
        self._body = body
        self.size = size

    def chunks(self) -> Iterator[bytes]:
        """The octets in order."""
        return (piece.mended for piece in _whole(_cut(self._body)))


class _Piece(NamedTuple):
    came: bytes
    mended: bytes  # the same object where nothing was to be mended


def _cut(body: Content) -> Iterator[bytes]:
    """The octets in pieces of bounded size, whatever size it gives them."""
    for chunk in body.chunks():
        if len(chunk) <= PIECE:
            yield chunk
        else:
            for start in range(0, len(chunk), PIECE):
                yield chunk[start : start + PIECE]


def _whole(pieces: Iterator[bytes]) -> Iterator[_Piece]:
    """Pieces of which none ends within a CRLF, and what they are with whole line ends."""
    kept = b""
    for each in pieces:
        octets = kept + each if kept else each
        kept = b"\r" if octets.endswith(b"\r") else b""
        if kept:
            octets = octets[:-1]
        if octets:
            yield _Piece(octets, _mended(octets))
    if kept:
        yield _Piece(kept, b"\r\n")


def _mended(octets: bytes) -> bytes:
    if are_paired(octets):
        return octets
    return octets.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\n", b"\r\n")
