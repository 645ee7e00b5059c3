"""The runner among fakes: no network, no disk, no time but the fake clock's."""

from __future__ import annotations

import asyncio
import re
import threading
from contextlib import AbstractAsyncContextManager
from dataclasses import replace

import pytest

from fake_transport import BOUNCES, DEFERS, SENDS, SILENT, FakeTransport
from postroad.delivery import Delivery
from postroad.intake.door import Refusal
from postroad.model import (
    Action,
    ByMode,
    DeliverBy,
    Notify,
    Reply,
    Report,
    Return,
    Status,
    Told,
)
from postroad.model.journal import Level, Notice
from postroad.model.message_events import Bounced, Delivered, Removed
from postroad.queue import QueueSettings, Runner
from postroad.spool import Claimed, Done, Retry
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
from queue_mail import NOON, MemoryContent, crowd, message, recipients

DAY = 86_400.0


class Stage:
    """A runner and everything it was given."""

    def __init__(self, **settings: float) -> None:
        self.spool = FakeSpool()
        self.router = FakeRouter()
        self.smtp = FakeTransport()
        self.door = FakeDoor()
        self.journal = FakeJournal()
        self.clock = FakeClock()
        self.runner = Runner(
            spool=self.spool,
            router=self.router,
            transports={"smtp": self.smtp},
            door=self.door,
            journal=self.journal,
            clock=self.clock,
            settings=QueueSettings(**settings),
            hostname="mail.example.org",
        )

    def running(self) -> AbstractAsyncContextManager[None]:
        return delivering(self.runner)

    def commit(self, sender="alice@example.org", to=("bob@example.net",), *, asked=(), **fields):
        """A message comes in, as intake does it; `asked` is about each recipient."""
        mail = message(sender, **fields)
        claimed = self.spool.commit(mail, recipients(*to, **dict(asked)))
        self.runner.add(claimed)
        return claimed

    async def settled(self, count: int):
        await until(lambda: len(self.results) >= count)
        return self.results[count - 1]

    async def later(self, seconds: float) -> None:
        """So much later, when whatever can happen then has happened."""
        self.clock.now += seconds
        self.runner.wake()
        await turn(60)

    @property
    def reports(self) -> list[str]:
        """The action of each notification that was sent, with the number of its recipients."""
        texts = [octets.decode() for _, _, octets in self.door.submitted]
        actions = [re.findall("^Action: (.*)\r$", text, re.MULTILINE) for text in texts]
        return [f"{len(each)} {each[0]}" for each in actions]

    @property
    def results(self):
        return [result for group in self.spool.settled for result in group]

    async def empty(self):
        await until(lambda: not self.spool.rows)

    async def empty_in_time(self, seconds: int = 600) -> None:
        """As `empty`, while time passes: what had no room comes back a little later."""
        for _ in range(seconds):
            await turn(100)
            if not self.spool.rows:
                return
            await self.later(1)
        raise AssertionError("it did not become empty")


@pytest.fixture
def stage() -> Stage:
    return Stage()


class TestDelivery:
    async def test_what_comes_in_is_delivered_at_once(self, stage):
        async with stage.running():
            claimed = stage.commit()
            await turn(2)
            assert [claimed.message] == [each.message for each in stage.smtp.deliveries]
            await stage.empty()
        [delivery] = stage.smtp.deliveries
        assert ("example.net", claimed.recipients) == (delivery.nexthop, delivery.recipients)
        [delivered] = stage.journal.of(Delivered)
        assert (delivered.service, delivered.status) == ("smtp", Status.SENT)
        assert [claimed.message.queue_id] == [e.queue_id for e in stage.journal.of(Removed)]

    async def test_what_was_added_before_the_start_is_delivered(self, stage):
        stage.commit()
        async with stage.running():
            await stage.empty()

    async def test_what_was_there_before_is_found(self, stage):
        stage.spool.put(message(), crowd(3))
        async with stage.running():
            await stage.empty()

    async def test_recipients_of_one_domain_share_a_delivery(self, stage):
        async with stage.running():
            stage.commit(to=("a@example.net", "b@example.com", "c@example.net"))
            await stage.empty()
        assert [
            [each.address.local for each in delivery.recipients]
            for delivery in stage.smtp.deliveries
        ] == [["a", "c"], ["b"]]

    async def test_the_log_line(self, stage):
        def takes_time(delivery: Delivery) -> Report:
            stage.clock.now += 2
            return SENDS(delivery)

        stage.smtp.says = takes_time
        async with stage.running():
            claimed = stage.commit(arrived=NOON - 1.5, queue_id="4XyZ")
            await stage.empty()
        [delivered] = stage.journal.of(Delivered)
        assert claimed.recipients[0].address == delivered.recipient
        assert delivered.text == (
            "4XyZ: to=<bob@example.net>, relay=mx.example.net[192.0.2.1]:25, delay=3.5, "
            "delays=1.5/1.2/0.25/0.5, dsn=2.0.0, status=sent (250 2.0.0 Ok: queued)"
        )

    async def test_deliveries_run_side_by_side_up_to_the_limit(self):
        stage = Stage(concurrency=7)
        stage.smtp.gate.clear()
        async with stage.running():
            for number in range(20):
                stage.commit(f"alice{number}@example.org", to=(f"bob@d{number}.example",))
            await turn()
            assert stage.smtp.running == 7
            stage.smtp.gate.set()
            await stage.empty()
        assert stage.smtp.most == 7

    async def test_workers_are_reused(self):
        stage = Stage(concurrency=7)
        async with stage.running():
            before = len(asyncio.all_tasks())
            for number in range(200):
                stage.commit(to=(f"bob@d{number % 9}.example",))
            await stage.empty()
            assert len(asyncio.all_tasks()) <= before + 7


