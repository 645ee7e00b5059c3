"""The order of addresses: families take turns, and the lot decides the rest."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroad.delivery.addresses import arranged, is_private, of_family
from postroad.delivery.endpoint import Endpoint

FOUR = [f"192.0.2.{at}" for at in range(1, 5)]
SIX = [f"2001:db8::{at}" for at in range(1, 5)]
ADDRESSES = st.lists(st.sampled_from(FOUR + SIX), unique=True)
FAMILIES = st.sampled_from(["prefer_ipv4", "prefer_ipv6", "any"])


def endpoints(addresses: list[str]) -> list[Endpoint]:
    return [Endpoint("mx.example.net", each, 25) for each in addresses]


def is_six(endpoint: Endpoint) -> bool:
    return ":" in endpoint.address


@given(ADDRESSES, FAMILIES, st.integers())
def test_nothing_is_lost_and_families_take_turns(addresses, family, seed):
    ordered = arranged(endpoints(addresses), family, random.Random(seed))
    assert sorted(each.address for each in ordered) == sorted(addresses)
    fewer = min(sum(map(is_six, ordered)), sum(not is_six(each) for each in ordered))
    turns = ordered[: 2 * fewer]
    assert all(is_six(one) != is_six(next_) for one, next_ in pairwise(turns))


@pytest.mark.parametrize(("family", "six"), [("prefer_ipv4", False), ("prefer_ipv6", True)])
@pytest.mark.parametrize("seed", range(5))
def test_the_preferred_family_is_first(family, six, seed):
    ordered = arranged(endpoints(FOUR + SIX), family, random.Random(seed))
    assert is_six(ordered[0]) is six


def test_the_lot_decides_among_equals():
    firsts = {
        arranged(endpoints(FOUR + SIX), "any", random.Random(seed))[0].address
        for seed in range(100)
    }
    assert firsts == {*FOUR, *SIX}


@pytest.mark.parametrize(("family", "left"), [("ipv4", FOUR), ("ipv6", SIX), ("any", FOUR + SIX)])
def test_a_family_may_be_left_out(family, left):
    assert list(of_family(FOUR + SIX, family)) == left


@pytest.mark.parametrize(
    ("address", "private"),
    [
        ("127.0.0.1", True),
        ("10.1.2.3", True),
        ("169.254.1.1", True),
        ("100.64.0.1", True),
        ("0.0.0.0", True),
        ("::1", True),
        ("fe80::1%eth0", True),
        ("fd00::1", True),
        ("::ffff:10.0.0.1", True),
        ("193.0.14.129", False),
        ("2001:7fd::1", False),
    ],
)
def test_private_addresses(address, private):
    assert is_private(address) is private
