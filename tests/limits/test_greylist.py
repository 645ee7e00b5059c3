"""Greylisting: who waits, how long, who does not; what is kept, shared, bounded and survives."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from postroad.limits import greylist_file
from postroad.limits.greylist import HOUR, SWEEP, Greylist
from postroad.limits.greylist_file import GREYLIST, GreylistUnavailable, Triplet
from postroad.limits.greylist_settings import GreylistSettings
from postroad.limits.state_file import Keeper, open_file
from postroad.model.journal import Event

NOW = 1_800_000_000.0
DAY = 86_400.0
ATTEMPT = ("192.0.2.7", "sender@example.net", "john@example.org")
Answer = TypeVar("Answer")


class File:
    """A `Keeping` that answers at once, or not at all."""

    def __init__(self, path: Path) -> None:
        self.connection = open_file(path, GREYLIST)
        self.connection.execute("PRAGMA synchronous = OFF")
        self.broken = False

    async def ask(self, question: Callable[[sqlite3.Connection], Answer]) -> Answer:
        if self.broken:
            raise GreylistUnavailable("greylist.db: database is locked")
        with self.connection:
            self.connection.execute("BEGIN IMMEDIATE")
            return question(self.connection)


class World:
    """A greylist and its clock."""

    def __init__(self, path: Path) -> None:
        self.now = NOW
        self.path = path
        self.file = File(path)
        self.events: list[Event] = []
        self.greylist = self.another()

    def another(self, **changes: object) -> Greylist:
        """A worker's."""
        return Greylist(
            GreylistSettings(**changes), self.file, self.events.append, lambda: self.now
        )

    def use(self, **changes: object) -> None:
        self.greylist.settings = GreylistSettings(**changes)

    async def at(self, moment: float, *attempt: str) -> float:
        """An attempt so many seconds after the beginning."""
        self.now = NOW + moment
        return await self.greylist.wait(*(attempt or ATTEMPT))

    def rows(self) -> list[tuple[str, ...]]:
        listed = greylist_file.strangers(self.file.connection)
        return [(each.kind, each.network, each.sender, each.recipient) for each in listed]

    def said(self) -> list[str]:
        return [event.text for event in self.events]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path / "greylist.db")
    yield made
    made.file.connection.close()


# Who waits ---------------------------------------------------------------------------------------


async def test_a_stranger_waits_and_passes_when_it_comes_again(world: World) -> None:
    assert await world.at(0) == 300
    assert await world.at(10) == 290
    assert await world.at(299.5) == 0.5
    assert await world.at(300) == 0
    assert await world.at(301) == 0
    assert await world.at(34 * DAY) == 0


@pytest.mark.parametrize(
    ("attempt", "known"),
    [
        (("192.0.2.200", "sender@example.net", "john@example.org"), True),
        (("192.0.2.7", "Sender@EXAMPLE.net.", "John@Example.org"), True),
        (("192.0.2.7", "sender+1234@example.net", "john@example.org"), True),
        (("192.0.3.7", "sender@example.net", "john@example.org"), False),
        (("192.0.2.7", "other@example.net", "john@example.org"), False),
        (("192.0.2.7", "sender@example.net", "mary@example.org"), False),
        (("192.0.2.7", "", "john@example.org"), False),
    ],
)
async def test_who_is_the_same_stranger(
    world: World, attempt: tuple[str, str, str], known: bool
) -> None:
    await world.at(0)
    assert (await world.at(300, *attempt) == 0) is known


async def test_a_stranger_that_comes_again_too_late_is_a_new_one(world: World) -> None:
    await world.at(0)
    assert await world.at(2 * DAY + 1) == 300
    assert await world.at(2 * DAY + 301) == 0


async def test_one_that_tries_early_all_the_time_passes_all_the_same(world: World) -> None:
    waits = [await world.at(moment) for moment in range(0, 301, 20)]
    assert waits == [300 - moment for moment in range(0, 301, 20)]


async def test_one_that_is_not_seen_for_long_is_forgotten(world: World) -> None:
    await world.at(0)
    await world.at(300)
    assert await world.at(300 + 35 * DAY) == 0
    assert await world.at(300 + 70 * DAY) == 0
    assert await world.at(301 + 105 * DAY) == 300


async def test_a_clock_that_was_set_back_keeps_nobody_out(world: World) -> None:
    await world.at(5 * DAY)
    assert await world.at(0) == 300
    assert await world.at(300) == 0
    assert await world.at(-5 * DAY) == 0


