"""Who is suppressed has another route, and nobody else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from fake_directory import FakeDirectory
from postroad.app.running import Running
from postroad.app.suppressing import Suppressing, Unsuppressed
from postroad.config import Configuration
from postroad.delivery import Delivery, Route
from postroad.delivery.refusing import RefusingTransport
from postroad.delivery.suppression_file import SUPPRESSION, put_by_hand
from postroad.delivery.suppression_settings import SuppressionSettings
from postroad.limits.state_file import open_file
from postroad.model import Address, ContentFilter, Reply, Report, Status
from postroad.server.settings import ListenerSettings
from queue_mail import message, recipients

BOB = Address.parse("bob@example.net")
JOHN = Address.parse("john@example.org")
ALICE = Address.parse("alice@example.org")
NOBODY = Reply.of(550, "5.1.1", "User unknown")


@dataclass
class Carrier:
    relays: bool

    async def deliver(self, delivery: Delivery) -> Report:
        raise AssertionError("nothing is delivered here")


class Outgoing:
    @property
    def transports(self) -> dict[str, Carrier]:
        return {"smtp": Carrier(relays=True), "local": Carrier(relays=False)}

    async def route(self, address, content_filter=None, *, sender=None, listener="") -> Route:
        return Route("local" if address == JOHN else "smtp", address.domain)


class World:
    def __init__(self, folder: Path) -> None:
        configuration = Configuration(
            hostname="mail.example.org",
            domains=("example.org",),
            state_directory=folder,
            listeners={"mx": ListenerSettings(tls="none")},
            suppression=SuppressionSettings(enabled=True, bounces=1),
        )
        self.file = configuration.suppression_file
        self.running = Running(configuration, lambda: configuration)
        self.suppressing = Suppressing(self.running, lambda event: None)
        directory = FakeDirectory(domains=["example.org"])
        self.router = Unsuppressed(Outgoing(), directory, self.suppressing.addresses)

    async def route(self, address: Address = BOB, through: ContentFilter | None = None) -> Route:
        return await self.router.route(address, through, sender=ALICE)

    async def refuse(self, address: Address = BOB) -> None:
        self.suppressing.addresses.refused(address, ALICE, NOBODY, "mx.example.net[192.0.2.1]:25")
        await self.suppressing.addresses.close()


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    made = World(tmp_path)
    yield made
    await made.suppressing.close()


async def test_nothing_happens_without_a_refusal(world: World) -> None:
    assert await world.route() == Route("smtp", "example.net")


async def test_mail_goes_back_with_the_reason(world: World) -> None:
    await world.refuse()
    route = await world.route()
    assert route.transport == "error"
    delivery = Delivery(message(), recipients("bob@example.net"), route.nexthop)
    (outcome,) = (await RefusingTransport(permanent=True).deliver(delivery)).outcomes
    assert (outcome.status, outcome.from_peer) == (Status.BOUNCED, False)
    text = str(outcome.reply)
    assert text.startswith("550 5.1.1 mail to this address is suppressed since 20")
    assert text.endswith(" after: 550 5.1.1 User unknown")


async def test_nobody_here_is_suppressed(world: World) -> None:
    await world.refuse(JOHN)
    await world.refuse(ALICE)
    assert await world.route(JOHN) == Route("local", "example.org")
    assert await world.route(ALICE) == Route("smtp", "example.org")


async def test_a_content_filter_gets_everything(world: World) -> None:
    await world.refuse()
    assert await world.route(BOB, ContentFilter("smtp", "x")) == Route("smtp", "example.net")


async def test_an_operator_adds_one_while_the_server_runs(world: World) -> None:
    connection = open_file(world.file, SUPPRESSION)
    put_by_hand(connection, BOB.key, "", "he asked", 0.0)
    connection.close()
    assert (await world.route()).nexthop.endswith("since 1970-01-01: he asked")


async def test_a_reload_switches_it_off(world: World, tmp_path: Path) -> None:
    await world.refuse()
    off = Configuration(
        hostname="mail.example.org",
        domains=("example.org",),
        state_directory=tmp_path,
        listeners={"mx": ListenerSettings(tls="none")},
    )
    world.suppressing.replace(Running(off, lambda: off))
    assert await world.route() == Route("smtp", "example.net")