class TestSettling:
    async def test_results_share_a_write(self, stage):
        stage.spool.gate.clear()
        async with stage.running():
            for number in range(50):
                stage.commit(to=(f"bob@d{number}.example",))
            await turn(50)
            stage.spool.gate.set()
            await stage.empty()
        assert len(stage.results) == 50
        assert len(stage.spool.settled) <= 4

    async def test_a_full_disk_loses_nothing(self, stage):
        stage.spool.full = True
        async with stage.running():
            stage.commit()
            await until(lambda: stage.journal.of(Notice))
            assert stage.spool.rows
            stage.spool.full = False
            stage.runner.wake()
            await stage.empty()
        assert len(stage.smtp.deliveries) == 1
        [notice] = stage.journal.of(Notice)
        assert Level.ERROR is notice.severity
        assert "no space left" in notice.text

    async def test_unwritten_results_take_room(self):
        stage = Stage(active_limit=10)
        stage.spool.full = True
        async with stage.running():
            for _ in range(60):
                stage.commit()
                await turn(4)
            assert 10 <= len(stage.smtp.deliveries) < 30
            stage.spool.full = False
            stage.runner.wake()
            await stage.empty_in_time()
        assert len(stage.smtp.deliveries) == 60


class TestWindow:
    async def test_what_does_not_fit_waits_in_the_spool(self):
        stage = Stage(active_limit=100)
        stage.smtp.gate.clear()
        async with stage.running():
            for _ in range(1000):
                stage.commit()
            await turn(50)
            assert len(stage.spool.claimed) <= 100
            stage.smtp.gate.set()
            await stage.empty_in_time()
        assert len(stage.smtp.deliveries) == 1000

    async def test_a_message_with_more_recipients_than_fit(self):
        stage = Stage(active_limit=40, recipients_per_delivery=10)
        to = crowd(333)
        async with stage.running():
            stage.runner.add(stage.spool.commit(message(), to))
            await stage.empty_in_time()
        served = [each.id for delivery in stage.smtp.deliveries for each in delivery.recipients]
        assert [each.id for each in to] == sorted(served)

    async def test_a_full_disk_loses_nothing_that_is_given_back(self):
        stage = Stage(active_limit=10)
        stage.spool.full = True
        async with stage.running():
            for _ in range(50):
                stage.commit()
            await turn(50)
            stage.spool.full = False
            stage.runner.wake()
            await stage.empty_in_time()
        assert len(stage.smtp.deliveries) == 50

    async def test_no_limits(self):
        stage = Stage(
            active_limit=0,
            concurrency=0,
            destination_concurrency=0,
            initial_concurrency=0,
            recipients_per_delivery=0,
        )
        async with stage.running():
            stage.runner.add(stage.spool.commit(message(), crowd(3000)))
            await stage.empty()
        assert len(stage.smtp.deliveries) == 1

    async def test_an_idle_runner_does_not_read_the_spool(self, stage):
        async with stage.running():
            await turn()
            claims = stage.spool.claims
            await turn(200)
            assert claims == stage.spool.claims

    async def test_a_spool_that_cannot_be_read(self, stage):
        stage.spool.put(message(), crowd(1))
        stage.spool.deaf = True
        async with stage.running():
            await until(lambda: stage.journal.of(Notice))
            await turn(50)
            assert len(stage.journal.of(Notice)) == 1
            stage.spool.deaf = False
            stage.runner.wake()
            await stage.empty()


