"""The prober and the greylist of a worker, joined to its directory and its ways out."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from fake_directory import FakeDirectory
from postroad.app.inquiries import Inquiries
from postroad.app.outbound import Outbound
from postroad.app.running import Running
from postroad.config import Configuration
from postroad.delivery import Route
from postroad.delivery.settings import DeliverySettings, VerificationSettings
from postroad.limits.greylist_file import GREYLIST, strangers
from postroad.limits.greylist_settings import GreylistSettings
from postroad.limits.state_file import open_file
from postroad.mailbox import MaildirWriter
from postroad.model import Address, Recipient
from postroad.net.dns import Resolver
from postroad.net.settings import DnsSettings
from postroad.policy import PolicySettings, VerificationStatus
from postroad.policy.settings import SharedPolicySettings
from postroad.server.settings import ListenerSettings

GREYLISTING = PolicySettings(recipient=("reject_unlisted_recipient, greylist",))
PROBE = Address.parse("double-bounce@mail.example.org")


class World:
    """A worker's parts, as far as they matter here."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "greylist.db"
        self.configuration = Configuration(
            hostname="mail.example.org",
            domains=("example.org",),
            state_directory=folder,
            listeners={"mx": ListenerSettings(tls="none")},
            delivery=DeliverySettings(capture=folder / "captured"),
        )
        self.directory = FakeDirectory(domains=["example.org", "mail.example.org"])
        self.running = Running(self.configuration, lambda: self.configuration)
        self.writer = MaildirWriter("mail.example.org")
        resolver = Resolver(DnsSettings(), lambda: 0.0, query=_nobody)
        self.outbound = Outbound(self.directory, resolver, self.writer, lambda event: None)
        self.outbound.replace(self.running)
        self.inquiries = Inquiries(self.running, self.directory, self.outbound, lambda event: None)

    def take(self, **changes: object) -> None:
        """Reload."""
        self.running.configuration = dataclasses.replace(self.configuration, **changes)
        self.outbound.replace(self.running)
        self.inquiries.replace(self.running)

    async def write_to(self, *addresses: str) -> None:
        self.inquiries.wrote_to([Recipient(Address.parse(each)) for each in addresses])
        await self.settled()

    async def settled(self) -> None:
        for task in tuple(self.inquiries._notes):
            await task

    def known(self) -> list[str]:
        if not self.file.exists():
            return []
        with closing(open_file(self.file, GREYLIST)) as connection:
            return [each.sender for each in strangers(connection)]

    async def close(self) -> None:
        await self.inquiries.close()
        await self.outbound.close()
        self.writer.close()


async def _nobody(name: str, kind: str):
    raise AssertionError(f"{name} {kind} was asked for")


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    made = World(tmp_path)
    yield made
    await made.close()


async def test_nothing_is_written_down_where_nobody_is_greylisted(world: World) -> None:
    await world.write_to("bob@example.net")
    assert not world.file.exists()


async def test_correspondents_are_written_down_where_a_list_names_the_greylist(
    world: World,
) -> None:
    world.take(listeners={"mx": ListenerSettings(tls="none", policy=GREYLISTING)})
    await world.write_to("bob@example.net", "john@example.org", "eve@example.net")
    assert world.known() == ["bob@example.net", "eve@example.net"]


async def test_and_where_a_class_of_restrictions_does(world: World) -> None:
    world.take(policy=SharedPolicySettings(classes={"slowly": ("greylist",)}))
    await world.write_to("bob@example.net")
    assert world.known() == ["bob@example.net"]


async def test_and_where_it_was_asked_before(world: World) -> None:
    assert await world.inquiries.greylist.wait("192.0.2.7", "", "john@example.org") == 300
    world.take()
    await world.write_to("bob@example.net")
    assert "bob@example.net" in world.known()


async def test_a_directory_that_fails_is_no_accident(world: World) -> None:
    world.take(listeners={"mx": ListenerSettings(tls="none", policy=GREYLISTING)})
    world.directory.unavailable = True
    await world.write_to("bob@example.net")
    assert world.known() == []


async def test_no_crowd_of_notes(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("postroad.app.inquiries.MOST_NOTES", 1)
    world.take(listeners={"mx": ListenerSettings(tls="none", policy=GREYLISTING)})
    for each in ("bob@example.net", "eve@example.net"):
        world.inquiries.wrote_to([Recipient(Address.parse(each))])
    await world.settled()
    assert world.known() == ["bob@example.net"]


async def test_a_reload_takes_other_settings(world: World) -> None:
    world.take(
        greylist=GreylistSettings(delay=60),
        verification=VerificationSettings(sender="probe@example.org"),
    )
    assert await world.inquiries.greylist.wait("192.0.2.7", "", "john@example.org") == 60
    assert world.inquiries.prober.sender == "probe@example.org"
    assert await world.outbound.route(Address.parse("Probe@example.org")) == _DISCARDED
    assert (await world.outbound.route(PROBE)).transport == "local"


async def test_mail_for_the_sender_of_probes_is_thrown_away(world: World) -> None:
    assert await world.outbound.route(PROBE) == _DISCARDED
    assert await world.outbound.route(Address.parse("double-bounce@example.net")) != _DISCARDED
    world.directory.domains.remove("mail.example.org")
    assert await world.outbound.route(PROBE) == _DISCARDED


async def test_unless_somebody_has_the_address(world: World) -> None:
    world.take(verification=VerificationSettings(sender="john@example.org"))
    assert await world.outbound.route(Address.parse("john@example.org")) == Route(
        "local", "example.org"
    )


async def test_mail_that_is_caught_is_deliverable(world: World) -> None:
    found = await world.inquiries.prober.verify(Address.parse("bob@example.net"), sender=True)
    assert found.status is VerificationStatus.DELIVERABLE


_DISCARDED = Route("discard", "discard")
