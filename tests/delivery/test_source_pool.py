from __future__ import annotations

import socket
from collections import Counter

import pytest

from postroad.delivery.source_pool import NO_SOURCE, SourcePool, read_source
from postroad.delivery.sources import Source

FOUR, SIX = socket.AF_INET, socket.AF_INET6
POOL = [
    Source("192.0.2.1", "a.example.org"),
    Source("192.0.2.2", "b.example.org"),
    Source("192.0.2.3", ""),
    Source("2001:db8::1", "six.example.org"),
]


class Rationed:
    """Lets nothing through from some addresses."""

    def __init__(self, *used_up: str, waiting: bool = False) -> None:
        self.used_up = used_up
        self.waiting = waiting

    async def admits(self, address: str, host: str) -> bool:
        return address not in self.used_up

    def waits(self, address: str) -> bool:
        return self.waiting and address in self.used_up

    async def begin(self, source, host) -> bool:
        return source.address not in self.used_up

    def ended(self, source, host, reply) -> None:
        raise AssertionError("nothing was sent")


async def test_a_next_hop_is_reached_from_one_address_always():
    pool = SourcePool(POOL)
    for nexthop in ("a.example", "b.example", "[c]:587"):
        assert len({await pool.choose(nexthop, FOUR) for _ in range(20)}) == 1


async def test_next_hops_are_spread_over_all():
    pool = SourcePool(POOL)
    used = Counter([(await pool.choose(f"{n}.example", FOUR)).address for n in range(3000)])
    assert used.keys() == {"192.0.2.1", "192.0.2.2", "192.0.2.3"}
    assert min(used.values()) > 900


async def test_an_address_that_leaves_moves_no_other_next_hop():
    before, after = SourcePool(POOL), SourcePool(POOL[:2])
    for n in range(300):
        chosen = await before.choose(f"{n}.example", FOUR)
        if chosen.address != "192.0.2.3":
            assert await after.choose(f"{n}.example", FOUR) == chosen


async def test_turns():
    pool = SourcePool(POOL, round_robin=True)
    addresses = [(await pool.choose("a.example", FOUR)).address for _ in range(6)]
    assert addresses == ["192.0.2.1", "192.0.2.2", "192.0.2.3"] * 2


async def test_families_and_names():
    pool = SourcePool(POOL, helo="usual.example.org")
    assert await pool.choose("x", SIX) == POOL[3]
    named = {(await pool.choose(f"{n}.example", FOUR)).helo for n in range(100)}
    assert named == {"a.example.org", "b.example.org", "usual.example.org"}
    assert await SourcePool(POOL[:1]).choose("x", SIX) is None
    assert await SourcePool(POOL[:1], helo="h.example").choose("x", SIX) == Source("", "h.example")


async def test_what_is_used_up_leaves_the_pool_or_makes_mail_wait():
    first = await SourcePool(POOL).choose("x.example", FOUR)
    others = await SourcePool(POOL, rations=Rationed(first.address)).choose("x.example", FOUR)
    assert isinstance(others, Source)
    assert others != first
    waiting = SourcePool(POOL, rations=Rationed(first.address, waiting=True))
    assert await waiting.choose("x.example", FOUR) is NO_SOURCE
    nothing = SourcePool(POOL, rations=Rationed(*(each.address for each in POOL)))
    assert await nothing.choose("x.example", FOUR) is NO_SOURCE
    assert not await nothing.begin(first, "x.example")


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("192.0.2.1", Source("192.0.2.1", "")),
        ("192.0.2.1  mx.example.org", Source("192.0.2.1", "mx.example.org")),
        ("2001:DB8:0::1 mx.example.org", Source("2001:db8::1", "mx.example.org")),
    ],
)
def test_spellings(text, source):
    assert read_source(text) == source


@pytest.mark.parametrize(
    "text", ["", "mx.example.org", "192.0.2.1 mx", "0.0.0.0", "224.0.0.1", "::"]
)
def test_misspellings(text):
    with pytest.raises(ValueError, match=r"\w"):
        read_source(text)
