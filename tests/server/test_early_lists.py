"""Lists that do not wait for RCPT (`delay_reject = false`), and what is said besides refusals."""

from __future__ import annotations

from ipaddress import ip_network

from fake_connection import FakeConnection
from fake_oracle import Unasked, oracle_of
from postroad.model import Client
from postroad.policy import Networks, PolicySettings, build
from postroad.server.etrn import QueueStarting, Site
from postroad.server.extensions import Extensions
from postroad.server.oracle import DirectoryOracle
from session_world import World, talk

ANYWHERE = Networks([ip_network("0.0.0.0/0")])


class Words(Unasked):
    """A table that has these words."""

    def __init__(self, words: dict[str, str]) -> None:
        self.words = words

    async def find(self, table: str, key: str) -> str | None:
        return self.words.get(key)


async def connected(
    world: World, words: dict[str, str], extensions: Extensions | None = None, **lists: object
) -> FakeConnection:
    settings = PolicySettings(**{"delay_reject": False, **lists})  # type: ignore[arg-type]
    client, _, _ = await world.connect(
        policy=build("mx", settings),
        oracle=oracle_of(DirectoryOracle(world.directory), tables=Words(words)),
        extensions=extensions or Extensions(),
    )
    return client


async def test_a_refused_second_ehlo_leaves_the_transaction(world: World) -> None:
    client = await connected(
        world, {"bad.example": "REJECT"}, helo=("check_helo_access hash:/helos",)
    )
    await talk(client, "EHLO good.example", "MAIL FROM:<a@b.example>")
    await talk(client, "RCPT TO:<john@example.org>")

    assert await talk(client, "EHLO bad.example") == (
        "554 5.7.1 <bad.example>: Helo command rejected: Access denied\r\n"
    )
    assert (await talk(client, "RCPT TO:<john@example.org>")).startswith("250 ")
    assert (await talk(client, "DATA")).startswith("354 ")


async def test_a_second_ehlo_that_is_taken_ends_it(world: World) -> None:
    client = await connected(world, {}, helo=("check_helo_access hash:/helos",))
    await talk(client, "EHLO good.example", "MAIL FROM:<a@b.example>", "EHLO good.example")

    assert (await talk(client, "RCPT TO:<john@example.org>")).startswith("503 ")


async def test_a_refused_ehlo_is_logged_under_its_own_name(world: World) -> None:
    client = await connected(
        world, {"bad.example": "REJECT"}, helo=("check_helo_access hash:/helos",)
    )
    await talk(client, "EHLO good.example", "EHLO bad.example", "MAIL FROM:<a@b.example>")

    (said,) = [event.text for event in world.events if "reject: EHLO" in event.text]
    assert "helo=<bad.example>" in said
    await talk(client, "RCPT TO:<nobody@example.org>")
    assert "helo=<good.example>" in world.events[-1].text, "the one that was taken"


async def test_who_is_refused_at_the_connection_is_not_greeted(world: World) -> None:
    lists = PolicySettings(delay_reject=False, client=("check_client_access hash:/clients",))
    words = Words({"192.0.2.7": "REJECT"})
    _, _, greeting = await world.connect(
        policy=build("mx", lists),
        oracle=oracle_of(DirectoryOracle(world.directory), tables=words),
    )

    assert greeting.startswith("554 5.7.1 <mua.example.net[192.0.2.7]>: Client host rejected: ")


async def test_who_is_refused_at_xclient_is_gone(world: World) -> None:
    client = await connected(
        world,
        {"203.0.113.9": "REJECT go away"},
        Extensions(impostors=ANYWHERE),
        client=("check_client_access hash:/clients",),
    )
    await talk(client, "EHLO proxy.example.net")

    assert await talk(client, "XCLIENT ADDR=203.0.113.9 NAME=bad.example") == (
        "554 5.7.1 <bad.example[203.0.113.9]>: Client host rejected: go away\r\n"
    )
    assert client.closed
    said = [event.text for event in world.events if "reject: " in event.text]
    assert len(said) == 1, "once"
    assert Client("203.0.113.9", 0, "bad.example").name in said[0]


async def test_etrn_says_what_it_only_warns_of(world: World) -> None:
    site = {"example.org": Site(ANYWHERE, frozenset())}
    client = await connected(
        world,
        {"example.org": "WARN look at this"},
        Extensions(etrn=QueueStarting(site)),
        etrn=("check_etrn_access hash:/etrn", "warn_if_reject reject"),
        delay_reject=True,
    )
    await talk(client, "EHLO a.example")

    assert (await talk(client, "ETRN example.org")).startswith("251 ")
    said = [event.text for event in world.events]
    assert any("reject_warning: ETRN from" in text for text in said)
    assert any("warn: ETRN from" in text and "look at this" in text for text in said)
