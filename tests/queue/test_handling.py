"""The runner and what goes with a message: held, filtered, somebody's."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from fake_transport import BOUNCES, DEFERS, FakeTransport
from postroad.delivery.routing import RouteMistake
from postroad.model import ContentFilter, Notify, Reply, Status, StoredMessage, Waybill
from postroad.model.journal import Notice
from postroad.model.message_events import Delivered
from postroad.queue import QueueSettings, Runner
from postroad.queue.routes import Routes
from queue_fakes import FakeClock, FakeDoor, FakeJournal, FakeRouter, FakeSpool, turn, until
from queue_mail import message, recipients

HERS = Waybill("ann@example.org", "192.0.2.7")


class Stage:
    """A runner with two transports, and somebody who watches over accounts."""

    def __init__(self, **settings: float) -> None:
        self.spool = FakeSpool()
        self.router = FakeRouter()
        self.smtp = FakeTransport()
        self.filter = FakeTransport()
        self.door = FakeDoor()
        self.journal = FakeJournal()
        self.bounced: list[tuple[str, str, str, str]] = []
        self.router.filter = "filter"
        self.runner = Runner(
            spool=self.spool,
            router=self.router,
            transports={"smtp": self.smtp, "filter": self.filter},
            door=self.door,
            journal=self.journal,
            clock=FakeClock(),
            settings=QueueSettings(**settings),
            hostname="mail.example.org",
            bounced=lambda *what: self.bounced.append(tuple(map(str, what))),
        )

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.runner.run())
        await turn()
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    def commit(self, *to: str, waybill: Waybill = HERS, **wishes: object) -> StoredMessage:
        mail = message("alice@example.org", waybill=waybill)
        self.runner.add(self.spool.commit(mail, recipients(*to, **wishes)))
        return mail

    def hold(self, mail: StoredMessage) -> None:
        """As the spool does it: nobody claims what comes back."""
        self.spool.held.add(mail.queue_id)

    @property
    def tried(self) -> list[str]:
        return [str(r.address) for each in self.smtp.deliveries for r in each.recipients]


@pytest.fixture
def stage() -> Stage:
    return Stage(destination_concurrency=1, initial_concurrency=1)


class TestHeld:
    async def test_what_waits_for_its_turn_goes_back(self, stage):
        stage.smtp.gate.clear()
        async with stage.running():
            stage.commit("a@example.net")
            held = stage.commit("b@example.net", "c@example.net")
            free = stage.commit("d@example.net")
            await turn()
            stage.hold(held)
            stage.smtp.gate.set()
            await until(lambda: not stage.spool.claimed)
            assert stage.tried == ["a@example.net", "d@example.net"]
            left = {queue_id for queue_id, _ in stage.spool.rows.values()}
            assert left == {held.queue_id}
            assert free.queue_id not in stage.spool.messages

    async def test_a_delivery_under_way_ends(self, stage):
        stage.smtp.gate.clear()
        async with stage.running():
            held = stage.commit("a@example.net", "b@example.com")
            await until(lambda: stage.smtp.running == 2)
            stage.hold(held)
            stage.smtp.gate.set()
            await until(lambda: not stage.spool.rows)

    async def test_what_was_not_looked_at_goes_back(self, stage):
        stage.router.slow = {"example.net"}
        async with stage.running():
            first = stage.commit("a@example.net")  # the router is asked
            await turn()
            stage.hold(first)
            second = stage.commit("b@example.com")
            stage.hold(second)
            stage.router.gate.set()
            await until(lambda: not stage.spool.claimed)
            assert stage.tried == []

    async def test_room_and_turns_are_given_back(self, stage):
        """A hundred messages held in the line of one destination, and the window is free again."""
        stage = Stage(active_limit=50, destination_concurrency=1, initial_concurrency=1)
        stage.smtp.gate.clear()
        async with stage.running():
            stage.commit("a@example.net")
            for number in range(100):
                stage.hold(stage.commit(f"b{number}@example.net"))
            await turn()
            stage.smtp.gate.set()
            await until(lambda: not stage.spool.claimed)
            stage.commit("z@example.net")
            await until(lambda: len(stage.tried) == 2)
        assert stage.tried == ["a@example.net", "z@example.net"]
        assert stage.runner._planner.active == 0

    async def test_a_message_that_comes_in_held_is_no_reason_to_look(self, stage):
        async with stage.running():
            await turn()
            before = stage.spool.claims
            mail = message("alice@example.org", waybill=HERS._replace(held="x"))
            stage.runner.add(stage.spool.commit(mail, ()))
            await turn()
            assert stage.spool.claims == before


class TestFilter:
    async def test_all_recipients_go_there_together(self, stage):
        through = HERS._replace(content_filter="smtp:[127.0.0.1]:10025")
        async with stage.running():
            stage.commit("a@example.net", "b@example.com", "c@ours.example", waybill=through)
            await until(lambda: not stage.spool.rows)
        [delivery] = stage.filter.deliveries
        assert delivery.nexthop == "[127.0.0.1]:10025"
        assert len(delivery.recipients) == 3
        assert not stage.smtp.deliveries

    async def test_one_that_cannot_be_read_waits_for_the_operator(self, stage):
        async with stage.running():
            stage.commit("a@example.net", waybill=HERS._replace(content_filter="smtp:[x"))
            await until(lambda: stage.spool.settled)
        [delivered] = stage.journal.of(Delivered)
        assert delivered.status is Status.DEFERRED
        assert str(delivered.reply) == "451 4.3.5 Server configuration error"
        [notice] = stage.journal.of(Notice)
        assert '"smtp:[x" is no content filter' in notice.text

    async def test_a_way_that_is_none_waits_for_the_operator_as_well(self):
        class Router(FakeRouter):
            async def route(self, address, content_filter=None, **whose):
                raise RouteMistake('there is no transport "spamd"')

        journal = FakeJournal()
        found = await Routes(Router(), journal).of(message(), recipients("a@example.net"))
        assert [str(each) for each in found] == ["451 4.3.5 Server configuration error"]
        [notice] = journal.of(Notice)
        assert notice.text.endswith(': no route to <a@example.net>: there is no transport "spamd"')

    async def test_a_failure_of_it_bounces_as_usual(self, stage):
        stage.filter.says = BOUNCES
        through = HERS._replace(content_filter="smtp:[127.0.0.1]:10025")
        async with stage.running():
            stage.commit("a@example.net", waybill=through)
            await until(lambda: not stage.spool.rows)
        assert len(stage.door.submitted) == 1


async def test_routes_are_told_of_the_filter():
    journal, router = FakeJournal(), FakeRouter()
    router.filter = "lmtp"
    mail = message(waybill=Waybill(content_filter="lmtp:unix:/run/x"))
    to = recipients("a@example.net", "b@example.com")
    routes = await Routes(router, journal).of(mail, to)
    [(route, group)] = routes.items()
    assert (route.transport, route.nexthop, tuple(group)) == ("lmtp", "unix:/run/x", to)
    router.broken = {"example.net"}
    routes = await Routes(router, journal).of(message(), to)
    assert [type(each) is Reply for each in routes] == [True, False]


async def test_the_filter_of_a_route_is_what_the_message_says():
    asked = []

    class Router(FakeRouter):
        async def route(self, address, content_filter=None, **whose):
            asked.append(content_filter)
            return await super().route(address, content_filter, **whose)

    routes = Routes(Router(), FakeJournal())
    await routes.of(message(), recipients("a@example.net"))
    through = Waybill(content_filter="smtp:x.example")
    await routes.of(message(waybill=through), recipients("a@example.net"))
    assert asked == [None, ContentFilter("smtp", "x.example")]


class TestBounced:
    async def test_whose_mail_failed(self, stage):
        stage.smtp.says = BOUNCES
        async with stage.running():
            stage.commit("a@example.net", "b@example.net")
            await until(lambda: not stage.spool.rows)
        said = "550 5.1.1 no such user here"
        account, sender = "ann@example.org", "alice@example.org"
        assert stage.bounced == [
            (account, sender, f"{name}@example.net", said) for name in ("a", "b")
        ]

    @pytest.mark.parametrize("wants", [Notify.NEVER, Notify.SUCCESS])
    async def test_it_counts_where_its_sender_wants_no_report(self, stage, wants):
        stage.smtp.says = BOUNCES
        async with stage.running():
            stage.commit("a@example.net", notify=wants)
            await until(lambda: not stage.spool.rows)
        assert len(stage.bounced) == 1
        assert not stage.door.submitted

    async def test_nobodys_mail_and_mail_that_waits_count_for_nobody(self, stage):
        stage.smtp.says = BOUNCES
        async with stage.running():
            stage.commit("a@example.net", waybill=Waybill())
            await until(lambda: not stage.spool.rows)
            stage.smtp.says = DEFERS
            stage.commit("a@example.net")
            await until(lambda: len(stage.spool.settled) == 2)
        assert stage.bounced == []

    async def test_it_counts_once_the_report_is_durable(self, stage):
        stage.smtp.says = BOUNCES
        stage.door.error = OSError("disk full")
        async with stage.running():
            stage.commit("a@example.net")
            await until(lambda: stage.spool.settled)
        assert stage.bounced == []