@pytest.mark.parametrize(
    ("changes", "waits"),
    [
        ({"delay": 0}, [0, 0, 0]),
        ({"delay": 60}, [60, 0, 0]),
        ({"retry_window": 0}, [300, 0, 0]),
        ({"retry_window": 310}, [300, 0, 0]),
        ({"retry_window": 300}, [300, 300, 290]),
    ],
)
async def test_settings_change_it_at_once(
    world: World, changes: dict[str, object], waits: list[float]
) -> None:
    world.use(**changes)
    assert [await world.at(moment) for moment in (0, 305, 315)] == waits


@pytest.mark.parametrize(
    ("sender", "form"),
    [
        ("", ""),
        ("Sender@Example.NET.", "sender@example.net"),
        ("list-return-1234-john=example.org@lists.example", "list-return-#-john=example.org@"),
        ("bounces+55-abc@example.net", "bounces@"),
        ("user99@example.net", "user99@"),
        ("prvs=1234567890=me@example.net", "me@"),
        ("prvs=me=1234567890@example.net", "me@"),
        ("prvs=a=b@example.net", "b@"),
        ('"odd@local 7"@example.net', '"odd@local #"@'),
        ("no-domain", "no-domain"),
    ],
)
def test_what_differs_in_each_message_does_not_count(sender: str, form: str) -> None:
    assert Triplet.of("192.0.2.7", sender, "a@b").sender.startswith(form)


@given(st.text(max_size=80), st.text(max_size=80), st.text(max_size=40))
@settings(max_examples=200)
def test_any_text_can_be_kept(sender: str, recipient: str, address: str) -> None:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(GREYLIST.tables)
        triplet = Triplet.of(address, sender, recipient)
        row = greylist_file.Stranger(NOW, NOW, passed=False)
        greylist_file.put_stranger(connection, triplet, row)
        assert greylist_file.stranger(connection, Triplet.of(address, sender, recipient)) == row


async def test_a_surrogate_is_no_accident(world: World) -> None:
    assert await world.at(0, "192.0.2.7", "a\udc80@example.net", "john@example.org") == 300


# Who need not wait -------------------------------------------------------------------------------


async def test_a_network_that_passed_several_times_is_welcome(world: World) -> None:
    for at in range(5):
        attempt = ("192.0.2.7", f"sender{at}x@example.net", "john@example.org")
        begin = at * 2 * HOUR
        assert await world.at(begin, *attempt) == 300
        assert await world.at(begin + 300, *attempt) == 0
    assert await world.at(11 * HOUR, "192.0.2.99", "new@example.net", "mary@example.org") == 0
    assert await world.at(11 * HOUR, "192.0.3.99", "new@example.net", "mary@example.org") == 300
    assert world.said() == ["whitelisted: 192.0.2.0/24"]


async def test_a_queue_that_comes_at_once_counts_once(world: World) -> None:
    for moment in (0, 300):
        for at in range(20):
            await world.at(moment, "192.0.2.7", f"sender{at}x@example.net", "john@example.org")
    assert await world.at(400, "192.0.2.7", "new@example.net", "john@example.org") == 300


async def test_a_welcome_network_stays_welcome_while_it_comes(world: World) -> None:
    world.use(auto_whitelist_clients=1)
    await world.at(0)
    await world.at(300)
    for week in range(10):
        attempt = ("192.0.2.7", f"new{week}x@example.net", "john@example.org")
        assert await world.at(week * 7 * DAY + 400, *attempt) == 0
    assert await world.at(110 * DAY, "192.0.2.7", "last@example.net", "john@example.org") == 300


async def test_no_network_is_welcome_where_that_is_switched_off(world: World) -> None:
    world.use(auto_whitelist_clients=0)
    for at in range(10):
        attempt = ("192.0.2.7", f"sender{at}x@example.net", "john@example.org")
        assert await world.at(at * 2 * HOUR, *attempt) == 300
        assert await world.at(at * 2 * HOUR + 300, *attempt) == 0
    assert all(kind == "passed" for kind, *_ in world.rows())


async def test_whom_a_user_wrote_to_passes(world: World) -> None:
    await world.greylist.wrote_to(["Sender@Example.NET"])
    assert await world.at(0) == 0
    assert await world.at(34 * DAY, "198.51.100.1", "sender@example.net", "x@example.org") == 0
    assert await world.at(36 * DAY, "198.51.100.2", "sender@example.net", "x@example.org") == 300


