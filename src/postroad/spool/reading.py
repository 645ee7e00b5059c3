"""Contents read without holding up the event loop: small ones at once, large ones in a thread."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

from postroad.model import Content
from postroad.model.content import AT_HAND

__all__ = ["TooLarge", "joined", "pieces"]


class TooLarge(Exception):
    """A content has more octets than whoever asked for it would take."""


async def pieces(content: Content) -> AsyncIterator[bytes]:
    """The octets of a content in order, in pieces of bounded size.

    Args:
        content: of any size.

    Raises:
        SpoolError: it cannot be read.
    """
    if content.size <= AT_HAND:
        for piece in content.chunks():
            yield piece
        return
    chunks = content.chunks()
    while (next_one := await asyncio.to_thread(_next, chunks)) is not None:
        yield next_one


async def joined(content: Content, limit: int = 0) -> bytes:
    """All octets of a content at once.

    Args:
        content: of any size.
        limit: octets that the caller takes at most; 0: any number.

    Raises:
        TooLarge: there are more.
        SpoolError: it cannot be read.
    """
    if limit and content.size > limit:
        raise TooLarge(f"{content.size} octets, of {limit} at most")
    if content.size <= AT_HAND:
        return b"".join(content.chunks())
    return await asyncio.to_thread(lambda: b"".join(content.chunks()))


def _next(chunks: Iterator[bytes]) -> bytes | None:
    return next(chunks, None)
