"""Reports that come in: kept, said in the log, and never in the way of the mail."""

from __future__ import annotations

import pytest

from postroad.model import Address
from postroad.reports.arrival import Arrival
from postroad.reports.letter import Head
from postroad.reports.tls import received, receiving
from postroad.reports.tls.mail import letter
from postroad.reports.tls.reading import parse
from postroad.reports.tls.receiving import Receiving
from queue_mail import MemoryContent
from report_world import EXAMPLE, MemoryFile

REPORT = parse(EXAMPLE.read_bytes())
MAIL = letter(
    Head("example.org", "mx.x.test", "a@x.test", "tls@example.org", REPORT.id), REPORT, 1.8e9
)
ARRIVAL = Arrival(1.8e9, "a@x.test", "Q1")


class World:
    def __init__(self) -> None:
        self.file = MemoryFile()
        self.log: list[str] = []
        self.warnings: list[str] = []
        self.receiving = Receiving(
            ["TLS@example.org"], self.file, say=self.log.append, warn=self.warnings.append
        )

    async def take(self, octets: bytes) -> bool:
        """As its caller does."""
        words = await self.receiving.take(MemoryContent(octets), ARRIVAL)
        if words:
            self.receiving.complain(words)
        return not words


async def test_a_report_is_kept_and_said() -> None:
    world = World()
    assert await world.take(MAIL)
    assert await world.take(MAIL)
    (day,) = received.days(world.file.connection)
    assert (day.organization, day.ok) == ("Company-X", 5326)
    words = (
        "Q1: report-id=<5065427c-23d3-47ca-b6e0-946ea0e8c4be>, from=Company-X:"
        " 5326 sessions succeeded, 303 failed"
    )
    assert world.log == [words, f"{words}, again"]


async def test_other_mail_is_said_and_left_alone() -> None:
    world = World()
    assert not await world.take(b"Subject: hi\r\n\r\nHello\r\n")
    assert not await world.take(b"x" * 5_000_000)
    assert world.warnings == [
        "Q1: no report about TLS: the mail has no part that is a report; kept as mail",
        "Q1: no report about TLS: the mail is longer than 4194304 octets; kept as mail",
    ]


async def test_a_file_that_cannot_be_used_is_said() -> None:
    world = World()
    world.file.broken = True
    assert not await world.take(MAIL)
    assert world.warnings == [
        "Q1: a report about TLS could not be kept: tls-reports.db: disk I/O error"
    ]


async def test_a_content_that_cannot_be_read_stops_no_mail(monkeypatch) -> None:
    class Unreadable(MemoryContent):
        def chunks(self):
            raise OSError("disk on fire")

    world = World()
    words = await world.receiving.take(Unreadable(MAIL), ARRIVAL)
    assert words == "Q1: a report about TLS could not be read: OSError: disk on fire"
    assert world.warnings == []  # whoever takes other reports is asked first


async def test_no_mail_waits_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    monkeypatch.setattr(receiving, "TIME", 0.0)
    assert not await world.take(MAIL)
    assert world.warnings == ["Q1: no time to read a report about TLS; kept as mail"]


def test_addresses_are_known_in_any_spelling() -> None:
    world = World()
    assert world.receiving.is_for(Address.parse("tls@EXAMPLE.org"))
    assert not world.receiving.is_for(Address.parse("tls@example.net"))
    world.receiving.replace([])
    assert not world.receiving.is_for(Address.parse("tls@example.org"))
