"""Both kinds of reports of a worker: replaced, stopped and closed together."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from fake_dns import FakeDns
from intake_house import House
from postroad.app.daily_reports import DailyReports
from postroad.app.dmarc_received import DmarcReceived
from postroad.app.reporting import Reporting
from postroad.model import Address
from postroad.net.dns import Resolver
from postroad.net.settings import DnsSettings
from postroad.reports.dmarc.settings import DmarcReportSettings
from postroad.reports.tls.settings import TlsReportSettings
from reports_part import PartWorld


@pytest.fixture
async def world(tmp_path: Path) -> PartWorld[Reporting]:
    resolver = Resolver(DnsSettings(), time.monotonic, query=FakeDns({}))
    return PartWorld(tmp_path, lambda running, tell: Reporting(running, resolver, tell))


async def test_where_all_is_off_nothing_is_opened(
    world: PartWorld[Reporting], tmp_path: Path
) -> None:
    world.change(
        dmarc_reports=DmarcReportSettings(send=False), tls_reports=TlsReportSettings(send=False)
    )
    world.part.start(House().door)
    await world.part.stop()
    await world.part.close()
    assert os.listdir(tmp_path) == []


async def test_a_reload_reaches_all_of_them(world: PartWorld[Reporting]) -> None:
    world.change(
        dmarc_reports=DmarcReportSettings(receive=("dmarc@example.org",)),
        tls_reports=TlsReportSettings(receive=("tls@example.org",)),
    )
    part = world.part
    addresses = [Address.parse(f"{name}@example.org") for name in ("dmarc", "tls")]
    assert [part.received.taker.reports.is_for(each) for each in addresses] == [True, False]
    assert [part.tls.receiving.is_for(each) for each in addresses] == [False, True]
    await part.stop()
    await part.close()


@pytest.mark.parametrize("breaking", ["tls-reports", "dmarc-reports"])
@pytest.mark.parametrize("what", ["stop", "close"])
async def test_one_that_breaks_keeps_no_other_from_its_end(
    world: PartWorld[Reporting], monkeypatch: pytest.MonkeyPatch, what: str, breaking: str
) -> None:
    ended = []

    async def end(daily: DailyReports) -> None:
        ended.append(daily._subject.service)
        if daily._subject.service == breaking:
            raise OSError("no space left on device")

    async def end_received(_: DmarcReceived) -> None:
        ended.append("received")

    monkeypatch.setattr(DailyReports, what, end)
    monkeypatch.setattr(DmarcReceived, "close", end_received)

    with pytest.raises(OSError, match="no space left"):
        await getattr(world.part, what)()

    everybody = {"tls-reports", "dmarc-reports"} | ({"received"} if what == "close" else set())
    assert (set(ended), len(ended)) == (everybody, len(everybody))