class TestRetry:
    async def test_deferred_mail_comes_back_when_due(self, stage):
        stage.smtp.says = DEFERS
        async with stage.running():
            claimed = stage.commit()
            await until(lambda: stage.results)
            [retry] = stage.results
            assert isinstance(retry, Retry)
            assert NOON + 300 <= retry.at < NOON + 375
            assert retry.reason == "450 4.2.0 try again later"
            stage.runner.wake()
            await turn(50)
            assert len(stage.smtp.deliveries) == 1
            stage.clock.now = retry.at
            stage.smtp.says = SENDS
            stage.runner.wake()
            await stage.empty()
        assert [each.recipients[0].attempts for each in stage.smtp.deliveries] == [0, 1]
        assert claimed.recipients[0].id == stage.results[1].recipient_id

    async def test_a_dead_destination_keeps_its_mail_untried(self, stage):
        stage.smtp.says = SILENT
        async with stage.running():
            stage.runner.add(stage.spool.commit(message(), crowd(500)))
            await until(lambda: len(stage.results) == 500)
            assert len(stage.smtp.deliveries) <= 5
            untried = [each for each in stage.journal.of(Delivered) if each.service == "qmgr"]
            assert untried
            assert "delivery temporarily suspended" in untried[0].text
            assert "relay=none" in untried[0].text
            attempts = [each.attempts for _, each in stage.spool.rows.values()]
            assert sum(attempts) == sum(len(each.recipients) for each in stage.smtp.deliveries)
            assert sum(attempts) == 500 - len(untried)
            stage.smtp.says = SENDS
            stage.clock.now += 400
            stage.runner.wake()
            await until(lambda: len(stage.spool.rows) < 300)

    async def test_flush_tries_a_dead_destination_now(self, stage):
        stage.smtp.says = SILENT
        async with stage.running():
            stage.commit()
            await until(lambda: stage.results)
            stage.smtp.says = SENDS
            for at in stage.spool.due:
                stage.spool.due[at] = 0.0
            stage.runner.flush()
            await stage.empty()

    async def test_no_route(self, stage):
        stage.router.broken.add("example.com")
        async with stage.running():
            stage.commit(to=("a@example.com", "b@example.net"))
            await until(lambda: len(stage.results) == 2)
        [retry] = [result for result in stage.results if isinstance(result, Retry)]
        assert not retry.tried
        assert any("no route to <a@example.com>" in each.text for each in stage.journal.of(Notice))

    async def test_a_slow_route_does_not_hold_up_others(self, stage):
        stage.router.slow.add("example.com")
        async with stage.running():
            stage.commit(to=("a@example.com",))
            stage.commit(to=("b@example.net",))
            await until(lambda: len(stage.spool.rows) == 1)
            stage.router.gate.set()
            await stage.empty()

    async def test_a_transport_that_does_not_exist(self, stage):
        stage.runner._transports = {}
        async with stage.running():
            stage.commit()
            await until(lambda: stage.results)
        assert "mail transport unavailable" in stage.results[0].reason

    @pytest.mark.parametrize("error", [ValueError("a bug"), OSError("gone"), KeyError("field")])
    async def test_a_transport_with_a_bug(self, stage, error):
        def breaks(_: Delivery) -> Report:
            raise error

        stage.smtp.says = breaks
        async with stage.running():
            stage.commit()
            await until(lambda: stage.results)
            stage.smtp.says = SENDS
            stage.commit()
            await until(lambda: len(stage.results) == 2)
        assert [Retry, Done] == [type(result) for result in stage.results]
        [notice] = stage.journal.of(Notice)
        assert repr(error) in notice.text
        assert str(error) not in stage.results[0].reason


