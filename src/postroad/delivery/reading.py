"""Takes a stored message's content piece by piece without making the event loop wait for a disk.

A small content is in memory, or is one short read; a large one is a file, and a file on a slow or
busy disk would hold up every other session. So each piece of a large one is read in a thread.
"""

from __future__ import annotations

import asyncio
from typing import Self

from postroad.model import Content

__all__ = ["Pieces", "first_octet", "is_large"]

LARGE = 131_072
"""Octets; as many as the spool keeps in a row by default. What is larger is a file."""


def is_large(content: Content) -> bool:
    """Whether reading the content is to be left to a thread."""
    return content.size > LARGE


async def first_octet(content: Content) -> bytes:
    """The first octet of a content; empty where it has none.

    Raises:
        postroad.spool.SpoolError: the content cannot be read.
    """
    async for piece in Pieces(content):
        if piece:
            return piece[:1]
    return b""


class Pieces:
    """The octets of a content in order, for `async for`.

    Raises:
        postroad.spool.SpoolError: the content cannot be read.
    """

    def __init__(self, content: Content) -> None:
        self._chunks = content.chunks()
        self._in_thread = is_large(content)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        if self._in_thread:
            piece = await asyncio.to_thread(next, self._chunks, None)
        else:
            piece = next(self._chunks, None)
        if piece is None:
            raise StopAsyncIteration
        return piece
