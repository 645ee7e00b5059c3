from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from postroad.delivery.sources import Source
from postroad.delivery.warmup import WARMUP, Warmup, WarmupUnavailable, states, wants_it_slower
from postroad.delivery.warmup_settings import Schedule, WarmupSettings, group_of
from postroad.limits.state_file import Keeper
from postroad.model import Reply

NEW = Source("192.0.2.1", "")
HOST = "mx.example.net"
DAY = 86_400.0


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 11, 1, 12, tzinfo=UTC).timestamp()

    def __call__(self) -> float:
        return self.now


class World:
    def __init__(self, folder, **settings) -> None:
        self.clock = Clock()
        self.said: list[str] = []
        self.file = folder / "warmup.db"
        given = {"start": "2026-11-01", "schedule": "3, 5", **settings}
        self.settings = {NEW.address: WarmupSettings(**given)}
        self.keepers: list[Keeper] = []
        self.warmup = self.another()

    def another(self) -> Warmup:
        """That of another worker."""
        self.keepers.append(Keeper(self.file, WARMUP, self.said.append))
        return Warmup(self.keepers[-1], self.settings, self.said.append, self.clock)

    async def sent(self, times: int, host: str = HOST) -> int:
        return sum([await self.warmup.begin(NEW, host) for _ in range(times)])

    async def refused(self, reply: Reply) -> None:
        self.warmup.ended(NEW, HOST, reply)
        await self.warmup.close()

    async def close(self) -> None:
        while self.keepers:
            await asyncio.to_thread(self.keepers.pop().close)


@pytest.fixture
async def make(tmp_path: Path) -> AsyncIterator[Callable[..., World]]:
    made: list[World] = []

    def build(**settings) -> World:
        made.append(World(tmp_path, **settings))
        return made[-1]

    yield build
    for world in made:
        await world.close()


@pytest.fixture
def world(make) -> World:
    return make()


@pytest.mark.parametrize(
    ("text", "shares"),
    [
        ("50, 100, 200", (50, 100, 200)),
        ("50 100", (50, 100)),
        ("double from 50 to 400", (50, 100, 200, 400)),
        ("Double from 50 to 300", (50, 100, 200, 300)),
        ("double from 7 to 7", (7,)),
        ("0", (0,)),
    ],
)
def test_schedules(text, shares):
    assert Schedule.parse(text).shares == shares


@pytest.mark.parametrize(
    "text", ["", "many", "1.5", "double from 0 to 5", "double from 9 to 5", "-1", "1 " * 401]
)
def test_what_is_no_schedule(text):
    with pytest.raises(ValueError, match=r"\w"):
        Schedule.parse(text)


@pytest.mark.parametrize(
    ("host", "group"),
    [
        ("gmail-smtp-in.l.google.com", "google"),
        ("x.mail.protection.outlook.com", "microsoft"),
        ("mta5.am0.yahoodns.net", "yahoo"),
        ("mx.example.net", "*"),
        ("notgoogle.com", "*"),
    ],
)
def test_groups(host, group):
    assert group_of(host) == group


async def test_a_days_share_and_no_more(world):
    assert await world.sent(10) == 3
    assert not await world.warmup.admits(NEW.address, HOST)
    world.clock.now += DAY
    assert await world.sent(10) == 5
    world.clock.now += DAY
    assert await world.sent(100) == 100, "the schedule is over"


async def test_nothing_before_the_first_day(world):
    world.clock.now -= DAY
    assert await world.sent(1) == 0


async def test_providers_are_counted_by_themselves(make):
    world = make(groups={"google": "1"})
    assert await world.sent(5, "aspmx.l.google.com") == 1
    assert await world.sent(5, "x.outlook.com") == 3
    assert await world.sent(5) == 3


async def test_workers_and_restarts_count_together(world):
    other = world.another()
    assert [await each.begin(NEW, HOST) for each in (world.warmup, other)] == [True, True]
    await world.close()
    later = world.another()
    assert [await later.begin(NEW, HOST) for _ in range(2)] == [True, False]


async def test_another_workers_transaction_holds_up_this_message_and_nothing_else(world):
    assert await world.sent(1) == 1
    other = sqlite3.connect(world.file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    counting = asyncio.create_task(world.sent(1))
    await asyncio.sleep(0)
    assert not counting.done()  # and here the event loop goes on
    other.execute("ROLLBACK")
    other.close()
    assert await counting == 1
    assert not world.said


async def test_old_addresses_are_not_counted(world):
    old = Source("192.0.2.9", "")
    assert all([await world.warmup.begin(old, HOST) for _ in range(50)])
    assert not world.file.exists()


async def test_a_provider_that_wants_it_slower_halves_the_day(make):
    world = make(schedule="8, 100")
    slower = Reply.of(421, "4.7.28", "our system has detected an unusual rate of mail")
    await world.refused(slower)
    await world.refused(slower)  # in the same hour: once
    assert await world.sent(10) == 4
    assert len(world.said) == 1
    assert "wants it slower" in world.said[0]
    world.clock.now += 3601
    await world.refused(slower)
    (state,) = states(world.file, world.settings, world.clock.now)
    assert (state.day, state.share, state.sent, state.halved) == (1, 2, 4, 2)
    world.clock.now += DAY
    assert await world.sent(200) == 100


async def test_unless_it_must_not(make):
    world = make(slow_down=False)
    await world.refused(Reply.of(421, "4.7.0", "too many messages"))
    assert await world.sent(10) == 3


@pytest.mark.parametrize(
    ("code", "words", "slower"),
    [
        (421, "4.7.28 rate limit", True),
        (451, "4.7.650 temporarily deferred due to reputation", True),
        (421, "4.7.0 This message is likely suspicious due to the low reputation", True),
        (452, "4.5.3 Too many recipients", False),
        (450, "4.2.0 greylisted", False),
        (550, "5.7.1 too many messages", False),
        (250, "2.0.0 Ok", False),
    ],
)
def test_what_wants_it_slower(code, words, slower):
    enhanced, _, text = words.partition(" ")
    assert wants_it_slower(Reply.of(code, enhanced, text)) is slower


async def test_a_file_that_cannot_be_used_sends_nothing_and_says_so_once(world):
    connection = sqlite3.connect(world.file)
    connection.executescript("PRAGMA application_id = 1; PRAGMA user_version = 1")
    connection.close()
    assert await world.sent(3) == 0
    assert not await world.warmup.admits(NEW.address, HOST)
    assert len(world.said) == 1
    with pytest.raises((WarmupUnavailable, sqlite3.Error)):
        list(states(world.file, world.settings, world.clock.now))


async def test_a_damaged_file_is_put_aside(world):
    world.file.write_bytes(b"this is no database" * 100)
    assert await world.sent(5) == 3
    assert "was damaged" in world.said[0]


async def test_what_is_shown_before_anything_was_sent(world):
    (state,) = states(world.file, world.settings, world.clock.now)
    assert (state.group, state.day, state.share, state.sent) == ("*", 1, 3, 0)
