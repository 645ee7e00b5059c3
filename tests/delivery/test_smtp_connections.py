"""Which connections are kept, for whom, and how they end."""

from __future__ import annotations

import asyncio

import pytest

from deliveries import told
from fake_mx import DROP, HANG, OFFER, FakeMx


async def test_a_connection_is_used_again(world):
    here = await world()
    for _ in range(3):
        await here.send()
    assert here.server.connections == 1
    assert len(here.server.messages) == 3
    assert here.server.commands.count("EHLO relay.example.org") == 1
    assert "RSET" not in here.server.commands


async def test_each_next_hop_has_its_own(world):
    here = await world()
    await here.send("example.net")
    await here.send("[127.0.0.1]")
    assert here.server.connections == 2


async def test_a_reset_follows_a_transaction_that_broke_off(world):
    here = await world(FakeMx(said={"RCPT": ["550 5.1.1 Unknown"]}))
    await here.send()
    assert told(await here.send()) == ["10 sent 250 2.0.0 Ok: queued as 0"]
    assert here.server.connections == 1
    assert "RSET" in here.server.commands


async def test_deliveries_at_once_have_connections_of_their_own(world):
    here = await world()
    await asyncio.gather(*(here.send() for _ in range(4)))
    assert here.server.connections == 4
    await asyncio.gather(*(here.send() for _ in range(4)))
    assert here.server.connections == 4


async def test_messages_per_connection(world):
    here = await world(delivery={"messages_per_connection": 2})
    for _ in range(5):
        await here.send()
    assert here.server.connections == 3
    assert here.server.commands.count("QUIT") == 2


@pytest.mark.jumps
async def test_an_idle_connection_is_closed_in_time(world):
    here = await world(delivery={"idle_timeout": 5})
    await here.send()
    await here.server.closed.get()
    assert here.server.commands[-1] == "QUIT"
    assert told(await here.send()) == ["10 sent 250 2.0.0 Ok: queued as 1"]


async def test_connections_may_be_closed_at_once(world):
    here = await world(delivery={"idle_timeout": 0})
    await here.send()
    await here.server.closed.get()
    assert here.server.commands[-1] == "QUIT"


@pytest.mark.parametrize("end", [DROP, "421 4.4.2 Idle for too long"])
async def test_a_kept_connection_that_died_is_replaced(world, end):
    here = await world(FakeMx(said={"MAIL": ["250 Ok", end]}))
    await here.send()
    assert told(await here.send()) == ["10 sent 250 2.0.0 Ok: queued as 1"]
    assert here.server.connections == 2


async def test_a_fresh_connection_that_dies_is_not(world):
    here = await world(FakeMx(said={"MAIL": [DROP]}))
    assert told(await here.send())[0].startswith("10 deferred 451 4.4.2 lost connection with")
    assert here.server.connections == 1


async def test_a_kept_connection_that_died_later_is_not_replaced(world):
    here = await world(FakeMx(said={"END": ["250 Ok", DROP]}))
    await here.send()
    report = await here.send()
    assert told(report)[0].endswith("end of data -- message may be sent more than once")
    assert here.server.connections == 2 - 1


@pytest.mark.jumps
@pytest.mark.parametrize("end", [DROP, HANG])
async def test_a_message_that_went_out_at_once_may_have_been_taken(world, end):
    """It went out with its commands, on a kept connection, and none of them was answered."""
    server = FakeMx(offer=(*OFFER, "CHUNKING"), said={"MAIL": ["250 2.1.0 Ok", end]})
    here = await world(server)
    await here.send()
    report = await here.send()
    assert told(report)[0].startswith("10 deferred 451 4.4.2 ")
    assert told(report)[0].endswith("end of data -- message may be sent more than once")
    assert server.connections == 1


async def test_close_ends_idle_connections_and_keeps_no_new_ones(world):
    here = await world()
    await here.send()
    here.transport.close()
    await here.server.closed.get()
    await here.send()
    await here.server.closed.get()
    assert here.server.commands.count("QUIT") == 2


@pytest.mark.parametrize("verb", ["CONNECT", "EHLO", "MAIL", "END"])
async def test_cancelling_closes_the_connection(world, verb):
    here = await world(FakeMx(said={verb: [HANG]}))
    task = asyncio.ensure_future(here.send())
    await here.server.hanging.wait()
    assert len(here.server.peers) == 1
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    (peer,) = here.server.peers
    assert await asyncio.StreamReader.read(_reader_of(peer)) is not None
    assert _reader_of(peer).at_eof() or _reader_of(peer).exception() is not None


def _reader_of(writer: asyncio.StreamWriter) -> asyncio.StreamReader:
    return writer.transport.get_protocol()._stream_reader


@pytest.mark.jumps
@pytest.mark.parametrize("verb", ["CONNECT", "MAIL", "END"])
async def test_a_silent_server_is_not_waited_for(world, verb):
    here = await world(FakeMx(said={verb: [HANG]}))
    (result,) = told(await here.send())
    assert result.startswith(
        "10 deferred 451 4.4.2 conversation with mx.example.net[127.0.0.1] timed out while "
    )
