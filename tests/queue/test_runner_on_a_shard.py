"""The runner on a real shard: what is committed is delivered, also after a restart."""

from __future__ import annotations

import asyncio
from typing import Any

from fake_transport import BOUNCES, DEFERS
from postroad.model import Action, ByMode, DeliverBy, Notify, Status
from postroad.model.journal import Notice
from postroad.model.message_events import Bounced, Delivered, Removed
from postroad.spool import Altered, Choice, Shard, SpoolSettings
from queue_fakes import FakeClock
from queue_stage import ALICE, Stage, on_stage


async def test_more_mail_than_the_window_holds(tmp_path):
    async with on_stage(tmp_path, FakeClock()) as stage:
        domains = [f"d{number % 9}.example" for number in range(300)]
        ids = await asyncio.gather(*(stage.commit(domain) for domain in domains))
        assert await stage.removed_in_time(300) == set(ids)
        assert len(stage.smtp.deliveries) == 300


async def test_a_restart_finds_what_was_deferred_and_what_was_not_begun(tmp_path):
    clock = FakeClock()
    async with on_stage(tmp_path, clock) as stage:
        stage.smtp.says = DEFERS
        first = await stage.commit("example.net")
        while not stage.journal.events:
            await stage.changed.wait()
        stage.smtp.gate.clear()
        waiting = [await stage.commit("example.com", "example.net") for _ in range(20)]
        stage.smtp.gate.set()
    clock.now += 3600
    async with on_stage(tmp_path, clock) as stage:
        assert await stage.removed_in_time(21) == {first, *waiting}


async def test_a_delay_is_told_once_over_restarts(tmp_path):
    clock = FakeClock()
    async with on_stage(tmp_path, clock) as stage:
        stage.smtp.says = DEFERS
        await stage.commit("example.net", notify=Notify.DELAY)
        await stage.happened(Delivered)
    clock.now += 5 * 3600
    async with on_stage(tmp_path, clock) as stage:
        stage.smtp.says = DEFERS
        await stage.happened(Bounced)
    assert [bounced.kind for bounced in stage.journal.of(Bounced)] == ["delay"]
    for _ in range(2):
        clock.now += 5 * 3600
        async with on_stage(tmp_path, clock) as stage:
            stage.smtp.says = DEFERS
            await stage.happened(Delivered)
        assert not stage.journal.of(Bounced)


async def test_a_held_message_is_not_tried_before_its_time_over_restarts(tmp_path):
    clock = FakeClock()
    async with on_stage(tmp_path, clock) as stage:
        held = await stage.commit("example.net", hold_until=clock.now + 3600)
        free = await stage.commit("example.net")
        assert await stage.removed(1) == {free}
    clock.now += 3599
    async with on_stage(tmp_path, clock) as stage:
        await stage.shard.hasten(Choice())
        stage.runner.flush()
        assert await stage.commit("example.org") in await stage.removed(1)
        assert len(stage.smtp.deliveries) == 1
        clock.now += 1
        stage.runner.wake()
        assert held in await stage.removed(2)


async def test_a_deadline_passes_while_the_server_is_down(tmp_path):
    clock = FakeClock()
    async with on_stage(tmp_path, clock) as stage:
        stage.smtp.says = DEFERS
        by = DeliverBy(clock.now + 60, ByMode.RETURN)
        queue_id = await stage.commit("example.net", "example.com", deliver_by=by)
        await stage.happened(Delivered, 2)
    clock.now += 3600
    async with on_stage(tmp_path, clock) as stage:
        assert await stage.removed(1) == {queue_id}
        assert not stage.smtp.deliveries
    [(_, _, octets)] = stage.door.submitted
    assert octets.count(b"Status: 5.4.7\r\n") == 2


async def test_a_report_that_is_owed_is_sent_after_a_restart(tmp_path):
    clock = FakeClock()
    async with on_stage(tmp_path, clock) as stage:
        stage.door.error = OSError("disk full")
        delivered = await stage.commit("example.net", notify=Notify.SUCCESS)
        expanded = await stage.commit("example.net", owed=Action.EXPANDED)
        await stage.happened(Notice, 2)
    assert len(stage.smtp.deliveries) == 1
    clock.now += 3600
    async with on_stage(tmp_path, clock) as stage:
        assert await stage.removed(2) == {delivered, expanded}
        assert not stage.smtp.deliveries
    texts = [octets for _, _, octets in stage.door.submitted]
    assert sorted(b"Action: expanded" in text for text in texts) == [False, True]
    assert sorted(b"Action: relayed" in text for text in texts) == [False, True]


async def test_a_success_whose_report_was_cut_off_is_not_delivered_again(tmp_path):
    clock = FakeClock()
    shard = await Shard.open(tmp_path, 0, SpoolSettings(), clock)
    stage = Stage(shard, clock)
    asked = asyncio.Event()

    async def stuck(*_):
        asked.set()
        await asyncio.Event().wait()

    stage.door.submit = stuck
    running = asyncio.create_task(stage.runner.run())
    queue_id = await stage.commit("example.net", notify=Notify.SUCCESS)
    await asked.wait()
    await stage.runner.drain(0)
    await running
    await shard.close()
    assert len(stage.smtp.deliveries) == 1
    clock.now += 3600
    async with on_stage(tmp_path, clock) as stage:
        assert await stage.removed(1) == {queue_id}
        assert not stage.smtp.deliveries
    [(_, _, octets)] = stage.door.submitted
    assert b"Action: relayed" in octets


async def test_a_bounce(tmp_path):
    async with on_stage(tmp_path, FakeClock()) as stage:
        stage.smtp.says = BOUNCES
        queue_id = await stage.commit("example.net")
        assert await stage.removed(1) == {queue_id}
        [bounced] = stage.journal.of(Bounced)
        assert bounced.queue_id == queue_id
        [(_, to, octets)] = stage.door.submitted
        assert to == [ALICE]
        assert b"\r\nSubject: test\r\n" in octets