class TestBounce:
    async def test_the_sender_is_told_before_the_recipient_is_done(self, stage):
        stage.smtp.says = BOUNCES
        async with stage.running():
            claimed = stage.commit()
            await until(lambda: stage.door.submitted)
            assert not stage.results
            await stage.empty()
        [(envelope, to, octets)] = stage.door.submitted
        assert (None, claimed.message.envelope.sender) == (envelope.sender, to[0])
        assert b"550 5.1.1 no such user here" in octets
        [bounced] = stage.journal.of(Bounced)
        assert (bounced.service, bounced.notification) == ("bounce", "BOUNCE1")

    async def test_one_for_all_recipients_of_a_delivery(self, stage):
        stage.smtp.says = BOUNCES
        async with stage.running():
            stage.commit(to=[f"u{number}@example.net" for number in range(10)])
            await stage.empty()
        [(_, _, octets)] = stage.door.submitted
        assert octets.count(b"Final-Recipient:") == 10

    async def test_only_those_that_failed(self, stage):
        def first_fails(delivery: Delivery) -> Report:
            bad, good = BOUNCES(delivery), SENDS(delivery)
            return Report((bad.outcomes[0], *good.outcomes[1:]), good.relay)

        stage.smtp.says = first_fails
        async with stage.running():
            stage.commit(to=("a@example.net", "b@example.net"))
            await stage.empty()
        [(_, _, octets)] = stage.door.submitted
        assert b"a@example.net" in octets
        assert b"b@example.net" not in octets

    async def test_never_to_the_null_sender(self, stage):
        stage.smtp.says = BOUNCES
        async with stage.running():
            stage.commit("")
            await stage.empty()
        assert not stage.door.submitted
        [notice] = stage.journal.of(Notice)
        assert "dropped" in notice.text

    @pytest.mark.parametrize(
        ("error", "kind"),
        [
            (OSError("disk full"), Retry),
            (Refusal(Reply.of(452, "4.3.1", "Insufficient system storage")), Retry),
            (Refusal(Reply.of(554, "5.4.6", "alias expansion exceeds limits")), Done),
        ],
    )
    async def test_a_bounce_that_cannot_be_queued(self, stage, error, kind):
        stage.smtp.says, stage.door.error = BOUNCES, error
        async with stage.running():
            stage.commit()
            await until(lambda: stage.results)
        assert [kind] == [type(result) for result in stage.results]
        assert stage.journal.of(Notice)
        assert not stage.journal.of(Bounced)

    @pytest.mark.parametrize(("size", "in_loop"), [(100, True), (300_000, False)])
    async def test_the_header_of_a_large_message_is_read_beside_the_loop(
        self, stage, size, in_loop
    ):
        threads = set()

        class Watched(MemoryContent):
            def chunks(self):
                threads.add(threading.get_ident())
                return super().chunks()

        stage.smtp.says = BOUNCES
        mail = replace(message(), content=Watched(b"Subject: x\r\n\r\n" + b"y" * size))
        async with stage.running():
            stage.runner.add(stage.spool.commit(mail, crowd(1)))
            await stage.door.taken.wait()
            await stage.empty()
        assert (threading.get_ident() in threads) is in_loop
        assert b"Subject: x\r\n" in stage.door.submitted[0][2]

    async def test_mail_that_is_too_old(self, stage):
        stage.smtp.says = DEFERS
        stage.clock.now = NOON + 6 * DAY
        async with stage.running():
            stage.commit()
            await stage.empty()
        [(_, _, octets)] = stage.door.submitted
        assert b"Status: 4.4.7" in octets
        assert b"450 4.2.0 try again later" in octets
        [delivered] = stage.journal.of(Delivered)
        assert (delivered.status, delivered.reply.enhanced) == (Status.BOUNCED, "4.4.7")

    async def test_a_notification_that_cannot_be_made_defers_and_harms_nothing_else(self, stage):
        class Unreadable(MemoryContent):
            def chunks(self):
                raise ValueError("no such chunk")

        stage.smtp.says = BOUNCES
        async with stage.running():
            mail = replace(message(), content=Unreadable())
            stage.runner.add(stage.spool.commit(mail, recipients("bob@example.net")))
            result = await stage.settled(1)
            assert isinstance(result, Retry)
            assert result.at > NOON
            words = f"{mail.queue_id}: sender non-delivery notification failed: "
            [notice] = stage.journal.of(Notice)
            assert notice.message.startswith(words)
            stage.smtp.says = SENDS
            stage.commit()
            assert isinstance(await stage.settled(2), Done)

    async def test_a_lifetime_beyond_the_calendar(self):
        stage = Stage(lifetime=3e11)
        stage.smtp.says = DEFERS
        async with stage.running():
            stage.commit(asked={"notify": D}, queued=NOON - DAY)
            await stage.settled(1)
        assert stage.reports == ["1 delayed"]
        [(_, _, octets)] = stage.door.submitted
        assert b"\r\nWill-Retry-Until: Fri, 31 Dec 9999 23:59:59 +0000\r\n" in octets


S, F, D = Notify.SUCCESS, Notify.FAILURE, Notify.DELAY
HOUR = 3600.0


