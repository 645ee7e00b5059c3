"""A next hop that drips its reply has as long for it as one that is silent."""

from __future__ import annotations

import asyncio

import pytest

from postroad.delivery.session import Session, Unready
from postroad.delivery.settings import DeliverySettings
from postroad.net.connection import connect
from postroad.smtp.client import ClientCore

DRIP = 0.02  # seconds between two pieces


@pytest.mark.parametrize("piece", [b"2", b"220-still coming\r\n"])
async def test_a_reply_has_one_deadline(piece: bytes) -> None:
    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while not writer.is_closing():
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(DRIP)
        except ConnectionError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(drip, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    connection = await connect("127.0.0.1", port, timeout=10)
    core = ClientCore("mail.example.org", "dripping.example[127.0.0.1]")
    settings = DeliverySettings(command_timeout=10 * DRIP)
    session = Session(connection, core, f"dripping.example[127.0.0.1]:{port}", settings)

    failure = await session.greeted()

    assert isinstance(failure, Unready)
    assert failure.answer.reply.code == 451
    assert "timed out" in failure.answer.reply.text
    session.abort()
    server.close()
    await server.wait_closed()
