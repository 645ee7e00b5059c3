"""Reports on DMARC in a worker: when they are made, of whom, and what a reload changes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from dmarc_report_world import FAILED, RECORD, by
from postroad.app.daily_reports import identity_of
from postroad.app.dkim import store_of
from postroad.app.dmarc_reports import DmarcReports
from postroad.config import Configuration
from postroad.limits.state_file import open_file
from postroad.mailauth.dkim.key_store import KeyState
from postroad.mailauth.dkim.signing_key import new_key
from postroad.mailauth.dmarc.settings import DmarcSettings
from postroad.mailauth.settings import AuthenticationSettings
from postroad.model import Address
from postroad.reports.dmarc import sums
from postroad.reports.dmarc.file import DMARC_REPORTS
from postroad.reports.dmarc.settings import DmarcReportSettings
from postroad.reports.tls.settings import TlsReportSettings
from reports_part import DailyWorld


class World(DailyWorld[DmarcReports]):
    def __init__(self, folder: Path) -> None:
        super().__init__(folder, DmarcReports)

    def switch(self, **settings: object) -> None:
        self.change(dmarc_reports=DmarcReportSettings(**settings))

    def counts(self) -> bool:
        return self.part.recorder.wants([Address("ann", "example.org")])

    def counted(self) -> dict[str, int]:
        file = self.configuration.dmarc_reports_file
        if not file.exists():
            return {}
        connection = open_file(file, DMARC_REPORTS)
        found = {each.domain: each.failed for each in sums.counted(connection)}
        connection.close()
        return found


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    made = World(tmp_path)
    yield made
    await made.close()


async def test_without_keys_it_counts_nothing_and_makes_no_file(world: World) -> None:
    world.part.replace(world.running)
    world.part.recorder.record(FAILED)
    await world.close()
    assert not world.configuration.dmarc_reports_file.exists()


async def test_said_is_done(world: World) -> None:
    world.switch(send=True)
    world.part.recorder.record(FAILED)
    world.part.recorder.record(FAILED)
    await world.close()
    assert world.counted() == {"bank.example": 2}
    assert world.said == []


@pytest.mark.parametrize("send", [True, None])
@pytest.mark.parametrize(
    "off",
    [
        {"dmarc": DmarcSettings(verify=False)},
        {"authentication": AuthenticationSettings(verify=False)},
        {"dmarc_reports": DmarcReportSettings(send=False)},
    ],
)
async def test_what_is_not_verified_is_not_reported(
    world: World, send: bool | None, off: dict[str, object]
) -> None:
    world.switch(send=send)
    world.change(**off)
    assert not world.counts()


async def test_an_active_key_switches_it_on_and_off(world: World) -> None:
    world.part.replace(world.running)
    assert not world.counts()
    store = store_of(world.configuration)
    (kept,) = store.add([new_key("example.org", "s1", "ed25519", 0)], KeyState.PENDING)
    await world.part.daily.write()
    assert not world.counts()
    active = store.change(kept, KeyState.ACTIVE)
    await world.part.daily.write()
    assert world.counts()
    store.remove(active)
    await world.part.daily.write()
    assert not world.counts()
    world.switch(send=True)
    assert world.counts()


async def test_our_own_domains_and_others_that_are_excluded(world: World) -> None:
    own = [
        by(RECORD, policy_domain=name, header_from=name)
        for name in ("example.org", "a.example.org")
    ]
    others = [
        by(RECORD, policy_domain=name, header_from=name) for name in ("xn--mnchen-3ya.de", "b.test")
    ]
    world.switch(send=True, exclude=("München.de",))
    for each in (*own, *others):
        world.part.recorder.record(each)
    await world.part.daily.write()
    assert world.counted() == {"b.test": 1}
    world.switch(send=True, own_domains=True)
    for each in (*own, *others):
        world.part.recorder.record(each)
    await world.part.daily.write()
    assert set(world.counted()) == {"b.test", "example.org", "a.example.org", "xn--mnchen-3ya.de"}


async def test_reports_of_others_are_not_reported(world: World) -> None:
    world.switch(send=True, receive=("dmarc@example.org",))
    world.change(tls_reports=TlsReportSettings(receive=("tls@example.org",)))
    wants = world.part.recorder.wants
    assert wants([Address("ann", "example.org")])
    assert not wants([Address("dmarc", "example.org")])
    assert not wants([Address("TLS", "example.org")])


async def test_a_file_that_cannot_be_made_is_said(world: World) -> None:
    world.configuration.dmarc_reports_file.mkdir(parents=True)
    world.switch(send=True)
    world.part.recorder.record(FAILED)
    await world.part.daily.write()
    assert "1 messages are not counted" in world.said[-1]


async def test_before_there_is_a_file_nothing_is_asked(world: World) -> None:
    world.switch(send=True)
    await world.part.daily.send()
    assert not world.configuration.dmarc_reports_file.exists()


@pytest.mark.parametrize(
    ("settings", "author", "contact", "organization"),
    [
        ({}, "postmaster@example.org", "postmaster@example.org", "example.org"),
        (
            {"from_address": "dmarc@example.org"},
            "dmarc@example.org",
            "dmarc@example.org",
            "example.org",
        ),
        (
            {"contact": "ann@example.com", "organization": "Us"},
            "postmaster@example.org",
            "ann@example.com",
            "Us",
        ),
    ],
)
def test_who_reports(
    settings: dict[str, str], author: str, contact: str, organization: str
) -> None:
    configuration = Configuration(
        hostname="mail.example.org",
        domains=("example.org",),
        dmarc_reports=DmarcReportSettings(**settings),
    )
    identity = identity_of(configuration, configuration.dmarc_reports)
    assert identity.hostname == "mail.example.org"
    assert (identity.author, identity.contact, identity.organization) == (
        author,
        contact,
        organization,
    )
