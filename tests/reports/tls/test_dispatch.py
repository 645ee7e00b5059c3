"""Daily reports: who gets one, when, from which worker, and what happens when it does not work."""

from __future__ import annotations

import asyncio
import gzip
from email import message_from_bytes, policy
from pathlib import Path

import pytest

from postroad.limits.state_file import Keeper
from postroad.reports import outgoing
from postroad.reports.day import DAY
from postroad.reports.dispatch import EARLIEST, LATEST, delay_of
from postroad.reports.outgoing import GIVE_UP, LEASE, Tried
from postroad.reports.tls import sums
from postroad.reports.tls.file import TLS_REPORTS
from postroad.reports.tls.reading import parse
from postroad.reports.unpacking import report_in
from report_world import BAD, BEGIN, GOOD, TODAY, World

MAIL = "v=TLSRPTv1; rua=mailto:tls@example.net"
WEB = "https://reports.example.net/tls"
BOTH = f"{MAIL},{WEB}"
YESTERDAY = TODAY - 1


@pytest.fixture
async def world() -> World:
    made = World()
    await count(made)
    return made


async def count(world: World, day: int = YESTERDAY, domain: str = "example.net") -> None:
    counts = {
        (day, GOOD._replace(domain=domain).in_short): 3,
        (day, BAD._replace(domain=domain)): 1,
    }
    await world.file.ask(lambda found: sums.add(found, counts, 0, TODAY))


async def tried(world: World) -> list[Tried]:
    return await world.file.ask(lambda found: list(outgoing.tried(found)))


async def test_a_report_goes_to_every_endpoint(world: World) -> None:
    world.records.texts["example.net"] = BOTH
    await world.dispatch.turn()
    ((to, octets),) = world.mail
    assert to == "tls@example.net"
    report = parse(report_in([octets]))
    assert (report.ok, report.failed) == (3, 1)
    assert (report.organization, report.contact) == ("Example & Sons", "tls@example.org")
    assert (report.begins, report.ends) == (YESTERDAY * DAY, TODAY * DAY - 1)
    ((url, packed),) = world.posts
    assert url == WEB
    assert parse(gzip.decompress(packed)) == report
    (row,) = await tried(world)
    assert (row.state, row.ok, row.failed, row.report_id) == ("sent", 3, 1, report.id)
    assert [(each[0], each[2]) for each in row.endpoints] == [
        (WEB, "it answered with 201"),
        ("mailto:tls@example.net", "queued as Q1"),
    ]
    assert len(world.log) == 2
    assert await world.file.ask(lambda found: list(sums.counted(found))) == []


async def test_it_is_sent_once(world: World) -> None:
    world.records.texts["example.net"] = BOTH
    for _ in range(3):
        await world.dispatch.turn()
        world.now += 3_600
    assert (len(world.mail), len(world.posts)) == (1, 1)


async def test_nothing_is_sent_before_the_day_is_over(world: World) -> None:
    world.records.texts["example.net"] = MAIL
    await count(world, TODAY)
    world.now = BEGIN - 1
    await world.dispatch.turn()
    assert world.records.asked == []
    world.now = BEGIN
    await world.dispatch.turn()
    assert len(world.mail) == 1
    world.now += DAY
    await world.dispatch.turn()
    assert len(world.mail) == 2


@pytest.mark.parametrize("name", ["mail.example.org", "mx.example.net", "a.test", ""])
def test_servers_begin_at_different_times(name: str) -> None:
    assert EARLIEST <= delay_of(name) < LATEST
    assert delay_of(name) == delay_of(name)
    assert len({delay_of(f"{number}.test") for number in range(100)}) > 90


async def test_who_wants_none_gets_none_and_is_not_asked_again(world: World) -> None:
    for _ in range(3):
        await world.dispatch.turn()
        world.now += 7_200
        await count(world)  # late counts of the same day
    assert world.records.asked == ["example.net"]
    assert await tried(world) == []
    assert world.warnings == []


async def test_a_record_that_names_nowhere(world: World) -> None:
    world.records.texts["example.net"] = "v=TLSRPTv1; rua=gopher://x"
    await world.dispatch.turn()
    (row,) = await tried(world)
    assert (row.state, row.words) == ("failed", "its record names nowhere to send it to")


async def test_only_what_failed_is_tried_again_for_a_day(world: World) -> None:
    world.records.texts["example.net"] = BOTH
    world.refusing = {WEB}
    turns = 0
    while world.now < BEGIN + GIVE_UP + 20_000:
        await world.dispatch.turn()
        world.now += 60
        turns += 1
    assert len(world.mail) == 1
    (row,) = await tried(world)
    assert row.state == "sent"
    assert row.words == "given up at 1 of 2 endpoints: it answered with 503"
    assert 8 < row.tries < 15  # not each minute of the day


