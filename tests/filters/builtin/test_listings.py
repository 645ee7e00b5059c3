"""DNS lists: what is asked, which answers count, and those that do not answer."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Literal

import pytest

from postroad.filters.builtin.case import Case
from postroad.filters.builtin.listings import MOST_DOMAINS, Listings
from postroad.filters.builtin.rule import Hit
from postroad.model import Envelope
from postroad.model.letter import Origin
from postroad.net.dns import DnsTemporary
from spam_world import CLIENT, case, octets

BLOCK, GOOD = "bl.example.net", "good.example.net"
NAMED = octets({"MIME-Version": "1.0", "Content-Type": "text/html", "Reply-To": "x@reply.example"})
LINKS = octets(body="See http://www.evil.example/a and https://evil.example/b, http://example.org/")


class Zone:
    """Implements `Names`."""

    def __init__(self, entries: dict[str, str]) -> None:
        self._entries = entries
        self.asked: list[str] = []

    async def records(self, name: str, kind: Literal["A"]) -> tuple[str, ...]:
        self.asked.append(name)
        answer = self._entries.get(name, "")
        if answer == "away":
            raise DnsTemporary(name, kind)
        if answer == "silent":
            await asyncio.Event().wait()
        return (answer,) if answer else ()


async def hits(
    zone: Zone,
    looked_at: Case,
    clients: dict[str, float] | None = None,
    domains: dict[str, float] | None = None,
    patience: float = 60.0,
) -> tuple[Hit, ...]:
    listings = Listings(zone, clients or {}, domains or {})
    return await listings.hits(listings.questions(looked_at), patience)


LISTED = "7.2.0.192.bl.example.net"


def zone(**answers: str) -> Zone:
    return Zone(answers)


async def test_a_client_is_asked_for_backwards() -> None:
    found = await hits(zone(**{LISTED: "127.0.0.2"}), case(), {BLOCK: 3.0})
    words = "192.0.2.7 is in bl.example.net"
    assert found == (Hit("LISTED:bl.example.net", 3.0, words),)


@pytest.mark.parametrize(
    ("answer", "named", "counts"),
    [
        ("127.0.0.2", BLOCK, True),
        ("127.0.0.9", f"{BLOCK}=127.0.0.[2..8]", False),
        ("127.0.0.8", f"{BLOCK}=127.0.0.[2..8]", True),
        ("127.255.255.254", BLOCK, False),  # «you ask by a public resolver»
        ("127.0.0.1", BLOCK, False),  # «you ask too much»
        ("127.0.1.255", BLOCK, False),  # «you ask about an address»
        ("192.0.2.1", BLOCK, False),  # whoever has the list's domain now
    ],
)
async def test_which_answers_count(answer: str, named: str, counts: bool) -> None:
    found = await hits(zone(**{LISTED: answer}), case(), {named: 3.0})
    assert bool(found) is counts


@pytest.mark.jumps
@pytest.mark.parametrize("answer", ["away", "silent"])
async def test_a_list_that_does_not_answer_costs_nobody_points(answer: str) -> None:
    asked = zone(**{LISTED: answer, "7.2.0.192.good.example.net": "127.0.0.5"})
    found = await hits(asked, case(), {BLOCK: 3.0, GOOD: -1.0})
    assert [(each.name, each.points) for each in found] == [("LISTED:good.example.net", -1.0)]


@pytest.mark.parametrize(
    "looked_at",
    [
        case(client=replace(CLIENT, address="10.0.0.1")),
        case(client=replace(CLIENT, address="unknown")),
        case(client=None),
        case(origin=Origin.OURS),
    ],
)
async def test_who_is_not_asked_about(looked_at: Case) -> None:
    asked = zone()
    assert await hits(asked, looked_at, {BLOCK: 3.0}) == ()
    assert asked.asked == []


async def test_a_list_without_points_is_not_asked() -> None:
    asked = zone(**{LISTED: "127.0.0.2"})
    assert await hits(asked, case(), {BLOCK: 0.0}) == ()
    assert asked.asked == []


async def test_domains_are_asked_for_as_they_were_registered_and_ours_are_not() -> None:
    asked = zone(**{"evil.example.bl.example.net": "127.0.1.2"})
    found = await hits(asked, case(LINKS), domains={BLOCK: 2.5})
    assert asked.asked == [f"{each}.{BLOCK}" for each in ("example.com", "evil.example")]
    assert [each.words for each in found] == ["evil.example is in bl.example.net"]


async def test_sender_and_answers_are_asked_about_too() -> None:
    asked = zone()
    looked_at = case(NAMED, envelope=Envelope(None))
    await hits(asked, looked_at, domains={BLOCK: 2.5})
    assert asked.asked == [f"{each}.{BLOCK}" for each in ("example.com", "reply.example")]


async def test_of_one_message_so_many_domains_are_asked_about() -> None:
    asked = zone()
    body = " ".join(f"http://www.d{number}.example/" for number in range(150))
    await hits(asked, case(octets(body=body)), domains={BLOCK: 2.5})
    assert len(asked.asked) == MOST_DOMAINS


async def test_one_list_counts_once_however_many_entries_it_has() -> None:
    entries = {f"d{number}.example.{BLOCK}": "127.0.0.2" for number in range(3)}
    body = " ".join(f"http://d{number}.example/" for number in range(3))
    found = await hits(zone(**entries), case(octets(body=body)), domains={BLOCK: 2.5})
    assert [each.words for each in found] == ["d0.example is in bl.example.net"]


def test_what_is_no_list_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="not the domain of a DNS list"):
        Listings(zone(), {"nonsense": 1.0}, {})


@pytest.mark.parametrize("address", ["192.0.2.66", "3221226050", "0xC0.0.2.0x42", "[2001:db8::1]"])
async def test_an_address_in_a_link_is_no_domain_to_ask_about(address: str) -> None:
    asked = zone()
    await hits(asked, case(octets(body=f"http://{address}/login")), domains={BLOCK: 3.0})
    assert asked.asked == ["example.com.bl.example.net"]
