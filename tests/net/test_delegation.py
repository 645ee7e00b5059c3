"""Policy services, kind and hostile, over real sockets on both event loops."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from policy_server import Caller, Handler, PolicyServer, saying
from postroad.net import delegation
from postroad.net.delegation import Delegation, Delegations
from postroad.net.policy_protocol import MAX_ANSWER
from postroad.net.policy_service import DEFAULT_ACTION, PolicyService

PATIENCE = 30.0  # seconds; only a broken test waits so long
DUNNO = saying(b"action=DUNNO\n\n")
QUESTION = {"protocol_state": "RCPT", "sender": "a@b.example", "instance": "1"}


class World:
    """Services, a clock, and what the log was told."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.warnings: list[str] = []
        self.pauses: list[float] = []
        self.servers: list[PolicyServer] = []
        self.asking: list[Delegation | Delegations] = []

    async def serve(self, handler: Handler, path: Path | None = None) -> PolicyServer:
        server = PolicyServer(handler)
        await server.start(path)
        self.servers.append(server)
        return server

    def ask(self, server: PolicyServer, **settings: object) -> Delegation:
        service = PolicyService.parse(server.place)
        assert isinstance(service, PolicyService)
        service = replace(service, timeout=PATIENCE, **settings)  # type: ignore[arg-type]
        asking = Delegation(service, self.warnings.append, clock=lambda: self.now, pause=self.pause)
        self.asking.append(asking)
        return asking

    def all(self) -> Delegations:
        asking = Delegations(self.warnings.append, clock=lambda: self.now, pause=self.pause)
        self.asking.append(asking)
        return asking

    async def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)

    async def end(self) -> None:
        for each in self.asking:
            each.close()
        for server in self.servers:
            await server.stop()


@pytest.fixture
async def world() -> AsyncIterator[World]:
    world = World()
    yield world
    await world.end()


async def test_a_question_and_its_answer(world: World) -> None:
    server = await world.serve(saying(b"action=450 4.7.1 Come back later\n\n"))

    assert await world.ask(server, policy_context="mx").ask(QUESTION) == "450 4.7.1 Come back later"

    assert server.asked == [{"request": "smtpd_access_policy", **QUESTION, "policy_context": "mx"}]
    assert world.warnings == []


async def test_at_a_path(world: World, tmp_path: Path) -> None:
    server = await world.serve(DUNNO, tmp_path / "policy")
    assert await world.ask(server).ask(QUESTION) == "DUNNO"


async def test_values_end_no_line(world: World) -> None:
    server = await world.serve(DUNNO)
    hostile = {"helo_name": "a\nrecipient=x\n\nrequest=y", "sender": "\0\r\t\x7f", "size": "äöü"}

    await world.ask(server).ask(hostile)

    assert server.asked[0]["helo_name"] == "a?recipient=x??request=y"
    assert server.asked[0]["sender"] == "????"
    assert server.asked[0]["size"] == "äöü"
    assert len(server.asked) == 1


async def test_a_lone_surrogate_is_no_error(world: World) -> None:
    server = await world.serve(DUNNO)
    await world.ask(server).ask({"sender": "\udce4@b.example"})
    assert server.asked[0]["sender"] == "?@b.example"


@pytest.mark.parametrize(
    ("said", "action"),
    [
        (b"action=DUNNO\n\n", "DUNNO"),
        (b"action=DUNNO\r\n\r\n", "DUNNO"),
        (b"action = dunno \n\n", "dunno"),
        (b"other=x\naction=OK\nmore=y\n\n", "OK"),
        (b"action=REJECT no\naction=OK\n\n", "REJECT no"),
        (b"action=PREPEND X-Spf: a=b\n\n", "PREPEND X-Spf: a=b"),
        ("action=REJECT zu spät\n\n".encode(), "REJECT zu spät"),
    ],
)
async def test_answers(world: World, said: bytes, action: str) -> None:
    server = await world.serve(saying(said))
    assert await world.ask(server).ask(QUESTION) == action
    assert world.warnings == []


