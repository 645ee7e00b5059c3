"""The runner and limits: rates, sites, suspension, soft bounces, reports that can never be sent."""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager

from fake_transport import BOUNCES, SENDS, FakeTransport, answer
from postroad.model import Reply, Status
from postroad.model.journal import Level, Notice
from postroad.model.message_events import Delivered
from postroad.queue import QueueSettings, Runner
from postroad.queue.settings import DestinationSettings
from postroad.queue.suspension import Suspension
from postroad.spool import Done, Retry
from queue_fakes import (
    FakeClock,
    FakeDoor,
    FakeJournal,
    FakeRouter,
    FakeSpool,
    delivering,
    turn,
    until,
)
from queue_mail import NOON, message, recipients

DAY = 86_400.0


class Finder:
    """Finds one site for all; while `gate` is cleared it is stuck."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.gate.set()

    async def site(self, _: str) -> str:
        await self.gate.wait()
        return "big.test"


class Stage:
    def __init__(self, *, finder: Finder | None = None, **settings: object) -> None:
        sections = settings.pop("sections", {})
        self.spool = FakeSpool()
        self.smtp = FakeTransport()
        self.door = FakeDoor()
        self.journal = FakeJournal()
        self.clock = FakeClock()
        self.suspension = Suspension(settings.get("defer_transports", ()))
        self.runner = Runner(
            spool=self.spool,
            router=FakeRouter(),
            transports={"smtp": self.smtp},
            door=self.door,
            journal=self.journal,
            clock=self.clock,
            settings=QueueSettings(**settings),
            hostname="mail.example.org",
            destinations=sections,
            finder=lambda _: finder,
            suspension=self.suspension,
        )

    def running(self) -> AbstractAsyncContextManager[None]:
        return delivering(self.runner)

    def commit(self, *to: str, sender: str = "alice@example.org") -> None:
        self.runner.add(self.spool.commit(message(sender), recipients(*to)))

    async def passes(self, seconds: float) -> None:
        """Time passes, and the bell rings, if it is time."""
        self.clock.now += seconds
        crew = self.runner._crew
        if crew._bell is not None and self.clock.now >= crew._bell_at:
            crew._bell.cancel()
            crew._ring()
        await turn(40)

    @property
    def results(self) -> list[Done | Retry]:
        return [result for group in self.spool.settled for result in group]


async def test_a_rate_wakes_a_worker_when_it_is_time():
    stage = Stage(sections={"example.net": DestinationSettings(rate="6/min")})
    async with stage.running():
        for _ in range(4):
            stage.commit("bob@example.net")
        stage.commit("bob@example.com")
        await turn(40)
        counts = [len(stage.smtp.deliveries)]
        for _ in range(3):
            await stage.passes(5)
            counts.append(len(stage.smtp.deliveries))
            await stage.passes(5)
            counts.append(len(stage.smtp.deliveries))
    assert counts == [2, 2, 3, 3, 4, 4, 5]


async def test_whoever_waits_for_a_rate_holds_no_worker():
    stage = Stage(concurrency=2, sections={"example.net": DestinationSettings(rate="1/min")})
    async with stage.running():
        for _ in range(50):
            stage.commit("bob@example.net")
        await turn(40)
        for number in range(50):
            stage.commit(f"bob@d{number}.example")
        await until(lambda: len(stage.smtp.deliveries) == 51)


async def test_what_a_section_says_reaches_the_transport():
    section = DestinationSettings(messages_per_connection=3, recipients_per_delivery=1)
    stage = Stage(sections={"transport:smtp": section})
    async with stage.running():
        stage.commit("a@example.net", "b@example.net")
        await until(lambda: len(stage.smtp.deliveries) == 2)
    assert {each.messages_per_connection for each in stage.smtp.deliveries} == {3}


async def test_domains_of_one_site_share_a_window():
    stage = Stage(finder=Finder(), initial_concurrency=4)
    stage.smtp.gate.clear()
    async with stage.running():
        for number in range(20):
            stage.commit(f"bob@d{number}.example")
        await turn(60)
        assert stage.smtp.running == 2, "half of it, before a host of the site answered"
        stage.smtp.gate.set()
        await until(lambda: not stage.spool.rows)


async def test_stuck_dns_holds_up_nobody_whose_site_is_known():
    finder = Finder()
    stage = Stage(finder=finder, concurrency=10)
    async with stage.running():
        stage.commit("bob@known.example")
        await until(lambda: not stage.spool.rows)
        finder.gate.clear()
        for number in range(200):
            stage.commit(f"bob@d{number}.example")
        await turn(40)
        assert len(stage.smtp.deliveries) == 1
        stage.clock.now += 1
        for _ in range(20):
            stage.spool.put(message(), recipients("bob@known.example"))
        assert stage.runner._entering == 5, "half of the workers"
        finder.gate.set()
        await until(lambda: len(stage.smtp.deliveries) >= 201)


async def test_a_suspended_transport_keeps_its_mail():
    stage = Stage(defer_transports=("smtp",))
    async with stage.running():
        stage.commit("bob@example.net")
        await until(lambda: stage.results)
        [retry] = stage.results
        assert (retry.reason, retry.tried) == ("451 4.3.2 deferred transport", False)
        assert NOON + 300 <= retry.at <= NOON + 375
        stage.suspension.configure(())
        await stage.passes(400)
        stage.runner.wake()
        await until(lambda: not stage.spool.rows)
    assert len(stage.smtp.deliveries) == 1


async def test_a_suspended_destination_among_others():
    stage = Stage(defer_transports=("dest:example.net",))
    async with stage.running():
        stage.commit("a@example.net", "b@example.com")
        await until(lambda: len(stage.results) == 2)
    assert [each.nexthop for each in stage.smtp.deliveries] == ["example.com"]


async def test_what_waits_in_memory_is_put_off_as_well():
    stage = Stage(concurrency=1)
    stage.smtp.gate.clear()
    async with stage.running():
        for _ in range(5):
            stage.commit("bob@example.net")
        await turn(40)
        stage.suspension.configure(["dest:example.net"])
        stage.smtp.gate.set()
        await until(lambda: len(stage.results) == 5)
    assert [type(each) for each in stage.results] == [Done, *([Retry] * 4)]


async def test_soft_bounce():
    stage = Stage(soft_bounce=True)
    stage.smtp.says = BOUNCES
    async with stage.running():
        stage.commit("bob@example.net")
        await until(lambda: stage.results)
    assert not stage.door.submitted
    [retry] = stage.results
    assert retry.reason == "450 4.1.1 no such user here"
    assert stage.journal.of(Delivered)[0].status is Status.DEFERRED


async def test_a_next_hop_may_name_the_pause():
    stage = Stage()
    words = Reply.of(451, "4.7.1", "greylisted, please try again in 60 seconds")
    stage.smtp.says = answer(Status.DEFERRED, words)
    async with stage.running():
        stage.commit("bob@example.net")
        await until(lambda: stage.results)
        assert 60 <= stage.results[0].at - NOON <= 75
        for count in range(2, 5):
            await stage.passes(400)
            stage.runner.wake()
            await until(lambda n=count: len(stage.results) >= n)
    assert stage.results[3].at - stage.clock.now >= 300, "it is heeded three times"


async def test_a_report_that_can_never_be_sent_is_given_up():
    stage = Stage(lifetime=DAY, bounce_lifetime=DAY)
    stage.smtp.says, stage.door.error = BOUNCES, OSError("nobody takes it")
    async with stage.running():
        stage.commit("bob@example.net")
        await until(lambda: stage.results)
        await stage.passes(1.5 * DAY)
        stage.runner.wake()
        await until(lambda: len(stage.results) == 2)
        assert [type(each) for each in stage.results] == [Retry, Retry]
        await stage.passes(0.5 * DAY)
        stage.runner.wake()
        await until(lambda: not stage.spool.rows)
    last = stage.journal.of(Notice)[-1]
    assert last.severity is Level.ERROR
    assert "could not be told of <bob@example.net>, and is not any more" in last.text


async def test_other_settings_hold_from_a_reload_on():
    stage = Stage(initial_concurrency=2, destination_concurrency=2)
    stage.smtp.gate.clear()
    async with stage.running():
        for _ in range(10):
            stage.commit("bob@example.net")
        await turn(40)
        assert stage.smtp.running == 2
        sections = {"transport:smtp": DestinationSettings(concurrency=4, initial_concurrency=4)}
        stage.runner.replace(QueueSettings(retry=(60.0,)), sections)
        await turn(40)
        assert stage.smtp.running == 4
        stage.smtp.says = answer(Status.DEFERRED, Reply.of(450, "4.2.0", "later"))
        stage.smtp.gate.set()
        await until(lambda: len(stage.results) == 10)
    assert all(60 <= each.at - NOON <= 75 for each in stage.results)


async def test_a_full_window_after_a_reload_goes_on():
    stage = Stage(active_limit=1000)
    stage.smtp.gate.clear()
    async with stage.running():
        for number in range(400):
            stage.commit(f"bob@d{number % 50}.example", sender=f"s{number}@example.org")
        await turn(60)
        stage.runner.replace(QueueSettings(active_limit=20, concurrency=3), {})
        stage.smtp.says = SENDS
        stage.smtp.gate.set()
        for _ in range(200):
            await stage.passes(1)
            stage.runner.wake()
            if not stage.spool.rows:
                break
    assert not stage.spool.rows
    assert stage.runner._planner.active == 0