# What an operator does meanwhile ----------------------------------------------------------------

WORDS = "550 5.1.1 she left"


async def deferred(stage: Stage, *domains: str, **wishes: Any) -> str:
    """A message that was tried once, in vain."""
    stage.smtp.says = DEFERS
    before = len(stage.journal.of(Delivered))
    queue_id = await stage.commit(*domains, **wishes)
    await stage.happened(Delivered, before + len(domains))
    while stage.shard._ledger.claimed:
        await stage.shard.release([])  # which takes a turn of the spool
    return queue_id


async def test_what_an_operator_gives_up_is_returned_at_once(tmp_path):
    async with on_stage(tmp_path, FakeClock()) as stage:
        queue_id = await deferred(stage, "example.net", "example.com")
        done = await stage.shard.give_up(Choice(domain="example.net"), WORDS)
        assert done == Altered(1, 1)
        stage.runner.wake()
        await stage.happened(Bounced)
        ((envelope, to, message),) = stage.door.submitted
        assert (envelope.sender, to) == (None, [ALICE])
        assert b"Status: 5.1.1" in message
        assert b"she left" in message
        assert stage.journal.of(Delivered)[-1].reply.text == "5.1.1 she left"
        assert not stage.journal.of(Removed)
        assert len(stage.smtp.deliveries) == 2
        await stage.shard.give_up(Choice(frozenset({queue_id})), WORDS)
        stage.runner.wake()
        assert await stage.removed(1) == {queue_id}


async def test_its_report_is_made_after_a_restart_and_by_the_senders_wishes(tmp_path):
    clock = FakeClock()
    async with on_stage(tmp_path, clock) as stage:
        await deferred(stage, "example.net")
        await deferred(stage, "example.com", notify=Notify.NEVER)
        await stage.shard.hold(Choice(), "a look")
        assert await stage.shard.give_up(Choice(), WORDS) == Altered(2, 2)
    async with on_stage(tmp_path, clock) as stage:
        await stage.removed(2)
        assert [bounced.kind for bounced in stage.journal.of(Bounced)] == ["non-delivery"]
        assert len(stage.door.submitted) == 1
        assert not stage.smtp.deliveries


async def test_a_report_that_is_not_taken_is_made_later_in_the_same_words(tmp_path):
    clock = FakeClock()
    async with on_stage(tmp_path, clock) as stage:
        queue_id = await deferred(stage, "example.net")
        stage.door.error = OSError("no room")
        await stage.shard.give_up(Choice(), WORDS)
        stage.runner.wake()
        await stage.happened(Notice)
        stage.door.error = None
        clock.now += 86_400
        stage.runner.wake()
        assert await stage.removed(1) == {queue_id}
        assert b"she left" in stage.door.submitted[-1][2]
        assert len(stage.smtp.deliveries) == 1


async def test_what_is_given_up_while_it_is_tried_is_returned_if_that_fails(tmp_path):
    clock = FakeClock()
    async with on_stage(tmp_path, clock) as stage:
        stage.smtp.says = DEFERS
        stage.smtp.gate.clear()
        queue_id = await stage.commit("example.net")
        await stage.smtp.begun.wait()
        assert await stage.shard.give_up(Choice(), WORDS) == Altered(1, 1, 1)
        stage.smtp.gate.set()
        await stage.happened(Delivered)
        clock.now += 86_400
        stage.runner.wake()
        assert await stage.removed(1) == {queue_id}
        assert b"she left" in stage.door.submitted[-1][2]
        assert len(stage.smtp.deliveries) == 1


async def test_what_is_requeued_is_as_new(tmp_path):
    clock = FakeClock()
    async with on_stage(tmp_path, clock) as stage:
        queue_id = await deferred(stage, "example.net")
        clock.now += 20 * 86_400  # it would be returned at its next attempt
        assert await stage.shard.requeue(Choice()) == Altered(1, 1)
        stage.runner.flush()
        await stage.happened(Delivered, 2)
        assert stage.journal.of(Delivered)[-1].status is Status.DEFERRED
        assert not stage.door.submitted
        clock.now += 20 * 86_400
        stage.runner.wake()
        assert await stage.removed(1) == {queue_id}
        assert len(stage.door.submitted) == 1


async def test_what_is_deleted_is_not_tried_again(tmp_path):
    async with on_stage(tmp_path, FakeClock()) as stage:
        await deferred(stage, "example.net", "example.com")
        assert await stage.shard.remove(Choice(domain="example.net")) == Altered(1, 1)
        assert await stage.shard.remove(Choice()) == Altered(1, 1)
        stage.runner.flush()
        other = await deferred(stage, "example.org")
        assert await stage.shard.remove(Choice()) == Altered(1, 1)
        assert other
        assert len(stage.smtp.deliveries) == 3
        assert not stage.door.submitted


async def test_what_is_deleted_or_returned_before_it_begins_is_not_begun(tmp_path):
    async with on_stage(tmp_path, FakeClock()) as stage:
        stage.smtp.gate.clear()
        begun = [await stage.commit("example.net") for _ in range(5)]
        await stage.smtp.begun.wait()
        deleted = await stage.commit("example.net")
        returned = await stage.commit("example.net")
        await stage.shard.remove(Choice(frozenset({deleted})))
        await stage.shard.give_up(Choice(frozenset({returned})), WORDS)
        stage.smtp.gate.set()
        assert await stage.removed(6) == {*begun, returned}
        assert len(stage.smtp.deliveries) == 5
        assert len(stage.door.submitted) == 1