async def test_an_answer_that_comes_octet_by_octet(world: World) -> None:
    async def handle(caller: Caller) -> None:
        await caller.question()
        for octet in b"action=DUNNO\r\n\r\n":
            caller.say(bytes([octet]))
            await caller.writer.drain()
            await asyncio.sleep(0)

    server = await world.serve(handle)
    assert await world.ask(server).ask(QUESTION) == "DUNNO"


# Hostile services -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (b"action=\n\n", "it answered 'action=', which is no action"),
        (b"\n\n", "it answered '', which is no attribute"),
        (b"reaction=OK\n\n", "it answered 'reaction=OK', which is no action"),
        (b"550 go away\r\n\r\n", "it answered '550 go away', which is no attribute"),
        (b"action=OK\0\n\n", "it answered 'action=OK\\x00', which cannot be printed"),
        (b"action=a\rb\n\n", "it answered 'action=a\\rb', which cannot be printed"),
        (b"action=\xff\xfe\n\n", "its answer is not in UTF-8"),
        (b"x" * MAX_ANSWER + b"x\n\n", "its answer is longer than 10240 octets"),
        (b"HTTP/1.1 400\n\naction=OK\n\n", "it answered 'HTTP/1.1 400', which is no attribute"),
    ],
)
async def test_nonsense(world: World, said: bytes, why: str) -> None:
    server = await world.serve(saying(said))

    assert await world.ask(server).ask(QUESTION) == DEFAULT_ACTION

    place = server.place.removeprefix("inet:")
    assert world.warnings == [
        f'problem talking to server {place}: {why}; answered "{DEFAULT_ACTION}"'
    ]
    assert world.pauses == [1.0]
    assert len(server.asked) == 2
    assert len(server.callers) == 2  # nothing more is believed of that connection


@pytest.mark.jumps
async def test_silence(world: World) -> None:
    async def handle(caller: Caller) -> None:
        while await caller.question():
            pass

    server = await world.serve(handle)

    assert await world.ask(server).ask(QUESTION) == DEFAULT_ACTION

    assert f"no answer within {PATIENCE:g} seconds" in world.warnings[0]
    assert len(server.callers) == 1
    await server.callers[0].gone.wait()  # and that connection is not used again


@pytest.mark.jumps
async def test_half_an_answer_and_silence(world: World) -> None:
    async def handle(caller: Caller) -> None:
        await caller.question()
        caller.say(b"action=OK\n")
        await caller.question()

    asking = world.ask(await world.serve(handle), default_action="DUNNO")
    assert await asking.ask(QUESTION) == "DUNNO"
    assert "no answer within" in world.warnings[0]


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (b"action=OK\n", "it closed the connection in the middle of an answer"),
        (b"", "it closed the connection without an answer"),
    ],
)
async def test_the_end_in_the_middle(world: World, said: bytes, why: str) -> None:
    async def handle(caller: Caller) -> None:
        await caller.question()
        caller.say(said)

    server = await world.serve(handle)
    assert await world.ask(server).ask(QUESTION) == DEFAULT_ACTION
    assert why in world.warnings[0]
    assert len(server.callers) == 2


async def test_a_reset(world: World) -> None:
    async def handle(caller: Caller) -> None:
        await caller.question()
        caller.writer.transport.abort()

    server = await world.serve(handle)
    assert await world.ask(server).ask(QUESTION) == DEFAULT_ACTION
    assert len(server.callers) == 2


async def test_an_endless_answer_is_not_listened_to(world: World) -> None:
    said = []

    async def handle(caller: Caller) -> None:
        await caller.question()
        while not caller.writer.transport.is_closing():
            caller.say(b"action=" + b"x" * 65_536)
            said.append(65_536)
            await caller.writer.drain()

    server = await world.serve(handle)
    assert await world.ask(server).ask(QUESTION) == DEFAULT_ACTION
    assert "longer than 10240 octets" in world.warnings[0]
    assert sum(said) < 100_000_000


