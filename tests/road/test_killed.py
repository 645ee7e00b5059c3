"""`kill -9` while mail comes and goes: nothing that was acknowledged is missing.

A short campaign, with a next hop that often defers and loses connections. `bench/campaign.py` is
the long one, and docs/durability.md has its figures.
"""

from __future__ import annotations

import pytest

from peers.campaign import Campaign, Plan

pytestmark = pytest.mark.peer


@pytest.mark.parametrize(
    "plan", [Plan(kills=10, pause=0.8, trouble=0.2, seed=3)], ids=["ten kills"]
)
def test_nothing_acknowledged_is_missing(plan: Plan) -> None:
    figures = Campaign(plan).run()
    assert figures.lost == []
    assert figures.damaged == []
    assert figures.acknowledged > 20
    assert figures.kills.total() == plan.kills
    assert len(figures.kills) > 1  # workers, and a supervisor
