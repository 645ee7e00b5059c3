"""The classifier's memories, as what users move is put into them: implements `Memory`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from postroad.filters.builtin.bayes.learning import lesson_of
from postroad.filters.builtin.bayes.lesson import Learned
from postroad.filters.builtin.bayes.mark import mark_of
from postroad.filters.builtin.bayes.store import StoreUnavailable
from postroad.filters.builtin.bayes.stores import Stores
from postroad.filters.builtin.reading import message_of
from postroad.filters.moves.lesson import SITE, MemoryAway

__all__ = ["BayesMemory"]

_Answer = TypeVar("_Answer")


class BayesMemory:
    """Implements `Memory`: reads and writes in threads."""

    def __init__(self, stores: Stores) -> None:
        """Nothing is opened yet.

        Args:
            stores: the memories of the server.
        """
        self._stores = stores

    async def known(self, message: bytes, whose: str) -> bool | None:
        """See `Memory.known`."""

        def look() -> bool | None:
            fields, body = message_of(message)
            return self._stores.known(mark_of(fields, body), whose)

        return await _in_thread(look)

    async def learn(self, message: bytes, whose: str, *, is_spam: bool | None) -> bool:
        """See `Memory.learn`."""

        def learn() -> bool:
            (done,) = self._stores.learn([lesson_of(message, is_spam=is_spam)], whose)
            return done in {Learned.NEW, Learned.CHANGED, Learned.FORGOTTEN}

        return await _in_thread(learn)

    async def learned(self) -> tuple[int, int]:
        """See `Memory.learned`."""

        def count() -> tuple[int, int]:
            known = self._stores.counts((), SITE)  # without counting its words, which takes long
            return known.spam, known.ham

        return await _in_thread(count)


async def _in_thread(work: Callable[[], _Answer]) -> _Answer:
    try:
        return await asyncio.to_thread(work)
    except StoreUnavailable as error:
        raise MemoryAway(str(error)) from error