class TestReports:
    """RFC 3461: what the sender asked to be told."""

    async def test_never(self, stage):
        stage.smtp.says = BOUNCES
        async with stage.running():
            stage.commit(asked={"notify": Notify.NEVER})
            await stage.empty()
        assert not stage.reports
        assert not stage.journal.of(Notice)
        assert [Done] == [type(result) for result in stage.results]

    async def test_each_recipient_as_it_was_asked_for(self, stage):
        stage.smtp.says = BOUNCES
        to = (*recipients("a@example.net", notify=S), *recipients("b@example.net", notify=F))
        async with stage.running():
            stage.runner.add(stage.spool.commit(message(), to))
            await stage.empty()
        assert stage.reports == ["1 failed"]
        assert b"Final-Recipient: rfc822; b@example.net\r\n" in stage.door.submitted[0][2]

    async def test_relayed_to_a_server_that_will_not_report(self, stage):
        async with stage.running():
            claimed = stage.commit(to=("a@example.net", "b@example.net"), asked={"notify": S})
            await until(lambda: stage.door.submitted)
            assert not stage.results
            await stage.empty()
        assert stage.reports == ["2 relayed"]
        assert b"Remote-MTA: dns; mx.example.net\r\n" in stage.door.submitted[0][2]
        [bounced] = stage.journal.of(Bounced)
        words = f"{claimed.message.queue_id}: sender delivery status notification: BOUNCE1"
        assert bounced.text == words

    async def test_relayed_to_a_server_that_will(self, stage):
        def passes(delivery: Delivery) -> Report:
            report = SENDS(delivery)
            return report._replace(
                outcomes=tuple(each._replace(dsn_passed=True) for each in report.outcomes)
            )

        stage.smtp.says = passes
        async with stage.running():
            stage.commit(asked={"notify": S})
            await stage.empty()
        assert not stage.reports

    async def test_what_only_the_log_is_told(self, stage):
        def files(delivery: Delivery) -> Report:
            report = SENDS(delivery)
            outcomes = tuple(each._replace(aside="Junk: 7 points") for each in report.outcomes)
            return report._replace(outcomes=outcomes)

        stage.smtp.says = files
        async with stage.running():
            stage.commit(asked={"notify": S})
            await until(lambda: stage.door.submitted)
            await stage.empty()
        [delivered] = stage.journal.of(Delivered)
        assert str(delivered.reply) == "250 2.0.0 Ok: queued, Junk: 7 points"
        assert b"; 250 Ok: queued\r\n" in stage.door.submitted[0][2]
        assert b"Junk" not in stage.door.submitted[0][2]

    async def test_delivered(self, stage):
        stage.runner._transports = {"local": stage.smtp}
        stage.smtp.relays = False
        stage.router.transport = "local"
        async with stage.running():
            stage.commit(asked={"notify": S | F})
            await stage.empty()
        assert stage.reports == ["1 delivered"]

    async def test_a_list_that_was_expanded(self, stage):
        """Its own row is owed the report and gets no mail."""
        the_list = recipients("team@example.org", notify=S, owed=Action.EXPANDED)
        to = (*recipients("a@example.net", notify=Notify.NEVER), *the_list)
        async with stage.running():
            stage.runner.add(stage.spool.commit(message(), to))
            await stage.empty()
        assert stage.reports == ["1 expanded"]
        [delivery] = stage.smtp.deliveries
        assert delivery.recipients == to[:1]
        assert len(stage.journal.of(Delivered)) == 1

    async def test_nothing_to_the_null_sender(self, stage):
        the_list = recipients("team@example.org", notify=S, owed=Action.EXPANDED)
        async with stage.running():
            stage.runner.add(stage.spool.commit(message(""), the_list))
            stage.commit("", asked={"notify": S})
            await stage.empty()
        assert not stage.reports
        assert not stage.journal.of(Notice)

    async def test_a_report_that_cannot_be_sent_is_owed_and_nothing_is_delivered_twice(self, stage):
        stage.door.error = OSError("disk full")
        async with stage.running():
            stage.commit(asked={"notify": S})
            retry = await stage.settled(1)
            assert (retry.owed, retry.tried) == (Action.RELAYED, True)
            await stage.later(HOUR)
            await stage.settled(2)
            stage.door.error = None
            await stage.later(DAY)
            await stage.empty()
        assert stage.reports == ["1 relayed"]
        assert (
            b"Diagnostic-Code: X-Postroad; 250 2.0.0 Ok: queued\r\n" in stage.door.submitted[0][2]
        )
        assert len(stage.smtp.deliveries) == 1

    async def test_each_recipient_has_the_next_hop_that_it_had(self, stage):
        """Of one delivery in several transactions, as RCPTMAX wants it."""
        says = {"a": BOUNCES, "b": BOUNCES, "c": DEFERS}

        def second_hop(delivery: Delivery) -> Report:
            made = [says[each.address.local](delivery) for each in delivery.recipients]
            first, *others = [one.outcomes[at] for at, one in enumerate(made)]
            others = [each._replace(relay="mx2.example.net[192.0.2.2]:25") for each in others]
            return Report((first, *others), made[0].relay)

        stage.smtp.says = second_hop
        async with stage.running():
            stage.commit(to=[f"{name}@example.net" for name in says])
            await stage.settled(3)
        one, two = "mx.example.net[192.0.2.1]:25", "mx2.example.net[192.0.2.2]:25"
        assert [each.relay for each in stage.journal.of(Delivered)] == [one, two, two]
        hosts = re.findall(rb"Remote-MTA: dns; (.*)\r", stage.door.submitted[0][2])
        assert hosts == [b"mx.example.net", b"mx2.example.net"]

    async def test_a_delay_is_told_once(self, stage):
        stage.smtp.says = DEFERS
        async with stage.running():
            claimed = stage.commit(asked={"notify": D})
            retry = await stage.settled(1)
            assert retry.told is Told.NOTHING
            assert not stage.reports
            await stage.later(4 * HOUR)
            retry = await stage.settled(2)
            assert retry.told is Told.DELAY
            for _ in range(3):
                await stage.later(2 * HOUR)
        assert len(stage.results) == 5
        assert stage.reports == ["1 delayed"]
        octets = stage.door.submitted[0][2]
        assert b"Will-Retry-Until: Wed, 20 Jan 2027 08:00:00 +0000\r\n" in octets
        [bounced] = stage.journal.of(Bounced)
        assert bounced.text.startswith(f"{claimed.message.queue_id}: sender delay notification")

    async def test_a_delay_that_could_not_be_told_is_told_later(self, stage):
        stage.smtp.says = DEFERS
        stage.clock.now += 4 * HOUR
        stage.door.error = OSError("disk full")
        async with stage.running():
            stage.commit(asked={"notify": D})
            retry = await stage.settled(1)
            assert retry.told is Told.NOTHING
            stage.door.error = None
            await stage.later(2 * HOUR)
            retry = await stage.settled(2)
        assert retry.told is Told.DELAY
        assert stage.reports == ["1 delayed"]

    async def test_the_whole_message_returns_if_that_was_asked_for(self, stage):
        stage.smtp.says = BOUNCES
        async with stage.running():
            stage.commit(ret=Return.FULL, envid="QQ314", content=b"A: b\r\n\r\nthe body\r\n")
            await stage.empty()
        octets = stage.door.submitted[0][2]
        assert b"Original-Envelope-Id: QQ314\r\n" in octets
        assert b"Content-Type: message/rfc822\r\n\r\nA: b\r\n\r\nthe body\r\n" in octets

    async def test_a_large_message_does_not(self):
        stage = Stage(bounce_size_limit=20)
        stage.smtp.says = BOUNCES
        async with stage.running():
            stage.commit(ret=Return.FULL, content=b"A: b\r\n\r\nthe body is large\r\n")
            await stage.empty()
        octets = stage.door.submitted[0][2]
        assert b"text/rfc822-headers\r\n\r\nA: b\r\n" in octets
        assert b"the body" not in octets


