"""`socketmap:` and `tcp:` with servers that err, lie, hang and hang up.

Whatever a server does that is not an answer makes the table unavailable; nothing makes it say
«not found», and no answer of one question is taken for another's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from look_up_server import LookUpServer, Says
from postroad.tables import TableMistake, TableUnavailable, open_table
from postroad.tables.kept import MOST, Bounds, Gone, Kept
from postroad.tables.socketmap import SocketmapTable, TcpTable
from postroad.tables.streams import Endpoint

ENTRIES = {"john@example.org": "OK", "two words": "a\tb c", "50%": "100% \n", "müller": "ü"}
QUICK = Bounds(answer=0.2, retry=0.0)


def _answering(answer: bytes | None) -> Says:
    return lambda _: answer


def _framed(answer: bytes) -> bytes:
    return b"%d:%b," % (len(answer), answer)


@pytest.mark.parametrize("key", ENTRIES)
async def test_odd_keys_and_values_arrive_whole(key: str) -> None:
    async with LookUpServer(ENTRIES, netstrings=True) as server:
        table = open_table(f"socketmap:inet:127.0.0.1:{server.port}:access")
        assert await table.find(key) == ENTRIES[key]
        await table.close()
    async with LookUpServer(ENTRIES, netstrings=False) as server:
        table = open_table(f"tcp:127.0.0.1:{server.port}")
        assert await table.find(key) == ENTRIES[key]
        await table.close()


async def test_the_words_on_the_wire() -> None:
    async with LookUpServer(ENTRIES, netstrings=True) as server:
        table = open_table(f"socketmap:inet:localhost:{server.port}:access")
        await table.find("John@example.org")
        await table.close()
        assert server.asked == [b"access John@example.org"]
    async with LookUpServer(ENTRIES, netstrings=False) as server:
        table = open_table(f"tcp:localhost:{server.port}")
        await table.find("a b%\x7f\n\u00fc")
        await table.close()
        assert server.asked == [b"get a%20b%25%7F%0A%C3%BC"]


async def test_one_connection_for_many_questions() -> None:
    async with LookUpServer(ENTRIES, netstrings=True) as server:
        table = open_table(f"socketmap:inet:127.0.0.1:{server.port}:access")
        assert [await table.find("john@example.org") for _ in range(5)] == ["OK"] * 5
        assert server.connections == 1
        await table.close()


async def test_few_connections_for_many_who_ask() -> None:
    async with LookUpServer(ENTRIES, netstrings=False) as server:
        table = open_table(f"tcp:127.0.0.1:{server.port}")
        answers = await asyncio.gather(*(table.find("john@example.org") for _ in range(100)))
        assert answers == ["OK"] * 100
        assert server.connections <= MOST
        await table.close()


@pytest.mark.parametrize("netstrings", [True, False])
async def test_a_server_that_hung_up_is_asked_once_more(netstrings: bool) -> None:
    async with LookUpServer(ENTRIES, netstrings=netstrings) as server:
        table = _table(server, netstrings)
        assert await table.find("john@example.org") == "OK"
        server.hang_up()
        assert await table.find("john@example.org") == "OK"
        await table.close()


@pytest.mark.parametrize("netstrings", [True, False])
async def test_a_server_that_is_away_and_comes_back(netstrings: bool) -> None:
    async with LookUpServer(ENTRIES, netstrings=netstrings) as server:
        table = _table(server, netstrings)
        assert await table.find("john@example.org") == "OK"
        await server.stop()
        with pytest.raises(TableUnavailable, match="no connection to"):
            await table.find("john@example.org")
        await server.start()
        assert await table.find("john@example.org") == "OK"
        await table.close()


LIES: list[bytes | None] = [
    None,
    b"",
    b"\n",
    b"9:OK,",
    b"2:OK longer,",
    b"5:OK xy;",
    b"99999999999999999999:OK",
    b"100001:" + b"x" * 100_002,
    b"-1:OK,",
    b"+5:OK xy,",
    b"05:OK xy,",
    b" 5:OK xy,",
    b":,",
    b"0:,",
    b"5 OK xy,",
    b"HTTP/1.1 200 OK\r\n\r\n",
    b"x" * 200_000,
    _framed(b"ok lower case"),
    _framed(b"OKAY x"),
    _framed(b"TEMP try later"),
    _framed(b"TIMEOUT"),
    _framed(b"PERM no such map"),
    _framed(b"\xff\xfe"),
    _framed(b"OK \xff"),
]


@pytest.mark.parametrize("lie", LIES, ids=range(len(LIES)))
async def test_a_socketmap_that_says_no_answer(lie: bytes | None) -> None:
    async with LookUpServer({}, netstrings=True, says=_answering(lie)) as server:
        table = _table(server, netstrings=True)
        with pytest.raises(TableUnavailable):
            await table.find("john@example.org")
        await table.close()


TCP_LIES: list[bytes | None] = [
    None,
    b"",
    b"\n",
    b"200\n",
    b"200OK\n",
    b"2000 OK\n",
    b"300 OK\n",
    b"400 try later\n",
    b"450 try later\n",
    b"OK\n",
    b"200 100%\n",
    b"200 %zz\n",
    b"200 \xff\n",
    b"200 %ff\n",
    b"\0\n",
    b"200 " + b"x" * 4096 + b"\n",
    b"200 " + b"x" * 200_000,
    b"200 OK",
]


@pytest.mark.parametrize("lie", TCP_LIES, ids=range(len(TCP_LIES)))
async def test_a_tcp_server_that_says_no_answer(lie: bytes | None) -> None:
    async with LookUpServer({}, netstrings=False, says=_answering(lie)) as server:
        table = _table(server, netstrings=False)
        with pytest.raises(TableUnavailable):
            await table.find("john@example.org")
        await table.close()


async def test_more_than_was_asked_for_is_no_answer_to_the_next_question() -> None:
    twice = _framed(b"OK first") + _framed(b"OK second")
    async with LookUpServer({}, netstrings=True, says=_answering(twice)) as server:
        table = _table(server, netstrings=True)
        assert await table.find("a") == "first"
        assert await table.find("b") == "first"
        await table.close()


async def test_an_answer_that_nobody_waited_for_is_no_answer_to_the_next_question() -> None:
    asked = asyncio.Event()

    def says(question: bytes) -> bytes:
        if question.endswith(b"slow"):
            asked.set()
            return b""
        return _framed(b"OK " + question)

    async with LookUpServer({}, netstrings=True, says=says) as server:
        table = _table(server, netstrings=True, bounds=Bounds(answer=60))
        waiting = asyncio.ensure_future(table.find("slow"))
        await asked.wait()
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert await table.find("quick") == "access quick"
        assert server.connections == 2
        await table.close()


@pytest.mark.parametrize(
    "name",
    [
        "socketmap:inet:host",
        "socketmap:inet:host:port:name",
        "socketmap:inet:host:0:name",
        "socketmap:inet:host:65536:name",
        "socketmap:inet::25:name",
        "socketmap:inet:[::1:25:name",
        "socketmap:unix:relative:name",
        "socketmap:unix:/path:",
        "socketmap:host:25:name",
        "tcp:host",
        "tcp:host:",
        "tcp:host:x",
        "tcp:::1:25",
    ],
)
def test_names_that_say_no_place(name: str) -> None:
    with pytest.raises(TableMistake, match="expected"):
        open_table(name)


def test_places() -> None:
    assert Endpoint.inet("[::1]:25") == Endpoint("::1", 25)
    assert str(Endpoint.inet("mail.example.org:7777")) == "mail.example.org:7777"
    assert str(Endpoint.unix("/run/map")) == "/run/map"


class _Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class _Place:
    def __init__(self) -> None:
        self.closed = False

    async def ask(self, answer: str | Exception) -> str:
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def close(self) -> None:
        self.closed = True


class _World:
    """Connections that are made in memory."""

    def __init__(self, bounds: Bounds) -> None:
        self.clock = _Clock()
        self.made: list[_Place] = []
        self.is_down = False
        self.tried = 0
        self.kept = Kept(lambda: (self.dial, self.dial), bounds, self.clock)

    async def dial(self) -> _Place:
        self.tried += 1
        if self.is_down:
            raise Gone("refused")
        self.made.append(_Place())
        return self.made[-1]

    async def ask(self, *answers: str | Exception) -> str:
        left = list(answers)
        return await self.kept.ask(lambda place: place.ask(left.pop(0)))


@pytest.fixture
def world() -> _World:
    return _World(Bounds(answer=10, idle=60, retry=5))


async def test_an_idle_connection_is_not_trusted_for_ever(world: _World) -> None:
    await world.ask("a")
    world.clock.now += 60
    await world.ask("b")
    assert len(world.made) == 1
    world.clock.now += 61
    await world.ask("c")
    assert [place.closed for place in world.made] == [True, False]


async def test_a_server_that_is_down_is_left_alone_for_a_while(world: _World) -> None:
    world.is_down = True
    for _ in range(3):
        with pytest.raises(TableUnavailable, match="refused; refused"):
            await world.ask("a")
    assert world.tried == 2
    world.is_down = False
    world.clock.now += 5
    assert await world.ask("a") == "a"


async def test_a_new_connection_that_breaks_is_not_tried_again(world: _World) -> None:
    with pytest.raises(TableUnavailable, match="broke"):
        await world.ask(Gone("broke"), "never")
    assert len(world.made) == 1
    assert world.made[0].closed


async def test_a_kept_connection_that_breaks_is_tried_again_once(world: _World) -> None:
    await world.ask("a")
    assert await world.ask(Gone("broke"), "b") == "b"
    with pytest.raises(TableUnavailable, match="again"):
        await world.ask(Gone("broke"), Gone("again"), "never")


async def test_a_refusal_drops_the_connection_and_is_not_tried_again(world: _World) -> None:
    await world.ask("a")
    with pytest.raises(TableUnavailable, match="no"):
        await world.ask(TableUnavailable("no"), "never")
    assert world.made[0].closed
    assert await world.ask("b") == "b"


def _table(
    server: LookUpServer, netstrings: bool, bounds: Bounds = QUICK
) -> SocketmapTable | TcpTable:
    endpoint = Endpoint.inet(f"127.0.0.1:{server.port}")
    make: Callable[[str, Endpoint, Bounds], SocketmapTable | TcpTable] = TcpTable
    if netstrings:
        make = lambda name, place, limits: SocketmapTable(name, place, "access", limits)  # noqa: E731
    return make("test:", endpoint, bounds)
