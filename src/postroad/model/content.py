"""Contents that are in memory, and how large a content may be to be read without a thread."""

from __future__ import annotations

from collections.abc import Iterator

__all__ = ["AT_HAND", "PIECE", "Octets"]

AT_HAND = 131_072
"""Octets up to which the `chunks` of a content are taken on the event loop: they are in memory, or
come from one short read. Those of a larger one may wait for a disk, and are read in a thread
(`spool.reading`)."""

PIECE = 65_536
"""Octets of what is handed out at once, about."""


class Octets:
    """A content in memory; implements `Content`."""

    __slots__ = ("_octets",)

    def __init__(self, octets: bytes) -> None:
        """A content of these octets."""
        self._octets = octets

    @property
    def size(self) -> int:
        """Octets in all."""
        return len(self._octets)

    def chunks(self) -> Iterator[bytes]:
        """The octets in order."""
        octets = self._octets
        if len(octets) <= PIECE:
            if octets:
                yield octets
            return
        for start in range(0, len(octets), PIECE):
            yield octets[start : start + PIECE]
