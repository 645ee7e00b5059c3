"""Sites: asked once, waited for shortly."""

from __future__ import annotations

import asyncio

import pytest

from postroad.delivery import Route
from postroad.queue import sites as module
from postroad.queue.sites import Sites
from queue_fakes import FakeClock, turn

ROUTE = Route("smtp", "example.net")


class Finder:
    def __init__(self) -> None:
        self.asked: list[str] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.error: Exception | None = None

    async def site(self, nexthop: str) -> str:
        self.asked.append(nexthop)
        await self.gate.wait()
        if self.error is not None:
            raise self.error
        return "Google.com"


@pytest.fixture
def finder() -> Finder:
    return Finder()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def sites(finder, clock) -> Sites:
    return Sites({"smtp": finder}.get, clock)


async def test_it_is_asked_once_and_remembered_for_a_while(sites, finder, clock):
    assert sites.known(ROUTE) is None
    await asyncio.gather(*(sites.learn([ROUTE, ROUTE]) for _ in range(5)))
    assert sites.known(ROUTE) == "google.com"
    assert finder.asked == ["example.net"]
    clock.now += module.REMEMBERED
    assert sites.known(ROUTE) is None


async def test_transports_without_sites_are_not_asked(sites):
    assert sites.known(Route("local", "example.org")) == ""


async def test_what_fails_is_by_itself_for_a_while(sites, finder, clock):
    finder.error = OSError("no DNS")
    await sites.learn([ROUTE])
    assert sites.known(ROUTE) == ""
    clock.now += module.UNKNOWN
    assert sites.known(ROUTE) is None


async def test_nobody_waits_for_long(sites, finder, monkeypatch):
    monkeypatch.setattr(module, "PATIENCE", 0.0)
    finder.gate.clear()
    await sites.learn([ROUTE])
    assert sites.known(ROUTE) is None
    finder.gate.set()
    await turn()
    assert sites.known(ROUTE) == "google.com", "the question goes on for the next one"


async def test_only_so_many_questions_are_open(sites, finder, monkeypatch):
    monkeypatch.setattr(module, "PATIENCE", 0.0)
    finder.gate.clear()
    await sites.learn([Route("smtp", f"d{number}.example") for number in range(300)])
    assert len(finder.asked) <= module.MOST_ASKED
    sites.close()
    await turn()
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_memory_is_bounded(sites, monkeypatch):
    monkeypatch.setattr(module, "MOST_KNOWN", 10)
    for number in range(30):
        await sites.learn([Route("smtp", f"d{number}.example")])
    assert len(sites._known) == 10
