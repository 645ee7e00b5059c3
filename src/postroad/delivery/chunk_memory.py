"""Which hosts have taken a chunk (BDAT, RFC 3030), and which announce CHUNKING and do not know it.

Announced is not proved: a box before a server may pass its EHLO on and know no BDAT itself. What a
session learns is kept here for the next ones to the same endpoint: to one that has taken a chunk a
small message goes in one piece with its commands, and one that has not is sent none for a day.
Every worker learns for itself; what is forgotten costs one round trip.
"""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["ChunkMemory"]

KEPT = 86_400.0
"""Seconds for which either is believed: servers are exchanged."""

MOST = 1000
"""Endpoints that are remembered, some 200 KB; the one that was noted first goes first."""


class ChunkMemory:
    """What is known of endpoints, by their name in logs."""

    __slots__ = ("_clock", "_known")

    def __init__(self, clock: Callable[[], float]) -> None:
        """Nothing is known yet.

        Args:
            clock: seconds, of any beginning.
        """
        self._clock = clock
        self._known: dict[str, tuple[bool, float]] = {}

    def of(self, relay: str) -> bool | None:
        """Whether an endpoint knows BDAT; `None`: nobody has seen it.

        Args:
            relay: it, `mx.example.net[192.0.2.1]:25`.
        """
        known = self._known.get(relay)
        if known is None or self._clock() - known[1] >= KEPT:
            return None
        return known[0]

    def note(self, relay: str, knows: bool) -> None:
        """Remember what a session has learnt."""
        self._known.pop(relay, None)
        if len(self._known) >= MOST:
            del self._known[next(iter(self._known))]
        self._known[relay] = (knows, self._clock())
