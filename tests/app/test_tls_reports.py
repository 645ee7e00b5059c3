"""Reports about TLS in a worker: what is counted, by whom, and what a reload changes."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from postroad.app.daily_reports import identity_of
from postroad.app.dkim import store_of
from postroad.app.tls_reports import TlsReports
from postroad.config import Configuration
from postroad.delivery.tls_policy import Basis, TlsResult, TlsSeen
from postroad.limits.state_file import open_file
from postroad.mailauth.dkim.key_store import KeyState
from postroad.mailauth.dkim.signing_key import new_key
from postroad.reports.tls import sums
from postroad.reports.tls.file import TLS_REPORTS
from postroad.reports.tls.settings import TlsReportSettings
from reports_part import DailyWorld

SEEN = TlsSeen(
    Basis("sts", "example.net", ("version: STSv1",), ("mx.example.net",)),
    "example.net",
    TlsResult.SUCCESS,
    "mx.example.net",
    "192.0.2.1",
    "198.51.100.1",
)


class World(DailyWorld[TlsReports]):
    def __init__(self, folder: Path) -> None:
        super().__init__(folder, TlsReports)

    def switch(self, **settings: object) -> None:
        self.change(tls_reports=TlsReportSettings(**settings))  # type: ignore[arg-type]

    def counted(self) -> list[tuple[str, int, int]]:
        connection = open_file(self.configuration.tls_reports_file, TLS_REPORTS)
        found = [(each.domain, each.ok, each.failed) for each in sums.counted(connection)]
        connection.close()
        return found


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    made = World(tmp_path)
    yield made
    await made.close()


async def test_switched_off_it_counts_nothing_and_makes_no_file(world: World) -> None:
    world.part.replace(world.running)
    world.part.seen(SEEN)
    await world.part.daily.write()
    await world.part.daily.send()
    await world.close()
    assert not world.configuration.tls_reports_file.exists()


async def test_a_reload_begins_and_ends_counting(world: World) -> None:
    world.switch(send=True)
    world.part.seen(SEEN)
    world.part.seen(dataclasses.replace(SEEN, result=TlsResult.CERTIFICATE_EXPIRED))
    world.switch(send=False)
    world.part.seen(SEEN)
    await world.close()  # writes what was counted
    assert world.counted() == [("example.net", 1, 1)]


async def test_domains_are_counted_as_the_dns_has_them(world: World) -> None:
    world.switch(send=True)
    for domain in ("EXAMPLE.net.", "b\u00fccher.example", "localhost", "[192.0.2.1]", ""):
        world.part.seen(dataclasses.replace(SEEN, domain=domain))
    await world.part.daily.write()
    assert world.counted() == [("example.net", 1, 0), ("xn--bcher-kva.example", 1, 0)]


async def test_a_file_that_cannot_be_made_is_said(world: World) -> None:
    world.switch(send=True)
    world.configuration.tls_reports_file.mkdir()
    world.part.seen(SEEN)
    await world.part.daily.write()
    (line,) = world.said
    assert line.endswith("1 sessions are not counted")


def test_who_reports() -> None:
    configuration = Configuration(hostname="mail.example.org", domains=("b\u00fccher.example",))
    identity = identity_of(configuration, configuration.tls_reports)
    assert identity.author == identity.contact == "postmaster@xn--bcher-kva.example"
    assert identity.organization == "xn--bcher-kva.example"
    said = TlsReportSettings(from_address="a@example.org", contact="us", organization="We")
    identity = identity_of(dataclasses.replace(configuration, domains=()), said)
    assert (identity.author, identity.contact, identity.organization) == (
        "a@example.org",
        "us",
        "We",
    )
    bare = identity_of(Configuration(hostname="mail.example.org", domains=()), TlsReportSettings())
    assert bare.author == "postmaster@mail.example.org"


async def test_an_active_key_switches_it_on(world: World) -> None:
    """Where nobody said whether reports are sent: they are where they are signed."""
    world.part.replace(world.running)
    world.part.seen(SEEN)
    store = store_of(world.configuration)
    (kept,) = store.add([new_key("example.org", "s1", "ed25519", 0)], KeyState.PENDING)
    await world.part.daily.write()
    world.part.seen(SEEN)
    store.change(kept, KeyState.ACTIVE)
    await world.part.daily.write()
    world.part.seen(SEEN)
    await world.part.daily.write()
    assert world.counted() == [("example.net", 1, 0)]
    world.switch(send=False)
    world.part.seen(SEEN)
    await world.part.daily.write()
    assert world.counted() == [("example.net", 1, 0)]
