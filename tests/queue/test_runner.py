"""The runner among fakes: no network, no disk, no time but the fake clock's."""

from __future__ import annotations

import asyncio

import pytest

from fake_transport import BOUNCES, DEFERS, SENDS, SILENT
from postroad.delivery import Delivery
from postroad.model import (
    Report,
    Status,
)
from postroad.model.journal import Level, Notice
from postroad.model.message_events import Delivered, Removed
from postroad.queue import QueueSettings
from postroad.spool import Claimed, Done, Retry
from queue_fakes import (
    turn,
    until,
)
from queue_mail import NOON, crowd, message
from runner_stage import Stage


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