class TestHold:
    """RFC 4865."""

    async def test_a_release_is_not_slept_through(self, stage):
        mail = message(hold_until=NOON + 90)
        stage.spool.put(mail, crowd(2), due=NOON + 90)
        async with stage.running():
            await turn()
            stage.runner.add(Claimed(mail, ()))
            stage.clock.now += 89
            await turn(50)
            assert not stage.smtp.deliveries
            assert stage.runner._feeder.next_due == NOON + 90
            await stage.later(1)
            await stage.empty()
        assert len(stage.smtp.deliveries) == 1


class TestDeadline:
    """RFC 2852."""

    @staticmethod
    def by(seconds: float, mode: ByMode, *, trace: bool = False) -> DeliverBy:
        return DeliverBy(NOON + seconds, mode, trace)

    async def test_what_is_late_returns(self, stage):
        stage.smtp.says = DEFERS
        async with stage.running():
            stage.commit(deliver_by=self.by(60, ByMode.RETURN))
            retry = await stage.settled(1)
            assert retry.at == NOON + 60
            await stage.later(60)
            await stage.empty()
        assert len(stage.smtp.deliveries) == 1, "there is no attempt once it is over"
        assert stage.reports == ["1 failed"]
        octets = stage.door.submitted[0][2]
        assert b"Status: 5.4.7\r\n" in octets
        assert b"Diagnostic-Code: X-Postroad; 450 4.2.0 try again later\r\n" in octets
        assert b"Deliver-By-Date: Fri, 15 Jan 2027 08:01:00 +0000\r\n" in octets
        last = stage.journal.of(Delivered)[-1]
        assert last.status is Status.BOUNCED
        words = "the sender's deadline is over; the last reason was: 4.2.0 try again later"
        assert str(last.reply) == f"554 5.4.7 {words}"

    async def test_the_reason_does_not_grow_while_a_late_report_cannot_be_sent(self, stage):
        stage.smtp.says, stage.door.error = DEFERS, OSError("disk full")
        async with stage.running():
            stage.commit(deliver_by=self.by(60, ByMode.RETURN))
            for count in range(1, 5):
                await stage.settled(count)
                await stage.later(DAY)
            await stage.settled(5)
        assert [each.reason for each in stage.results] == ["450 4.2.0 try again later"] * 5

    async def test_never_is_heeded_there_too(self, stage):
        stage.clock.now += 60
        async with stage.running():
            stage.commit(deliver_by=self.by(60, ByMode.RETURN), asked={"notify": Notify.NEVER})
            await stage.empty()
        assert not stage.smtp.deliveries
        assert not stage.reports

    async def test_it_may_pass_while_others_are_being_delivered(self):
        stage = Stage(concurrency=1)
        stage.smtp.gate.clear()
        async with stage.running():
            stage.commit(to=("a@example.com",))
            stage.commit(deliver_by=self.by(60, ByMode.RETURN))
            await turn()
            stage.clock.now += 60
            stage.smtp.gate.set()
            await stage.empty()
        assert len(stage.smtp.deliveries) == 1
        assert stage.reports == ["1 failed"]

    async def test_who_only_wants_to_know_is_told_once(self, stage):
        stage.smtp.says = DEFERS
        async with stage.running():
            stage.commit(deliver_by=self.by(60, ByMode.NOTIFY))
            await stage.settled(1)
            await stage.later(60)
            retry = await stage.settled(2)
            assert retry.told is Told.DEADLINE
            assert stage.reports == ["1 delayed"]
            await stage.later(HOUR)
            stage.smtp.says = SENDS
            await stage.later(2 * HOUR)
            await stage.empty()
        assert stage.reports == ["1 delayed", "1 relayed"]
        assert b"Status: 4.4.7\r\n" in stage.door.submitted[0][2]

    @pytest.mark.parametrize(("trace", "reports"), [(True, ["1 relayed"]), (False, [])])
    async def test_a_trace(self, stage, trace, reports):
        def passes(delivery: Delivery) -> Report:
            report = SENDS(delivery)
            outcomes = tuple(each._replace(by_passed=True) for each in report.outcomes)
            return report._replace(outcomes=outcomes)

        stage.smtp.says = passes
        async with stage.running():
            stage.commit(deliver_by=self.by(60, ByMode.NOTIFY, trace=trace))
            await stage.empty()
        assert stage.reports == reports


