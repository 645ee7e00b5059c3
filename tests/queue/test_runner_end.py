"""The end of a runner: by a drain, or cut off."""

from __future__ import annotations

import asyncio

import pytest

from fake_transport import SENDS
from postroad.delivery import Delivery
from postroad.model import (
    Action,
    Notify,
    Report,
    Status,
)
from postroad.model.message_events import Delivered
from postroad.queue.conclusion import LAST_WORD
from postroad.spool import Done, Retry
from queue_fakes import (
    turn,
)
from runner_stage import Stage


@pytest.fixture
def stage() -> Stage:
    return Stage()


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

    @pytest.mark.jumps
    async def test_reports_that_never_end_are_waited_for_together(self, stage):
        """However many there are, a stop takes the time of one longer, and they are owed."""

        async def silent(*_: object) -> str:
            return await asyncio.get_running_loop().create_future()

        stage.door.submit = silent
        task = asyncio.create_task(stage.runner.run())
        for at in range(4):
            to = (f"{name}{at}@example.net" for name in "ab")
            stage.commit(f"s{at}@example.org", to=to, asked={"notify": Notify.SUCCESS})
        await turn(60)
        begun = asyncio.get_running_loop().time()
        await stage.runner.drain(30)
        await task

        assert asyncio.get_running_loop().time() - begun == pytest.approx(30 + LAST_WORD)
        assert {each.owed for each in stage.results} == {Action.RELAYED}
        assert len(stage.results) == 8
        assert asyncio.all_tasks() == {asyncio.current_task()}

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