async def test_nobody_listens(world: World) -> None:
    server = await world.serve(DUNNO)
    await server.stop()
    world.servers.clear()
    assert await world.ask(server, default_action="DUNNO").ask(QUESTION) == "DUNNO"
    assert "Connection refused" in world.warnings[0] or "Connect call failed" in world.warnings[0]
    assert world.pauses == [1.0]


async def test_no_such_host(world: World) -> None:
    service = PolicyService(host="ü" * 60 + ".invalid", port=1, timeout=PATIENCE, try_limit=1)
    asking = Delegation(service, world.warnings.append, clock=lambda: 0, pause=world.pause)
    assert await asking.ask(QUESTION) == DEFAULT_ACTION
    assert len(world.warnings) == 1


async def test_no_socket_at_the_path(world: World, tmp_path: Path) -> None:
    service = PolicyService(path=str(tmp_path / "absent"))
    asking = Delegation(service, world.warnings.append, clock=lambda: 0, pause=world.pause)
    assert await asking.ask(QUESTION) == DEFAULT_ACTION
    assert f"unix:{tmp_path}/absent: No such file or directory" in world.warnings[0]


async def test_a_second_answer_is_not_the_next_questions(world: World) -> None:
    """The second question is about another message, and goes over another connection."""
    server = await world.serve(saying(b"action=DUNNO\n\naction=OK\n\n"))
    asking = world.ask(server)
    assert await asking.ask(QUESTION) == "DUNNO"
    assert await asking.ask({**QUESTION, "sender": "c@d.example"}) == "DUNNO"
    assert [len(caller.questions) for caller in server.callers] == [1, 1]


async def test_nor_is_one_that_comes_late(world: World) -> None:
    more = asyncio.Event()

    async def handle(caller: Caller) -> None:
        await caller.question()
        caller.say(b"action=DUNNO\n\n")
        await more.wait()
        caller.say(b"action=OK\n\n")
        await caller.question()

    server = await world.serve(handle)
    asking = world.ask(server)
    assert await asking.ask(QUESTION) == "DUNNO"
    kept = asking._free[0].connection
    more.set()
    async with asyncio.timeout(PATIENCE):
        while not kept.unread:  # noqa: ASYNC110 - nobody reads, so that nobody would be woken
            await asyncio.sleep(0)
    assert await asking.ask(QUESTION) == "DUNNO"
    assert len(server.callers) == 2


async def test_who_gives_up_leaves_no_answer_behind(world: World) -> None:
    may_answer = asyncio.Event()

    async def handle(caller: Caller) -> None:
        while await caller.question():
            await may_answer.wait()
            caller.say(b"action=%d\n\n" % len(server.callers))

    server = await world.serve(handle)
    asking = world.ask(server)
    asked = asyncio.ensure_future(asking.ask(QUESTION))
    await server.called.wait()
    await server.callers[0].heard.wait()
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    may_answer.set()
    assert await asking.ask(QUESTION) == "2"


# Connections ------------------------------------------------------------------------------------


async def test_a_connection_is_used_again(world: World) -> None:
    server = await world.serve(DUNNO)
    asking = world.ask(server)
    for _ in range(5):
        await asking.ask(QUESTION)
    assert [len(caller.questions) for caller in server.callers] == [5]


async def test_not_more_often_than_is_said(world: World) -> None:
    server = await world.serve(DUNNO)
    asking = world.ask(server, request_limit=2)
    for _ in range(5):
        await asking.ask(QUESTION)
    assert [len(caller.questions) for caller in server.callers] == [2, 2, 1]


async def test_not_longer_than_is_said(world: World) -> None:
    server = await world.serve(DUNNO)
    asking = world.ask(server, max_ttl=1000)
    for later in (0, 999, 1000, 1999):
        world.now = 1000.0 + later
        await asking.ask(QUESTION)
    assert [len(caller.questions) for caller in server.callers] == [2, 2]


async def test_not_when_nobody_used_it_for_long(world: World) -> None:
    server = await world.serve(DUNNO)
    asking = world.ask(server, max_idle=0.01)
    await asking.ask(QUESTION)
    await server.callers[0].gone.wait()
    await asking.ask(QUESTION)
    assert len(server.callers) == 2


