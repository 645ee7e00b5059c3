"""Connections to whoever answers look-ups: kept, few, with a time limit, made anew once.

A server that was started anew leaves connections behind that look well until they are used, so a
question that fails on a kept connection is asked once more on a new one. A question that was cut
off leaves an answer in the connection that would be taken for the next one's: the connection is
dropped. A server that cannot be reached is left alone for some seconds, so that a thousand
sessions do not each wait for it in turn.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from postroad.tables.table import TableUnavailable

__all__ = ["Bounds", "Gone", "Kept", "Place"]

MOST = 4
"""Connections of one table in one worker; each of them answers thousands of questions a second."""

_Answer = TypeVar("_Answer")


class Gone(Exception):
    """A connection broke, or could not be made; the text says how."""


class Place(Protocol):
    """A connection."""

    async def close(self) -> None:
        """Drop it. Must not raise."""
        ...


_Place = TypeVar("_Place", bound=Place)


@dataclass(frozen=True, slots=True)
class Bounds:
    """How long things may take, in seconds.

    Attributes:
        answer: a question, with everything that it takes to ask it.
        idle: how long a connection that nobody used is still trusted.
        retry: how long a server that could not be reached is left alone.
        connections: how many there are at most; a number.
    """

    answer: float = 10.0
    idle: float = 60.0
    retry: float = 5.0
    connections: int = MOST


class Kept(Generic[_Place]):
    """The connections of one table.

    Args:
        dials: each makes a connection to one server, tried in this order; they raise `Gone`.
        bounds: the time limits.
        clock: seconds, from anywhere.
    """

    def __init__(
        self,
        dials: Callable[[], Sequence[Callable[[], Awaitable[_Place]]]],
        bounds: Bounds,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._dials = dials
        self._bounds = bounds
        self._clock = clock
        self._idle: list[tuple[float, _Place]] = []
        self._room = asyncio.Semaphore(bounds.connections)
        self._down_until = 0.0
        self._down = ""
        self._closed = False

    async def ask(self, question: Callable[[_Place], Awaitable[_Answer]]) -> _Answer:
        """What a question gets as its answer.

        Args:
            question: asks it on a connection. It raises `Gone` where the connection is broken,
                `TableUnavailable` where the answer is that there is none; both drop it.

        Raises:
            TableUnavailable: no answer, or none in time.
        """
        try:
            async with asyncio.timeout(self._bounds.answer), self._room:
                return await self._twice(question)
        except TimeoutError as error:
            raise TableUnavailable(f"no answer in {self._bounds.answer:g} seconds") from error
        except Gone as error:
            raise TableUnavailable(str(error)) from error

    async def close(self) -> None:
        """Drop the connections that nobody uses; those in use drop when their answer is there."""
        self._closed = True
        await self._drop_idle()

    async def _drop_idle(self) -> None:
        while self._idle:
            await self._idle.pop()[1].close()

    async def _twice(self, question: Callable[[_Place], Awaitable[_Answer]]) -> _Answer:
        kept = await self._kept()
        if kept is not None:
            try:
                return await self._once(kept, question)
            except Gone:
                await self._drop_idle()  # the others are as old, and the server is a new one
        return await self._once(await self._new(), question)

    async def _once(
        self, place: _Place, question: Callable[[_Place], Awaitable[_Answer]]
    ) -> _Answer:
        whole = False
        try:
            answer = await question(place)
            whole = True
        finally:
            if whole and not self._closed:
                self._idle.append((self._clock(), place))
            else:
                await place.close()
        return answer

    async def _kept(self) -> _Place | None:
        while self._idle:
            since, place = self._idle.pop()
            if self._clock() - since <= self._bounds.idle:
                return place
            await place.close()
        return None

    async def _new(self) -> _Place:
        if self._clock() < self._down_until:
            raise Gone(self._down)
        said: list[str] = []
        try:
            for dial in self._dials():
                try:
                    return await dial()
                except Gone as error:
                    said.append(str(error))
        except asyncio.CancelledError:
            self._is_down("no connection in time")  # most often it is the time limit's
            raise
        self._is_down("; ".join(said))
        raise Gone(self._down)

    def _is_down(self, words: str) -> None:
        self._down, self._down_until = words, self._clock() + self._bounds.retry
