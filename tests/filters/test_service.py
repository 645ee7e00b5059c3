"""Questions to services: what one said before it hung up is its answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from postroad.filters import service
from postroad.filters.place import Place


class HungUp:
    """A writer whose peer has closed: like uvloop's it takes nothing more."""

    @property
    def transport(self) -> HungUp:
        return self

    def is_closing(self) -> bool:
        return True

    def write(self, _: bytes) -> None:
        raise RuntimeError("the handler is closed")


async def test_what_a_service_said_before_it_hung_up_is_its_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reader = asyncio.StreamReader()

    @asynccontextmanager
    async def connected(_: Place) -> AsyncIterator[tuple[asyncio.StreamReader, HungUp]]:
        yield reader, HungUp()

    async def question() -> AsyncIterator[bytes]:
        asyncio.get_running_loop().call_soon(reader.feed_data, b"enough")
        asyncio.get_running_loop().call_soon(reader.feed_eof)
        yield b"a message"

    monkeypatch.setattr(service, "_connected", connected)
    assert await service.exchange(Place(path="/s"), question(), 100) == b"enough"