async def test_nobody_is_known_where_that_is_switched_off(world: World) -> None:
    world.use(known_senders=False)
    await world.greylist.wrote_to(["sender@example.net"])
    assert world.rows() == []
    world.use()
    await world.greylist.wrote_to(["sender@example.net"])
    world.use(known_senders=False)
    assert await world.at(0) == 300


async def test_the_null_sender_is_known_to_nobody(world: World) -> None:
    await world.greylist.wrote_to([""])
    assert await world.at(0, "192.0.2.7", "", "john@example.org") == 300


async def test_who_is_written_to_every_minute_is_written_down_once_a_day(world: World) -> None:
    await world.greylist.wrote_to(["sender@example.net"])
    world.file.broken = True
    world.now += 60
    await world.greylist.wrote_to(["sender@example.net"])  # the file is not asked
    world.file.broken = False
    world.now += DAY
    await world.greylist.wrote_to(["sender@example.net"])
    assert greylist_file.known_sender(world.file.connection, "sender@example.net") == world.now


async def test_what_could_not_be_written_down_is_the_next_time(world: World) -> None:
    world.file.broken = True
    await world.greylist.wrote_to(["sender@example.net"])
    world.file.broken = False
    await world.greylist.wrote_to(["sender@example.net"])
    assert await world.at(0) == 0


# Looking without leaving traces -------------------------------------------------------------------


async def test_a_question_is_no_attempt(world: World) -> None:
    assert await world.greylist.wait(*ATTEMPT, remember=False) == 300
    assert world.rows() == []
    await world.at(0)
    world.now = NOW + 300
    assert await world.greylist.wait(*ATTEMPT, remember=False) == 0
    assert [kind for kind, *_ in world.rows()] == ["waiting"]


async def test_rows_are_listed_and_forgotten(world: World) -> None:
    world.use(auto_whitelist_clients=1)
    await world.at(0)
    await world.at(300)
    await world.at(400, "198.51.100.1", "other@example.net", "mary@example.org")
    await world.greylist.wrote_to(["friend@example.com"])
    assert world.rows() == [
        ("waiting", "198.51.100.0/24", "other@example.net", "mary@example.org"),
        ("passed", "192.0.2.0/24", "sender@example.net", "john@example.org"),
        ("client", "192.0.2.0/24", "", ""),
        ("sender", "", "friend@example.com", ""),
    ]
    connection = world.file.connection
    assert greylist_file.forget(connection, "192.0.2.9") == 2
    assert greylist_file.forget(connection, "198.51.100.0/24") == 1
    assert greylist_file.forget(connection, "Friend@example.com") == 1
    assert greylist_file.forget(connection, "friend@example.com") == 0
    await world.at(400, "198.51.100.1", "other@example.net", "mary@example.org")
    await world.at(400, "198.51.100.1", "other@example.net", "john@example.org")
    assert greylist_file.forget(connection, "mary@example.org") == 1
    assert greylist_file.forget(connection, "OTHER+x@example.net") == 1
    await world.at(400)
    assert greylist_file.forget_all(connection) == 1
    assert world.rows() == []


# Bounds ------------------------------------------------------------------------------------------


def host(number: int) -> str:
    return f"10.{number // 256}.{number % 256}.1"


async def test_old_rows_go(world: World) -> None:
    await world.at(0)
    await world.at(5, "198.51.100.1", "other@example.net", "mary@example.org")
    await world.at(300)
    await world.at(2 * DAY + SWEEP, "203.0.113.1", "third@example.net", "mary@example.org")
    assert [row[:2] for row in world.rows()] == [
        ("waiting", "203.0.113.0/24"),
        ("passed", "192.0.2.0/24"),
        ("client", "192.0.2.0/24"),
    ]
    await world.at(36 * DAY, "203.0.113.1", "fourth@example.net", "mary@example.org")
    assert [row[:2] for row in world.rows()] == [("waiting", "203.0.113.0/24")]


