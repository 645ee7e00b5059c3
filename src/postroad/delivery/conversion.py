"""Contents converted to 7 bits for a next hop without 8BITMIME (`downgrade`).

A small content is converted at once, so that its size is known and it goes out as any other does.
A large one is converted while it is read, in the thread that reads it: only one piece is held, and
its size is the original's, an estimate.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass

from postroad.delivery.downgrade import Downgrade
from postroad.delivery.reading import is_large
from postroad.model import Content

__all__ = ["converted"]


@dataclass(frozen=True, slots=True)
class _Whole:
    """A content in memory."""

    octets: bytes

    @property
    def size(self) -> int:
        return len(self.octets)

    def chunks(self) -> Iterator[bytes]:
        return iter((self.octets,))


@dataclass(frozen=True, slots=True)
class _Converted:
    """A content that is converted each time it is read."""

    original: Content

    @property
    def size(self) -> int:
        return self.original.size

    def chunks(self) -> Iterator[bytes]:
        machine = Downgrade()
        for chunk in self.original.chunks():
            yield machine.feed(chunk)
        yield machine.end()


async def converted(content: Content) -> tuple[Content, bool]:
    """The content in 7 bits, and whether its size is exact.

    Raises:
        postroad.spool.SpoolError: the content cannot be read.
        NestedTooDeeply: it cannot be converted; a large one says so when it is read.
    """
    lazily = _Converted(content)
    if is_large(content):
        return lazily, False
    return _Whole(await asyncio.to_thread(lambda: b"".join(lazily.chunks()))), True
