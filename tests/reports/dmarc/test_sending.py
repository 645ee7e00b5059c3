"""Daily reports on DMARC: who gets one, when, from which worker, and what if it does not work."""

from __future__ import annotations

import asyncio
import gzip
from email import message_from_bytes
from pathlib import Path

import pytest

from dmarc_report_schemas import check
from dmarc_report_world import FAILED, PASSED, RECORD, YESTERDAY, World, by, seen
from postroad.limits.state_file import Keeper
from postroad.mailauth.dmarc.recording import Evaluated
from postroad.reports import outgoing
from postroad.reports.day import DAY
from postroad.reports.dmarc import adding, sums
from postroad.reports.dmarc.feedback import Feedback
from postroad.reports.dmarc.file import DMARC_REPORTS
from postroad.reports.dmarc.reading import parse
from postroad.reports.outgoing import GIVE_UP, LEASE, Tried
from report_world import BEGIN, TODAY


@pytest.fixture
async def world() -> World:
    made = World()
    await count(made, PASSED, FAILED, FAILED)
    return made


async def count(world: World, *messages: Evaluated, day: int = YESTERDAY) -> None:
    for each in messages:
        counts = {(day, seen(each)): 1}
        await world.file.ask(lambda found, counts=counts: adding.add(found, counts, 0, TODAY))


async def tried(world: World) -> list[Tried]:
    return await world.file.ask(lambda found: list(outgoing.tried(found)))


def read(octets: bytes) -> Feedback:
    _, attached = message_from_bytes(octets).get_payload()
    xml = gzip.decompress(attached.get_payload(decode=True))
    check(xml, "rfc9990")
    return parse([xml])


async def test_a_day_is_one_report(world: World) -> None:
    await count(world, PASSED, day=TODAY)
    for _ in range(3):
        await world.dispatch.turn()
        world.now += 3_600
    ((to, octets),) = world.mail
    assert to == "dmarc@bank.example"
    report = read(octets)
    assert (report.organization, report.contact) == ("Example & <Sons>", "dmarc@example.org")
    assert (report.begins, report.ends) == (YESTERDAY * DAY, TODAY * DAY - 1)
    assert (report.messages, report.passed) == (3, 1)
    (row,) = await tried(world)
    assert (row.state, row.ok, row.failed, row.report_id) == ("sent", 1, 2, report.id)
    assert report.id.isalnum()
    assert world.log == [
        f"report-id=<{report.id}>, domain=bank.example, to=mailto:dmarc@bank.example: queued as Q1"
    ]
    counted = await world.file.ask(lambda found: list(sums.counted(found)))
    assert [each.day for each in counted] == [TODAY]


async def test_nothing_is_sent_before_the_day_is_over(world: World) -> None:
    world.now = BEGIN - 1
    await world.dispatch.turn()
    assert world.zone.asked == []
    world.now = BEGIN
    await world.dispatch.turn()
    assert len(world.mail) == 1


async def test_each_domain_with_a_record_has_its_own(world: World) -> None:
    await count(world, by(RECORD, policy_domain="news.bank.example"))
    world.zone.texts["_dmarc.news.bank.example"] = RECORD
    await world.dispatch.turn()
    domains = {read(octets).published.domain for _, octets in world.mail}
    assert domains == {"bank.example", "news.bank.example"}


async def test_who_wants_none_any_more_gets_none(world: World) -> None:
    del world.zone.texts["_dmarc.bank.example"]
    for _ in range(3):
        await world.dispatch.turn()
        await count(world, FAILED)  # late counts of the same day
        world.now += 7_200
    assert world.mail == []
    assert world.warnings == []
    assert await tried(world) == []


async def test_a_report_that_is_too_large_is_never_sent(world: World) -> None:
    world.zone.texts["_dmarc.bank.example"] = (
        "v=DMARC1; p=none; rua=mailto:small@bank.example!1k,mailto:large@bank.example!1m"
    )
    for _ in range(3):
        await world.dispatch.turn()
        world.now += 7_200
    assert [to for to, _ in world.mail] == ["large@bank.example"]
    (row,) = await tried(world)
    assert row.state == "sent"
    assert row.tries == 1
    ends = {endpoint: words for endpoint, _, words in row.endpoints}
    assert "and 1024 are allowed there" in ends["mailto:small@bank.example!1k"]


async def test_who_does_not_agree_is_said(world: World) -> None:
    world.zone.texts["_dmarc.bank.example"] = "v=DMARC1; p=none; rua=mailto:d@victim.test"
    await world.dispatch.turn()
    (row,) = await tried(world)
    assert row.state == "failed"
    assert "victim.test does not agree" in row.words
    assert row.endpoints[0][:2] == ("mailto:d@victim.test", None)
    assert world.warnings == [f"DMARC report for bank.example: {row.words}"]


async def test_a_record_that_names_nowhere(world: World) -> None:
    world.zone.texts["_dmarc.bank.example"] = "v=DMARC1; p=none; rua=gopher://x"
    await world.dispatch.turn()
    (row,) = await tried(world)
    assert row.words == "not sent to gopher://x: reports go by mail only"