async def test_it_goes_when_the_endpoint_is_back(world: World) -> None:
    world.records.texts["example.net"] = f"v=TLSRPTv1; rua={WEB}"
    world.refusing = {WEB}
    await world.dispatch.turn()
    (row,) = await tried(world)
    assert (row.state, row.words, row.next) == ("waiting", "it answered with 503", BEGIN + 300)
    world.refusing, world.now = set(), BEGIN + 300
    await world.dispatch.turn()
    assert [parse(gzip.decompress(octets)).ok for _, octets in world.posts] == [3]


async def test_a_clock_that_is_set_back_holds_up_no_report(world: World) -> None:
    world.records.texts["example.net"] = MAIL
    world.records.broken.add("example.net")
    world.now = BEGIN + 3 * DAY
    await world.dispatch.turn()
    world.records.broken.clear()
    world.now = BEGIN + 60
    await world.dispatch.turn()
    assert len(world.mail) == 1


async def test_a_record_that_cannot_be_looked_up_is_asked_for_again(world: World) -> None:
    world.records.broken.add("example.net")
    await world.dispatch.turn()
    world.records.broken.clear()
    world.records.texts["example.net"] = MAIL
    world.now += 300
    await world.dispatch.turn()
    assert len(world.mail) == 1


async def test_it_is_given_up_after_a_day(world: World) -> None:
    world.records.broken.add("example.net")
    while world.now < BEGIN + 2 * GIVE_UP:
        await world.dispatch.turn()
        world.now += 600
    (row,) = await tried(world)
    assert row.state == "failed"
    assert world.warnings == [
        "TLS report for example.net: given up: _smtp._tls.example.net: not to be looked up now"
    ]


async def test_a_crash_between_sending_and_noting_repeats_it_under_the_same_id() -> None:
    class Crashed(BaseException):
        pass

    class Dying(World):
        async def submit(self, to, message):
            await super().submit(to, message)
            raise Crashed

    world = Dying()
    await count(world)
    world.records.texts["example.net"] = MAIL
    with pytest.raises(Crashed):
        await world.dispatch.turn()
    successor = World(world.file)
    successor.records = world.records
    successor.now = BEGIN + LEASE - 1
    await successor.another().turn()
    assert successor.mail == []  # it is still the other one's
    successor.now = BEGIN + LEASE
    await successor.another().turn()
    ((_, first),), ((_, second),) = world.mail, successor.mail
    names = ("Message-ID", "Subject")
    one, two = (message_from_bytes(each, policy=policy.SMTP) for each in (first, second))
    assert [one[name] for name in names] == [two[name] for name in names]
    assert parse(report_in([first])) == parse(report_in([second]))


async def test_several_workers_send_each_report_once(tmp_path: Path) -> None:
    keepers = [Keeper(tmp_path / "tls-reports.db", TLS_REPORTS, print) for _ in range(3)]
    worlds = [World(keeper) for keeper in keepers]
    for number in range(50):
        domain = f"d{number}.test"
        await count(worlds[number % 3], domain=domain)
        for world in worlds:
            world.records.texts[domain] = f"v=TLSRPTv1; rua=mailto:tls@{domain}"
    await asyncio.gather(*(world.dispatch.turn() for world in worlds))
    sent = [to for world in worlds for to, _ in world.mail]
    assert sorted(sent) == sorted(f"tls@d{number}.test" for number in range(50))
    for keeper in keepers:
        keeper.close()


async def test_a_fault_in_one_report_stops_no_other(world: World) -> None:
    class Broken(World):
        async def post(self, url, octets):
            raise RuntimeError("a bug")

    await count(world, domain="other.test")
    world.records.texts["example.net"] = f"v=TLSRPTv1; rua={WEB}"
    world.records.texts["other.test"] = "v=TLSRPTv1; rua=mailto:tls@other.test"
    await world.another(Broken()).turn()
    assert [to for to, _ in world.mail] == ["tls@other.test"]
    assert world.warnings == ["TLS report for example.net: RuntimeError: a bug"]


async def test_a_file_that_cannot_be_used_is_said(world: World) -> None:
    world.file.broken = True
    await world.dispatch.turn()
    await world.dispatch.sweep()
    assert world.warnings == ["tls-reports.db: disk I/O error"] * 2


async def test_what_is_old_is_forgotten(world: World) -> None:
    world.records.texts["example.net"] = MAIL
    await world.dispatch.turn()
    await world.dispatch.sweep()
    assert len(await tried(world)) == 1
    world.now += 40 * DAY
    world.dispatch.keep = 0.0
    await world.dispatch.sweep()
    assert len(await tried(world)) == 1
    world.now += DAY
    world.dispatch.keep = 30.0 * DAY
    await world.dispatch.sweep()
    assert await tried(world) == []
