from __future__ import annotations

import random
from collections import Counter

from postroad.delivery.nexthop import Nexthop
from postroad.delivery.smarthosts import FIRST_PAUSE, Smarthosts

A, B, C = parts = Nexthop.parse_list("[a]*3,[b]*1,[c]")


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_the_first_is_drawn_by_weight():
    smarthosts = Smarthosts(Clock(), random.Random(1))
    first = Counter(str(smarthosts.order(parts)[0]) for _ in range(4000))
    assert first.keys() == {"[a]", "[b]"}
    assert 2850 < first["[a]"] < 3150


def test_the_order_is_the_written_one_without_weights():
    written = Nexthop.parse_list("[c],[b],[a]")
    assert Smarthosts(Clock()).order(written) == list(written)


def test_every_part_is_in_every_order():
    smarthosts = Smarthosts(Clock(), random.Random(2))
    for _ in range(50):
        assert set(smarthosts.order(parts)) == set(parts)
        assert smarthosts.order(parts)[-1] == C


def test_a_dead_one_comes_last_for_a_while_that_doubles():
    clock = Clock()
    smarthosts = Smarthosts(clock, random.Random(3))
    smarthosts.failed(A)
    smarthosts.failed(A)  # another message, at the same time: one failure
    assert smarthosts.order(parts) == [B, C, A]
    clock.now = FIRST_PAUSE
    assert smarthosts.order(parts)[-1] == C
    smarthosts.failed(A)
    clock.now += FIRST_PAUSE * 1.5
    assert smarthosts.order(parts)[-1] == A
    smarthosts.worked(A)
    assert smarthosts.order(parts)[-1] == C


def test_all_dead_ones_are_still_tried():
    smarthosts = Smarthosts(Clock(), random.Random(4))
    for part in parts:
        smarthosts.failed(part)
    assert set(smarthosts.order(parts)) == set(parts)