async def test_it_is_tried_again_for_a_day(world: World) -> None:
    world.refusing = {"dmarc@bank.example"}
    turns = 0
    while world.now < BEGIN + GIVE_UP + 20_000:
        await world.dispatch.turn()
        turns += 1
        world.now += 600
    assert turns > 100
    (row,) = await tried(world)
    assert row.state == "failed"
    assert 6 < row.tries < 20
    assert "no room" in row.words


async def test_without_the_dns_it_waits(world: World) -> None:
    world.zone.broken.add("_dmarc.bank.example")
    await world.dispatch.turn()
    assert world.mail == []
    world.zone.broken.clear()
    world.now += 600
    await world.dispatch.turn()
    assert len(world.mail) == 1


async def test_who_gives_no_answer_is_asked_again(world: World) -> None:
    rua = "mailto:d@reports.test,mailto:d@bank.example"
    other = "bank.example._report._dmarc.reports.test"
    world.zone.texts |= {"_dmarc.bank.example": f"v=DMARC1; p=none; rua={rua}", other: "v=DMARC1"}
    world.zone.broken.add(other)
    for _ in range(3):
        await world.dispatch.turn()
        world.now += 600
    assert [to for to, _ in world.mail] == ["d@bank.example"]
    (row,) = await tried(world)
    assert row.state == "waiting"
    world.zone.broken.clear()
    world.now += 7_200
    await world.dispatch.turn()
    assert [to for to, _ in world.mail] == ["d@bank.example", "d@reports.test"]
    (row,) = await tried(world)
    assert row.state == "sent"


async def test_who_never_gives_an_answer_is_given_up(world: World) -> None:
    world.zone.texts["_dmarc.bank.example"] = "v=DMARC1; p=none; rua=mailto:d@reports.test"
    world.zone.broken.add("bank.example._report._dmarc.reports.test")
    while world.now < BEGIN + GIVE_UP + 20_000:
        await world.dispatch.turn()
        world.now += 1_200
    assert world.mail == []
    (row,) = await tried(world)
    assert row.state == "failed"
    assert "given up at 1 of 1 endpoints" in row.words


async def test_a_fault_is_tried_again_for_a_day_as_well(world: World) -> None:
    async def faulty(to: object, message: bytes) -> str:
        raise RuntimeError("a bug")

    world.submit = faulty  # type: ignore[method-assign]
    world.dispatch = world.another()
    while world.now < BEGIN + 3 * GIVE_UP:
        await world.dispatch.turn()
        world.now += 600
    (row,) = await tried(world)
    assert (row.state, row.words) == ("failed", "RuntimeError: a bug")
    assert 6 < row.tries < 20
    assert len(world.warnings) == row.tries


async def test_a_worker_that_dies_while_it_sends(world: World) -> None:
    """The report is taken up again under the same id; who has it does not get it twice."""
    world.zone.texts["_dmarc.bank.example"] = (
        "v=DMARC1; p=none; rua=mailto:a@bank.example,mailto:b@bank.example"
    )
    submit = world.submit
    gone = asyncio.Event()

    async def dying(to: object, message: bytes) -> str:
        if str(to) == "b@bank.example":
            gone.set()
            await asyncio.Event().wait()
        return await submit(to, message)  # type: ignore[arg-type]

    world.submit = dying  # type: ignore[method-assign]
    task = asyncio.create_task(world.another().turn())
    await gone.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    world.submit = submit  # type: ignore[method-assign]
    after = world.another()
    await after.turn()
    assert [to for to, _ in world.mail] == ["a@bank.example"]
    world.now += LEASE + 1
    await after.turn()
    assert [to for to, _ in world.mail] == ["a@bank.example", "b@bank.example"]
    first, second = [read(octets) for _, octets in world.mail]
    assert first == second


async def test_two_workers_send_one(tmp_path: Path) -> None:
    keepers = [Keeper(tmp_path / "reports.db", DMARC_REPORTS, print) for _ in range(2)]
    worlds = [World(file=keeper) for keeper in keepers]
    await asyncio.gather(*(count(each, PASSED, FAILED) for each in worlds))
    await asyncio.gather(*(each.dispatch.turn() for each in worlds))
    ((_, octets),) = [mail for each in worlds for mail in each.mail]
    assert read(octets).messages == 4
    for keeper in keepers:
        keeper.close()


async def test_what_was_sent_is_forgotten_in_time(world: World) -> None:
    await world.dispatch.turn()
    await world.dispatch.sweep()
    assert len(await tried(world)) == 1
    world.now += 31 * DAY
    await world.dispatch.sweep()
    assert await tried(world) == []


@pytest.mark.parametrize("many", [3_000])
async def test_a_large_report(world: World, many: int) -> None:
    counts = {
        (YESTERDAY, seen(PASSED, source_ip=f"10.0.{at >> 8}.{at & 255}")): 2 for at in range(many)
    }
    await world.file.ask(lambda found: adding.add(found, counts, 0, TODAY))
    await world.dispatch.turn()
    ((_, octets),) = world.mail
    assert len(octets) < 200_000
    assert read(octets).messages == 2 * many + 3
