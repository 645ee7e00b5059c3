"""Reports and the results that wait for them, where whoever draws the conclusion is cut off."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from postroad.model import Action, Address, Envelope, Notify, Reply, Status
from postroad.queue import conclusion
from postroad.queue.attempt import Verdict
from postroad.queue.conclusion import Conclusion
from postroad.queue.notifier import Notifier
from postroad.queue.schedule import Schedule
from postroad.queue.settings import QueueSettings
from postroad.queue.wishes import Wishes
from postroad.spool import Done, Retry
from queue_fakes import turn
from queue_mail import NOON, message, recipient

NOBODY = Verdict(message(), recipient(), Status.BOUNCED, Reply.of(550, "5.1.1", "nobody"))
ARRIVED = Verdict(
    message(), recipient(notify=Notify.SUCCESS), Status.SENT, Reply.of(250, "2.0.0", "Ok")
)


class Door:
    """Takes a report when the test says so."""

    def __init__(self) -> None:
        self.opens = asyncio.Event()
        self.taken = 0

    async def submit(
        self, envelope: Envelope, recipients: Sequence[Address], message: bytes
    ) -> str:
        await self.opens.wait()
        self.taken += 1
        return "BOUNCE"


class Broken(Notifier):
    async def tell(self, *_: object) -> bool:
        raise ZeroDivisionError


class Stage:
    def __init__(self, kind: type[Notifier] = Notifier) -> None:
        self.door = Door()
        self.results: list[Done | Retry] = []
        settings = QueueSettings()
        schedule = Schedule(settings)
        notifier = kind(self.door, lambda _: None, "mail.example.org", settings, schedule)
        self.conclusion = Conclusion(
            self.results.append, notifier, Wishes(settings, schedule), schedule
        )

    async def cut_off(self, *verdicts: Verdict) -> asyncio.Task[None]:
        drawing = asyncio.create_task(self.conclusion.draw(verdicts, "mx", NOON + 1, relayed=True))
        await turn()
        drawing.cancel()
        await turn()
        return drawing


@pytest.mark.parametrize("verdict", [NOBODY, ARRIVED])
async def test_a_report_that_is_as_good_as_told_is_not_told_again(verdict: Verdict) -> None:
    stage = Stage()
    drawing = await stage.cut_off(verdict)
    stage.door.opens.set()
    await asyncio.wait([drawing])

    assert drawing.cancelled()
    assert stage.door.taken == 1
    assert stage.results == [Done(verdict.recipient.id)]


@pytest.mark.parametrize("turns", range(8))
async def test_so_it_is_whenever_the_end_comes(turns: int) -> None:
    stage = Stage()
    stage.door.opens.set()
    drawing = asyncio.create_task(stage.conclusion.draw([ARRIVED], "mx", NOON + 1, relayed=True))
    await turn(1 + turns)
    drawing.cancel()
    await asyncio.wait([drawing])

    assert stage.door.taken == 1
    assert stage.results == [Done(ARRIVED.recipient.id)]


async def test_a_report_that_takes_too_long_is_owed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conclusion, "LAST_WORD", 0.0)
    stage = Stage()
    drawing = await stage.cut_off(ARRIVED)
    await asyncio.wait([drawing])
    stage.door.opens.set()
    await turn()

    assert drawing.cancelled()
    assert stage.door.taken == 0
    [owed] = stage.results
    assert isinstance(owed, Retry)
    assert owed.owed is Action.RELAYED


async def test_who_is_cut_off_again_waits_for_nothing_and_leaves_nothing_behind() -> None:
    stage = Stage()
    drawing = await stage.cut_off(ARRIVED)
    drawing.cancel()
    await asyncio.wait([drawing])
    stage.door.opens.set()
    await turn()

    assert drawing.cancelled()
    assert stage.door.taken == 0
    [owed] = stage.results
    assert isinstance(owed, Retry)
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_of_the_reports_behind_it_none_is_begun() -> None:
    stage = Stage()
    drawing = await stage.cut_off(NOBODY, ARRIVED)
    stage.door.opens.set()
    await asyncio.wait([drawing])

    assert stage.door.taken == 1
    done, owed = stage.results
    assert done == Done(NOBODY.recipient.id)
    assert isinstance(owed, Retry)


async def test_a_report_that_a_fault_of_ours_ended_is_owed_as_well() -> None:
    stage = Stage(Broken)
    with pytest.raises(ZeroDivisionError):
        await stage.conclusion.draw([ARRIVED], "mx", NOON + 1, relayed=True)

    [owed] = stage.results
    assert isinstance(owed, Retry)
    assert owed.owed is Action.RELAYED
