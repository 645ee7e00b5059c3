"""A next hop that drips its reply has as long for it as one that is silent."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from postroad.delivery import session as module
from postroad.delivery.session import Session, Unready
from postroad.delivery.settings import DeliverySettings
from postroad.smtp.client import ClientCore, Ended, Finished, Transaction

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


class Slow(Dripping):
    """A connection that brings one whole reply every eight seconds."""

    async def read(self, timeout: float) -> bytes:  # noqa: ASYNC109
        self.now += min(timeout, 8.0)
        if timeout < 8.0:
            raise TimeoutError
        return self.piece


def session_on(connection: Dripping, monkeypatch: pytest.MonkeyPatch, **settings: float) -> Session:
    loop = SimpleNamespace(time=lambda: connection.now)
    monkeypatch.setattr(module, "asyncio", SimpleNamespace(get_running_loop=lambda: loop))
    core = ClientCore("mail.example.org", "dripping.example[192.0.2.9]")
    given = DeliverySettings(command_timeout=PATIENCE, **settings)
    return Session(connection, core, "dripping.example[192.0.2.9]:25", given)


@pytest.mark.parametrize("piece", [b"2", b"220-still coming\r\n"])
async def test_a_reply_has_one_deadline(piece: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    connection = Dripping(piece)
    session = session_on(connection, monkeypatch)

    failure = await session.greeted()

    assert isinstance(failure, Unready)
    assert failure.answer.reply.code == 451
    assert "timed out" in failure.answer.reply.text
    assert connection.now == PATIENCE


async def slow(to: int, monkeypatch: pytest.MonkeyPatch, **settings: float) -> tuple[float, str]:
    """Ask a slow server about recipients: how long it took, and what is known of the last one."""
    connection = Slow(b"220 mx\r\n250-mx\r\n250 PIPELINING\r\n")
    session = session_on(connection, monkeypatch, **settings)
    assert await session.greeted() is None
    connection.now, connection.piece = 0.0, b"250 2.0.0 Ok\r\n"
    names = tuple(f"u{number}@example.net" for number in range(to))
    latest = settings.get("transaction_timeout", 3600.0)
    session.core.begin(Transaction("a@example.org", names, 0, probe=True))
    event = await session.next_event(latest)
    assert isinstance(event, Finished)
    return connection.now, str(event.answers[-1].reply)


async def test_of_many_replies_each_has_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    assert await slow(20, monkeypatch) == (8.0 * 21, "250 2.0.0 Ok")


async def test_all_of_them_have_the_time_of_the_transaction(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now, reply = await slow(20, monkeypatch, transaction_timeout=50.0)
    assert now == 50.0
    assert "timed out" in reply


async def test_what_comes_before_a_transaction_has_as_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    connection = Slow(b"220 mx\r\n250-mx\r\n250 AUTH LOGIN\r\n")
    session = session_on(connection, monkeypatch, transaction_timeout=50.0)
    assert await session.greeted() is None
    connection.piece = b"334 bW9yZQ==\r\n"
    session.core.authenticate("LOGIN", None)
    while not isinstance(event := await session.next_event(), Ended):
        session.core.respond(b"less")
    assert connection.now == 50.0
    assert "timed out" in event.answer.reply.text