class TestEnd:
    async def test_drain_lets_running_deliveries_end(self, stage):
        stage.smtp.gate.clear()
        task = asyncio.create_task(stage.runner.run())
        for _ in range(30):
            stage.commit()
        await turn()
        assert stage.smtp.running == 5
        draining = asyncio.create_task(stage.runner.drain(60))
        await turn()
        assert not draining.done()
        stage.smtp.gate.set()
        await draining
        await task
        assert 5 == len(stage.results) == len(stage.smtp.deliveries)

    async def test_drain_cuts_off_what_takes_too_long(self, stage):
        stage.smtp.gate.clear()
        task = asyncio.create_task(stage.runner.run())
        stage.commit()
        await turn()
        await stage.runner.drain(0)
        await task
        assert not stage.results
        assert stage.smtp.running == 0

    async def test_who_got_the_mail_before_the_others_were_cut_off_is_not_given_it_again(
        self, stage
    ):
        async def halfway(delivery: Delivery) -> Report:
            first, second, *_ = SENDS(delivery).outcomes
            delivery.parted([first, second._replace(status=Status.DEFERRED)])
            await asyncio.Event().wait()
            raise AssertionError

        stage.smtp.deliver = halfway
        task = asyncio.create_task(stage.runner.run())
        asked = {"asked": {"notify": Notify.SUCCESS}}
        silent = stage.commit(to=("a@example.net", "b@example.net", "c@example.net"))
        wishing = stage.commit(to=("d@example.net", "e@example.net"), **asked)
        await turn()
        await stage.runner.drain(0)
        await task
        done, owed = sorted(stage.results, key=lambda each: each.recipient_id)
        assert done == Done(silent.recipients[0].id)
        assert isinstance(owed, Retry)
        assert (owed.recipient_id, owed.owed) == (wishing.recipients[0].id, Action.RELAYED)
        logged = [each for each in stage.journal.events if isinstance(each, Delivered)]
        assert [each.status for each in logged] == [Status.SENT] * 2

    async def test_what_comes_during_the_drain_goes_back(self, stage):
        stage.smtp.gate.clear()
        task = asyncio.create_task(stage.runner.run())
        stage.commit()
        await turn()
        draining = asyncio.create_task(stage.runner.drain(60))
        await turn()
        late = stage.commit()
        stage.smtp.gate.set()
        await draining
        await task
        assert late.recipients[0].id in stage.spool.rows
        assert late.recipients[0].id not in stage.spool.claimed

    async def test_drain_of_a_runner_that_never_ran(self, stage):
        await stage.runner.drain(1)

    async def test_drain_of_an_idle_runner_writes_what_is_left(self, stage):
        stage.spool.gate.clear()
        task = asyncio.create_task(stage.runner.run())
        stage.commit()
        await turn()
        draining = asyncio.create_task(stage.runner.drain(1))
        await turn()
        stage.spool.gate.set()
        await draining
        await task
        assert not stage.spool.rows

    async def test_drain_with_a_full_disk_ends(self, stage):
        stage.spool.full = True
        task = asyncio.create_task(stage.runner.run())
        stage.commit()
        await turn()
        await stage.runner.drain(1)
        await task
        assert stage.spool.rows

    async def test_cancellation_ends_everything(self, stage):
        stage.smtp.gate.clear()
        async with stage.running():
            for _ in range(10):
                stage.commit()
            await turn()
            assert stage.smtp.running
        assert stage.smtp.running == 0
        assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_every_message_is_settled_once_under_mixed_fortune():
    """Many messages, every kind of answer, time passing: all leave, each exactly once."""
    stage = Stage(active_limit=60, concurrency=9, recipients_per_delivery=3)
    says = [SENDS, DEFERS, BOUNCES, SENDS, SILENT, SENDS]

    def mixed(delivery: Delivery) -> Report:
        return says[len(stage.smtp.deliveries) % 6](delivery)

    stage.smtp.says = mixed
    async with stage.running():
        for number in range(300):
            to = [f"u{each}@d{number % 5}.example" for each in range(1 + number % 4)]
            stage.commit(f"s{number % 7}@example.org", to)
            if number % 10 == 0:
                await turn(3)
        for _ in range(400):
            await turn(40)
            stage.clock.now += 500
            stage.runner.wake()
            if not stage.spool.rows:
                break
        await stage.empty()
    done = [result.recipient_id for result in stage.results if isinstance(result, Done)]
    assert len(done) == len(set(done)) == sum(1 + number % 4 for number in range(300))
    assert 0 == stage.runner._unsettled == stage.runner._planner.active


async def test_a_cancellation_out_of_a_transport_defers(stage, monkeypatch):
    async def deliver(_):
        raise asyncio.CancelledError

    monkeypatch.setattr(stage.smtp, "deliver", deliver)
    async with stage.running():
        stage.commit()
        result = await stage.settled(1)
    assert isinstance(result, Retry)


async def test_another_setting_of_what_waits_counts_from_now_on(stage):
    async with stage.running():
        stage.runner.replace(QueueSettings(defer_transports=("smtp",)), {})
        stage.commit()
        result = await stage.settled(1)
        assert (result.tried, result.reason) == (False, "451 4.3.2 deferred transport")
    assert not stage.smtp.deliveries


async def test_what_is_not_written_yet_takes_room():
    stage = Stage(active_limit=20)
    stage.smtp.says = SENDS
    async with stage.running():
        stage.spool.gate.clear()
        for number in range(60):
            stage.spool.put(message(f"s{number}@example.org"), crowd(1))
        stage.runner.wake()
        await turn(400)
        assert 0 < len(stage.spool.claimed) <= 20
        stage.spool.gate.set()
        await stage.empty_in_time()
