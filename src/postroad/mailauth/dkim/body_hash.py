"""The hashes of a body that signatures ask for, all in one pass (RFC 6376 §3.7).

Each pair of a canonicalization and a length is hashed once, however many signatures name it. The
octets come in pieces and none is kept. A large body may be a file, and takes a while: it is read
and hashed in a thread.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from postroad.mailauth.dkim.canonicalization import BodyCanonicalization, Canonicalization
from postroad.model import Content
from postroad.model.content import AT_HAND

__all__ = ["BodyHash", "Wanted", "body_hashes"]


class Wanted(NamedTuple):
    """What a signature asks for: `c=` of the body, and `l=` in octets, `None` for all."""

    way: Canonicalization
    length: int | None = None


class BodyHash(NamedTuple):
    """What it gets.

    Attributes:
        digest: SHA-256.
        size: octets of the whole body, made ready.
    """

    digest: bytes
    size: int


async def body_hashes(body: Content, wanted: Iterable[Wanted]) -> Mapping[Wanted, BodyHash]:
    """Hash a body in every way that is asked for.

    Args:
        body: all that follows the blank line; lines ended by CRLF.
        wanted: the ways.

    Raises:
        postroad.spool.SpoolError: it cannot be read.
    """
    ways = set(wanted)
    if not ways:
        return {}
    if body.size <= AT_HAND:
        return _hashed(body.chunks(), ways)
    return await asyncio.to_thread(_hashed, body.chunks(), ways)


def _hashed(chunks: Iterator[bytes], wanted: set[Wanted]) -> Mapping[Wanted, BodyHash]:
    passes = [_Pass(way, wanted) for way in {each.way for each in wanted}]
    for chunk in chunks:
        for one in passes:
            one.feed(chunk)
    found: dict[Wanted, BodyHash] = {}
    for one in passes:
        found.update(one.end())
    return found


class _Pass:
    """One canonicalization of a body, and the hashes of its beginnings."""

    def __init__(self, way: Canonicalization, wanted: set[Wanted]) -> None:
        self._machine = BodyCanonicalization(way)
        self._hashes = {each: hashlib.sha256() for each in wanted if each.way is way}
        self._size = 0

    def feed(self, chunk: bytes) -> None:
        self._take(self._machine.feed(chunk))

    def end(self) -> Iterator[tuple[Wanted, BodyHash]]:
        self._take(self._machine.end())
        for wanted, hashed in self._hashes.items():
            yield wanted, BodyHash(hashed.digest(), self._size)

    def _take(self, pieces: Iterable[bytes]) -> None:
        for piece in pieces:
            for wanted, hashed in self._hashes.items():
                if wanted.length is None:
                    hashed.update(piece)
                elif (left := wanted.length - self._size) > 0:
                    hashed.update(piece[:left])
            self._size += len(piece)
