"""A next hop that drips its reply has as long for it as one that is silent."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from postroad.delivery import session as module
from postroad.delivery.session import Session, Unready
from postroad.delivery.settings import DeliverySettings
from postroad.smtp.client import ClientCore

PATIENCE = 10.0  # seconds for a reply


class Dripping:
    """A connection that brings one piece a second; the second passes on the test's clock."""

    def __init__(self, piece: bytes) -> None:
        self.piece = piece
        self.now = 0.0
        self.is_closed = False

    async def read(self, timeout: float) -> bytes:  # noqa: ASYNC109
        self.now += min(timeout, 1.0)
        if timeout < 1.0:
            raise TimeoutError
        return self.piece

    def write(self, data: bytes) -> None:
        return

    def abort(self) -> None:
        self.is_closed = True

    close = abort


@pytest.mark.parametrize("piece", [b"2", b"220-still coming\r\n"])
async def test_a_reply_has_one_deadline(piece: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    connection = Dripping(piece)
    loop = SimpleNamespace(time=lambda: connection.now)
    monkeypatch.setattr(module, "asyncio", SimpleNamespace(get_running_loop=lambda: loop))
    core = ClientCore("mail.example.org", "dripping.example[192.0.2.9]")
    settings = DeliverySettings(command_timeout=PATIENCE)
    session = Session(connection, core, "dripping.example[192.0.2.9]:25", settings)

    failure = await session.greeted()

    assert isinstance(failure, Unready)
    assert failure.answer.reply.code == 451
    assert "timed out" in failure.answer.reply.text
    assert connection.now == PATIENCE
