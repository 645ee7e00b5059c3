"""Mail with reports: read, kept, said in the log, whatever is in it."""

from __future__ import annotations

import asyncio
import gzip
import sqlite3

import pytest

from dmarc_feedback import mail, record, report_mail, xml
from postroad.model import Address
from postroad.model.content import Octets
from postroad.reports.arrival import Arrival
from postroad.reports.dmarc import receiving
from postroad.reports.dmarc.reading import Allowance
from postroad.reports.dmarc.received import DMARC_RECEIVED, kept
from postroad.reports.dmarc.receiving import Receiving, Reception
from report_world import MemoryFile

ABOVE = (
    b"Authentication-Results: mail.example.org; dmarc=pass header.from=receiver.example\r\n"
    b"Received: from x by mail.example.org; Wed, 15 Nov 2023 00:00:00 +0000\r\n"
)
DAY = 86_400.0


class World:
    def __init__(self) -> None:
        connection = sqlite3.connect(":memory:", isolation_level=None)
        connection.executescript(DMARC_RECEIVED.tables)
        self.file = MemoryFile(connection)
        self.log: list[str] = []
        self.warnings: list[str] = []
        self.receiving = Receiving(
            self.reception(), self.file, say=self.log.append, warn=self.warnings.append
        )

    def reception(self, keep: float = 30 * DAY) -> Reception:
        return Reception(["dmarc@example.org", "no address"], "mail.example.org", keep)

    async def take(self, octets: bytes, at: float = 100 * DAY) -> bool:
        """As its caller does."""
        words = await self.receiving.take(Octets(octets), Arrival(at, "a@b.example", "Q7"))
        if words:
            self.receiving.complain(words)
        return not words

    @property
    def ids(self) -> list[str]:
        return [each.feedback.id for each in kept(self.file.connection)]


@pytest.fixture
def world():
    world = World()
    yield world
    world.file.connection.close()


def test_addresses(world: World) -> None:
    assert world.receiving.is_for(Address.parse("DMARC@Example.org"))
    assert not world.receiving.is_for(Address.parse("postmaster@example.org"))
    world.receiving.replace(Reception([], "", 0))
    assert not world.receiving.is_for(Address.parse("dmarc@example.org"))


async def test_it_is_kept_and_said(world: World) -> None:
    text = xml(record(count=3), record("192.0.2.2", 2, dkim="fail", spf="fail"), record(count="x"))
    assert await world.take(ABOVE + report_mail(text))
    assert await world.take(ABOVE + report_mail(text))
    line = (
        'Q7: proved to be from receiver.example: report-id=<id-1>, from="Receiver",'
        " domain=example.org: 5 messages, 2 failed, records left out: 1"
    )
    assert world.log == [line, f"{line}, again"]
    (found,) = kept(world.file.connection)
    assert (found.author, found.queue_id) == ("receiver.example", "Q7")
    assert world.warnings == []


async def test_nobodys_word(world: World) -> None:
    """It is said before all that the report says, which may be anything."""
    name = 'google.com", proved to be from google.com'
    assert await world.take(report_mail(xml(organization=name)))
    (line,) = world.log
    assert line.startswith("Q7: nobody's word (DMARC proved no author): report-id=<id-1>, from=")
    assert """from="google.com', proved to be from google.com", domain=""" in line


@pytest.mark.parametrize(
    ("octets", "words"),
    [
        (b"Subject: hi\r\n\r\nHello\r\n", "the mail has no part that is a report"),
        (b"x" * 10_485_761, "the mail is longer than 10485760 octets"),
        (mail(gzip.compress(b"<feedback/>")), "it does not say who reports"),
    ],
    ids=["no attachment", "too long", "empty"],
)
async def test_what_is_none(world: World, octets: bytes, words: str) -> None:
    assert not await world.take(octets)
    assert world.warnings == [f"Q7: no report on DMARC: {words}; kept as mail"]


async def test_who_proves_no_author_may_have_less_read(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receiving, "allowance_of", lambda author: Allowance(2_000 if author else 9))
    assert not await world.take(report_mail())
    assert "longer than may be read" in world.warnings[0]
    assert await world.take(ABOVE + report_mail())
    monkeypatch.undo()
    assert receiving.allowance_of("receiver.example") == Allowance.of_stranger()
    assert receiving.allowance_of("") == Allowance.of_nobody()


async def test_a_file_that_cannot_be_written(world: World) -> None:
    world.file.broken = True
    assert not await world.take(report_mail())
    (words,) = world.warnings
    assert words.startswith("Q7: a report on DMARC could not be kept: ")
    world.file.broken = False
    assert await world.take(report_mail())


async def test_a_mail_that_cannot_be_read(world: World) -> None:
    class Broken(Octets):
        def chunks(self):
            raise OSError("no such device")

    words = await world.receiving.take(Broken(b""), Arrival(1.0, "", "Q8"))
    assert words == "Q8: a report on DMARC could not be read: OSError: no such device"
    assert world.warnings == []  # whoever takes other reports is asked first


async def test_old_ones_are_forgotten_as_new_ones_come(world: World) -> None:
    for day in (1, 2, 40):
        await world.take(report_mail(xml(report_id=str(day))), at=day * DAY)
    assert world.ids == ["40"]
    world.receiving.replace(world.reception(keep=0))
    await world.take(report_mail(xml(report_id="999")), at=999 * DAY)
    assert world.ids == ["40", "999"]


async def test_one_after_the_other(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who waits too long goes on as mail; the one that is read is read to its end."""
    monkeypatch.setattr(receiving, "TIME", 0.0)
    await world.receiving._turn.acquire()
    assert not await world.take(report_mail())
    world.receiving._turn.release()
    assert world.warnings == ["Q7: no time to read a report on DMARC; kept as mail"]
    monkeypatch.undo()
    many = [world.take(report_mail(xml(report_id=str(n)))) for n in range(5)]
    assert await asyncio.gather(*many) == [True] * 5