async def test_a_flood_pushes_out_nobody_who_waits_and_then_newcomers_pass(world: World) -> None:
    world.use(entries=100)
    await world.at(0)
    for number in range(150):
        assert await world.at(1, host(number), "x@example.net", "john@example.org") == 300
    assert await world.at(20, host(999), "x@example.net", "john@example.org") == 0
    assert await world.at(21, host(1000), "x@example.net", "john@example.org") == 0
    assert world.said() == ["warning: 100 strangers wait already: newcomers pass"]
    assert await world.at(300) == 0
    assert await world.at(700, host(2000), "x@example.net", "john@example.org") == 300
    assert sum(kind == "waiting" for kind, *_ in world.rows()) == 101
    assert await world.at(711, host(2001), "x@example.net", "john@example.org") == 300


async def test_one_network_cannot_take_all_places(world: World) -> None:
    world.use(entries=100)
    await world.at(0)
    for number in range(500):
        await world.at(1, "198.51.100.1", f"x{number}x@example.net", "john@example.org")
    await world.at(20, host(1), "x@example.net", "john@example.org")
    waiting = [network for kind, network, *_ in world.rows() if kind == "waiting"]
    assert waiting.count("198.51.100.0/24") == 2
    assert len(waiting) == 4
    assert await world.at(300) == 0


async def test_those_that_passed_and_those_known_are_bounded_too(world: World) -> None:
    world.use(entries=10, auto_whitelist_clients=9)
    for number in range(30):
        await world.at(number, host(number), "x@example.net", "john@example.org")
        await world.at(number + 300, host(number), "x@example.net", "john@example.org")
    await world.greylist.wrote_to([f"{number}@example.com" for number in range(30)])
    await world.at(400)
    kinds = [kind for kind, *_ in world.rows()]
    assert {kind: kinds.count(kind) for kind in ("passed", "client", "sender")} == {
        "passed": 10,
        "client": 10,
        "sender": 10,
    }
    assert ("passed", "10.0.29.0/24", "x@example.net", "john@example.org") in world.rows()


# Trouble -----------------------------------------------------------------------------------------


async def test_a_file_that_fails_defers_mail_no_longer_than_greylisting_would(world: World) -> None:
    world.file.broken = True
    for moment in (0, 10, 299):
        with pytest.raises(GreylistUnavailable):
            await world.at(moment)
    assert await world.at(300) == 0
    assert world.said() == ["warning: greylist.db: database is locked"]
    world.file.broken = False
    assert await world.at(301) == 300
    world.file.broken = True
    with pytest.raises(GreylistUnavailable):
        await world.at(700)


# Several workers, restarts ------------------------------------------------------------------------


def keeper(path: Path, complaints: list[str] | None = None) -> Keeper:
    return Keeper(path, GREYLIST, (complaints if complaints is not None else []).append)


async def test_workers_share_what_they_know(tmp_path: Path) -> None:
    path, now = tmp_path / "greylist.db", [NOW]
    keepers = [keeper(path) for _ in range(4)]
    workers = [
        Greylist(GreylistSettings(), each, lambda _: None, lambda: now[0]) for each in keepers
    ]
    senders = [f"sender{at}x@example.net" for at in range(50)]
    asked = [
        each.wait("192.0.2.7", sender, "john@example.org") for sender in senders for each in workers
    ]
    assert set(await asyncio.gather(*asked)) == {300.0}
    now[0] += 300
    asked = [
        workers[at % 4].wait("192.0.2.7", sender, "john@example.org")
        for at, sender in enumerate(senders)
    ]
    assert set(await asyncio.gather(*asked)) == {0.0}
    for each in keepers:
        each.close()
    with closing(open_file(path, GREYLIST)) as connection:
        met = greylist_file.passes_of(connection, "192.0.2.0/24")
    assert met == (1, NOW + 300, NOW + 300)


async def test_two_processes_share_the_file_and_one_may_be_killed(tmp_path: Path) -> None:
    path = tmp_path / "greylist.db"
    readable, writable = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            asyncio.run(_wait_for_ever(path, writable))
        finally:
            os._exit(1)
    try:
        assert os.read(readable, 1) == b"W"
    finally:
        _kill(pid)
        os.close(readable)
        os.close(writable)
    here = keeper(path)
    greylist = Greylist(GreylistSettings(), here, lambda _: None, lambda: NOW + 300)
    assert await greylist.wait(*ATTEMPT) == 0
    here.close()


def _kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


async def _wait_for_ever(path: Path, told: int) -> None:
    greylist = Greylist(GreylistSettings(), keeper(path), lambda _: None, lambda: NOW)
    await greylist.wait(*ATTEMPT)
    os.write(told, b"W")
    signal.pause()
