"""Two connections for one session: who wins, and that nothing of the other is left."""

from __future__ import annotations

import asyncio

import pytest

from postroad.delivery.endpoint import Call, Endpoint
from postroad.delivery.racing import race
from postroad.delivery.tls_policy import HostTls

SLOW = Call(Endpoint("mx.example.net", "192.0.2.1", 25), HostTls("none"))
OTHER = Call(Endpoint("mx.example.net", "2001:db8::1", 25), HostTls("none"))


class Line:
    """A connection."""

    closed = False

    def abort(self) -> None:
        self.closed = True


class Net:
    """Connects when it is told to: each address has a future."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.answers = {call.endpoint.address: loop.create_future() for call in (SLOW, OTHER)}
        self.begun: list[Call] = []
        self.cancelled: list[Call] = []
        self.both = asyncio.Event()

    async def connect(self, call: Call) -> Line:
        self.begun.append(call)
        if len(self.begun) == 2:
            self.both.set()
        try:
            return await asyncio.shield(self.answers[call.endpoint.address])
        except asyncio.CancelledError:
            self.cancelled.append(call)
            raise

    def answer(self, call: Call, result: Line | OSError) -> None:
        future = self.answers[call.endpoint.address]
        if isinstance(result, OSError):
            future.set_exception(result)
        else:
            future.set_result(result)


@pytest.fixture
async def net():
    made = Net()
    yield made
    for future in made.answers.values():
        future.cancel()


async def test_one_that_answers_at_once_has_no_rival(net):
    line = Line()
    net.answer(SLOW, line)
    made = await race(net.connect, SLOW, OTHER, 10)
    assert (made.call, made.connection, made.unused, made.failures) == (SLOW, line, [OTHER], [])
    assert net.begun == [SLOW]


async def test_nor_has_one_that_fails_at_once(net):
    net.answer(SLOW, ConnectionRefusedError(111, "refused"))
    made = await race(net.connect, SLOW, OTHER, 10)
    assert (made.call, made.unused) == (None, [OTHER])
    assert [call for call, _ in made.failures] == [SLOW]


async def test_a_silent_one_is_overtaken(net):
    running = asyncio.ensure_future(race(net.connect, SLOW, OTHER, 0.001))
    await net.both.wait()
    line = Line()
    net.answer(OTHER, line)
    made = await running
    assert (made.call, made.connection, made.unused) == (OTHER, line, [SLOW])
    assert net.cancelled == [SLOW]
    assert not line.closed


async def test_a_slow_one_may_still_win(net):
    running = asyncio.ensure_future(race(net.connect, SLOW, OTHER, 0.001))
    await net.both.wait()
    net.answer(OTHER, ConnectionRefusedError(111, "refused"))
    line = Line()
    net.answer(SLOW, line)
    made = await running
    assert (made.call, made.connection, made.unused) == (SLOW, line, [])
    assert [call for call, _ in made.failures] in ([OTHER], [])


async def test_both_may_fail(net):
    running = asyncio.ensure_future(race(net.connect, SLOW, OTHER, 0.001))
    await net.both.wait()
    for call in (OTHER, SLOW):
        net.answer(call, ConnectionRefusedError(111, "refused"))
    made = await running
    assert made.call is None
    assert {call for call, _ in made.failures} == {SLOW, OTHER}


async def test_two_that_answer_in_one_moment(net):
    running = asyncio.ensure_future(race(net.connect, SLOW, OTHER, 0.001))
    await net.both.wait()
    lines = {SLOW: Line(), OTHER: Line()}
    for call, line in lines.items():
        net.answer(call, line)
    made = await running
    assert made.connection is lines[made.call]
    assert not made.connection.closed
    (loser,) = made.unused
    assert lines[loser].closed


async def test_cancelling_gives_up_both(net):
    running = asyncio.ensure_future(race(net.connect, SLOW, OTHER, 0.001))
    await net.both.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert set(net.cancelled) == {SLOW, OTHER}


async def test_a_mistake_of_ours_is_no_failure_of_the_network(net):
    net.answers[SLOW.endpoint.address].set_exception(RuntimeError("a bug"))
    with pytest.raises(RuntimeError):
        await race(net.connect, SLOW, OTHER, 10)
