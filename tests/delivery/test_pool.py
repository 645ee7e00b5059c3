"""The pool by itself: who gets which session, and when one is closed."""

from __future__ import annotations

import pytest

from postroad.delivery.pool import Lane, Road, SessionPool

HERE, THERE = Road("example.net"), Road("away.example")
KEY = ("mx.example.net", "192.0.2.1", 25)


class Loop:
    """A clock, and the one timer."""

    def __init__(self) -> None:
        self.now = 100.0
        self.timers: list[float] = []

    def time(self) -> float:
        return self.now

    def call_later(self, delay: float, callback) -> Loop:
        self.timers.append(self.now + delay)
        return self

    def cancel(self) -> None:
        self.timers.clear()


class Kept:
    """A session."""

    is_usable = True

    def __init__(self, loop: Loop, key: object = None) -> None:
        self.loop = loop
        self.opened = loop.now
        self.idle_since = 0.0
        self.lane = None if key is None else Lane(key)
        self.closed = False

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def loop():
    return Loop()


def test_the_last_one_is_taken_first(loop):
    pool = SessionPool(5)
    first, second = Kept(loop, KEY), Kept(loop, KEY)
    for each in (first, second):
        pool.put(HERE, each)
    assert [pool.take(HERE), pool.take(HERE), pool.take(HERE)] == [second, first, None]


def test_a_session_without_a_key_belongs_to_its_road(loop):
    pool = SessionPool(5)
    session = Kept(loop)
    pool.put(HERE, session)
    assert pool.take(THERE) is None
    assert pool.take(HERE) is session


def test_a_key_leads_to_it_from_every_road(loop):
    pool = SessionPool(5)
    session = Kept(loop, KEY)
    pool.put(HERE, session)
    assert pool.take(THERE) is None
    assert pool.take_by_key(KEY) is session
    pool.put(THERE, session)
    assert pool.take(HERE) is session  # the lane is known to both roads by now
    pool.put(HERE, session)
    assert pool.take(THERE) is session


def test_one_that_went_bad_is_closed(loop):
    pool = SessionPool(5)
    bad, good = Kept(loop, KEY), Kept(loop, KEY)
    pool.put(HERE, good)
    pool.put(HERE, bad)
    bad.is_usable = False
    assert pool.take(HERE) is good
    assert bad.closed


@pytest.mark.parametrize(("age", "kept"), [(299, True), (300, False)])
def test_one_that_is_too_old_is_closed(loop, age, kept):
    pool = SessionPool(5, 300)
    session = Kept(loop, KEY)
    loop.now += age
    pool.put(HERE, session)
    assert session.closed is not kept
    assert (pool.take(HERE) is session) is kept


def test_without_a_time_nothing_is_kept(loop):
    session = Kept(loop, KEY)
    SessionPool(0).put(HERE, session)
    assert session.closed


def test_the_end(loop):
    pool = SessionPool(5)
    before, after = Kept(loop, KEY), Kept(loop, KEY)
    pool.put(HERE, before)
    pool.close()
    pool.put(HERE, after)
    assert before.closed
    assert after.closed
    assert pool.take(HERE) is pool.take_by_key(KEY) is None
    assert loop.timers == []
