"""A new body as a milter sends it: in packets of its own choosing, perhaps of one octet each.

Up to some size it is in memory, where it is put together in few pieces. What is larger is put aside
in the spool, as bodies are that come from clients: many messages at once, each with a new body of
fifty megabytes, must not take more memory than as many small ones.
"""

from __future__ import annotations

from collections.abc import Callable

from postroad.model import Content
from postroad.model.content import AT_HAND, Octets
from postroad.spool import Aside, SpoolError

__all__ = ["GrowingBody"]


class GrowingBody:
    """One, as long as it grows."""

    __slots__ = ("_aside", "_begin", "_kept")

    def __init__(self, begin: Callable[[], Aside] | None) -> None:
        """Nothing came yet.

        Args:
            begin: makes room in the spool; `None`: there is none.
        """
        self._begin = begin
        self._aside: Aside | None = None
        self._kept = bytearray()

    def add(self, octets: bytes) -> None:
        """More of it; `put_away` before more comes, if it is large by now."""
        self._kept += octets

    @property
    def is_large(self) -> bool:
        """Whether more of it is in memory than is to be."""
        return len(self._kept) > AT_HAND

    async def put_away(self) -> None:
        """Put what is in memory aside.

        Raises:
            SpoolError: there is no room for it.
        """
        if self._aside is None:
            if self._begin is None:
                raise SpoolError(f"a new body of more than {AT_HAND} octets has no place")
            self._aside = self._begin()
        octets, self._kept = self._kept, bytearray()
        await self._aside.write(octets)

    async def content(self) -> Content:
        """All that came.

        Raises:
            SpoolError: there is no room for it.
        """
        if self._aside is None:
            return Octets(bytes(self._kept))
        if self._kept:
            await self.put_away()
        return self._aside.content()
