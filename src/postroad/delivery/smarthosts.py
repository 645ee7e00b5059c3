"""In which order the hosts of one next hop are tried: by weight, and the dead ones last.

A next hop may name several hosts (`Nexthop.parse_list`). Those with weights that follow each other
are put in an order drawn by lot, each first as often as its weight says. One that gave no session
is put behind the others of its neighbours for a while, which doubles with each failure; it stays in
the order, for when all are dead one of them has to be the first to live again.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from itertools import accumulate, groupby
from typing import NamedTuple

from postroad.delivery.nexthop import Nexthop

__all__ = ["FIRST_PAUSE", "LONGEST_PAUSE", "Smarthosts"]

FIRST_PAUSE = 30.0
"""Seconds for which a host that failed is tried after its neighbours."""

LONGEST_PAUSE = 600.0

MAX_DEAD = 1000
"""Hosts that are remembered as dead; the oldest goes. Only hosts of lists are noted at all."""


class _Dead(NamedTuple):
    until: float
    pause: float


class Smarthosts:
    """Orders hosts, and remembers which failed. Belongs to one transport."""

    def __init__(
        self, now: Callable[[], float] = time.monotonic, chance: random.Random | None = None
    ) -> None:
        """All hosts are alive.

        Args:
            now: seconds of a clock that only goes on.
            chance: draws by weight.
        """
        self._now = now
        self._chance = chance or random.Random()  # noqa: S311 - spreads load, keeps no secret
        self._dead: dict[str, _Dead] = {}

    def order(self, parts: Sequence[Nexthop]) -> list[Nexthop]:
        """The parts of a next hop in the order to try them."""
        if len(parts) < 2:
            return list(parts)
        ordered: list[Nexthop] = []
        for weighted, neighbours in groupby(parts, key=lambda part: part.weight > 0):
            group = list(neighbours)
            ordered += self._drawn(group) if weighted else group
        if not self._dead:
            return ordered
        now = self._now()
        return sorted(ordered, key=lambda part: self._is_dead(part, now))

    def failed(self, part: Nexthop) -> None:
        """No session came about with a host that is one of several."""
        key, now = str(part), self._now()
        known = self._dead.pop(key, None)
        if known is not None and known.until > now:
            self._dead[key] = known  # others failed at the same time: one failure
            return
        pause = FIRST_PAUSE if known is None else min(known.pause * 2, LONGEST_PAUSE)
        if len(self._dead) >= MAX_DEAD:
            del self._dead[next(iter(self._dead))]
        self._dead[key] = _Dead(now + pause, pause)

    def worked(self, part: Nexthop) -> None:
        """A session came about."""
        if self._dead:
            self._dead.pop(str(part), None)

    def _is_dead(self, part: Nexthop, now: float) -> bool:
        known = self._dead.get(str(part))
        return known is not None and known.until > now

    def _drawn(self, group: list[Nexthop]) -> list[Nexthop]:
        """An order drawn by weight: each next place goes to one of those that are left."""
        drawn = []
        while len(group) > 1:
            at = self._chance.random() * sum(part.weight for part in group)
            sums = accumulate(part.weight for part in group)
            place = next((place for place, upto in enumerate(sums) if at < upto), 0)
            drawn.append(group.pop(place))
        return drawn + group