async def test_one_that_the_service_closed_is_nobodys_fault(world: World) -> None:
    async def handle(caller: Caller) -> None:
        await caller.question()
        caller.say(b"action=DUNNO\n\n")

    server = await world.serve(handle)
    asking = world.ask(server, try_limit=1)
    for _ in range(3):
        assert await asking.ask(QUESTION) == "DUNNO"
    assert len(server.callers) == 3
    assert (world.pauses, world.warnings) == ([], [])


async def test_one_that_breaks_at_the_next_question(world: World) -> None:
    async def handle(caller: Caller) -> None:
        await caller.question()
        caller.say(b"action=DUNNO\n\n")
        await caller.question()

    server = await world.serve(handle)
    asking = world.ask(server, try_limit=1)
    for _ in range(3):
        assert await asking.ask(QUESTION) == "DUNNO"
    assert (world.pauses, world.warnings) == ([], [])


async def test_those_who_come_at_once_have_connections_of_their_own(world: World) -> None:
    server = await world.serve(DUNNO)
    asking = world.ask(server)
    await asyncio.gather(*(asking.ask(QUESTION) for _ in range(30)))
    assert len(server.callers) == 30
    assert len(asking._free) == delegation.KEPT


async def test_but_not_without_end(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delegation, "CONNECTIONS", 2)
    server = await world.serve(DUNNO)
    asking = world.ask(server)
    assert await asyncio.gather(*(asking.ask(QUESTION) for _ in range(20))) == ["DUNNO"] * 20
    assert len(server.callers) == 2


async def test_a_message_keeps_its_connection(world: World) -> None:
    """policyd-spf is a process for each, and remembers what it has seen of a message."""
    server = await world.serve(DUNNO)
    asking = world.ask(server)
    await asyncio.gather(*(asking.ask({"instance": f"{at}"}) for at in range(3)))
    for at in (2, 0, 1, 1, 2, 0, 2):
        await asking.ask({"instance": f"{at}"})
    assert len(server.callers) == 3
    for caller in server.callers:
        assert len({question["instance"] for question in caller.questions}) == 1


async def test_closing_leaves_nothing_open(world: World) -> None:
    may_answer = asyncio.Event()

    async def handle(caller: Caller) -> None:
        while asked := await caller.question():
            if asked["instance"] == "slow":
                await may_answer.wait()
            caller.say(b"action=DUNNO\n\n")

    server = await world.serve(handle)
    asking = world.ask(server)
    slow = asyncio.ensure_future(asking.ask({"instance": "slow"}))
    await asking.ask({"instance": "quick"})
    for caller in server.callers:
        await caller.heard.wait()
    asking.close()
    may_answer.set()
    assert await slow == "DUNNO"
    for caller in server.callers:
        await caller.gone.wait()


# The log, and several services ------------------------------------------------------------------


async def test_one_warning_a_minute(world: World) -> None:
    asking = world.ask(await world.serve(saying(b"no\n\n")), try_limit=1)
    for later in (0, 1, 59, 60, 61, 121):
        world.now = 1000.0 + later
        await asking.ask(QUESTION)
    assert len(world.warnings) == 3
    assert world.warnings[1].endswith("(2 more times since the last warning)")
    assert world.warnings[2].endswith("(1 more times since the last warning)")


async def test_each_service_has_its_own(world: World) -> None:
    one = await world.serve(saying(b"action=one\n\n"))
    other = await world.serve(saying(b"action=other\n\n"))
    asking = world.all()
    named = f"{{ {other.place}, policy_context=x }}"
    for _ in range(2):
        assert await asking.ask(one.place, QUESTION) == "one"
        assert await asking.ask(named, QUESTION) == "other"
    assert [len(server.callers) for server in (one, other)] == [1, 1]
    assert other.asked[0]["policy_context"] == "x"


async def test_a_text_that_names_no_service(world: World) -> None:
    with pytest.raises(ValueError, match="is no policy service"):
        await world.all().ask("nonsense", QUESTION)
