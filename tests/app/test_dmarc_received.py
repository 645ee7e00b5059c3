"""Received reports on DMARC in a worker: what is joined, and what a reload changes."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from dmarc_feedback import report_mail
from postroad.app.dmarc_received import DmarcReceived
from postroad.delivery.report_taking import ReportTaking
from postroad.delivery.transport import Delivery
from postroad.limits.state_file import open_file
from postroad.mailauth.settings import AuthenticationSettings
from postroad.model import Outcome, Reply, Report, Status
from postroad.reports.dmarc.received import DMARC_RECEIVED, kept
from postroad.reports.dmarc.settings import DmarcReportSettings
from queue_mail import message, recipients
from reports_part import PartWorld

UNKNOWN = Reply.of(550, "5.1.1", "User unknown")
ABOVE = (
    b"Authentication-Results: auth.example.org; dmarc=pass header.from=receiver.example\r\n"
    b"Received: from x by mail.example.org; Wed, 15 Nov 2023 00:00:00 +0000\r\n"
)


class Nobody:
    """A transport that knows no mailbox."""

    relays = False

    async def deliver(self, delivery: Delivery) -> Report:
        outcomes = [Outcome(each.id, Status.BOUNCED, UNKNOWN) for each in delivery.recipients]
        return Report(tuple(outcomes), "local")


class World(PartWorld[DmarcReceived]):
    def __init__(self, folder: Path) -> None:
        super().__init__(folder, DmarcReceived)
        self.transport = ReportTaking(Nobody(), [self.part.taker])

    async def deliver(self, content: bytes) -> str:
        mail = message("", queue_id="Q7", content=content)
        delivery = Delivery(mail, recipients("dmarc@example.org"), "")
        (outcome,) = (await self.transport.deliver(delivery)).outcomes
        return str(outcome.reply)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    world = World(tmp_path)
    yield world
    await world.part.close()


async def test_nothing_is_made_where_nobody_receives(world: World, tmp_path: Path) -> None:
    assert await world.deliver(report_mail()) == str(UNKNOWN)
    assert os.listdir(tmp_path) == []
    assert world.said == []


async def test_it_is_kept_with_whose_word_it_is(world: World) -> None:
    world.change(
        dmarc_reports=DmarcReportSettings(receive=("dmarc@example.org",)),
        authentication=AuthenticationSettings(id="auth.example.org"),
    )
    assert await world.deliver(ABOVE + report_mail()) == "250 2.0.0 kept as a report on DMARC"
    assert "proved to be from receiver.example" in world.said[0]
    assert await world.deliver(b"Subject: x\r\n\r\n") == (
        "250 2.0.0 no report that could be read, set aside for the postmaster"
    )
    file = world.configuration.dmarc_received_file
    with closing(open_file(file, DMARC_RECEIVED)) as connection:
        (found,) = kept(connection)
    assert found.author == "receiver.example"
    assert (world.configuration.unread_reports_directory / "Q7.eml").exists()


async def test_until_a_reload_says_otherwise(world: World) -> None:
    world.change(dmarc_reports=DmarcReportSettings(receive=("dmarc@example.org",)))
    world.change(dmarc_reports=DmarcReportSettings(receive=("other@example.org",)))
    assert await world.deliver(report_mail()) == str(UNKNOWN)
