"""The gate for next hops that only say whose hosts take their mail. Pure.

A site is the name of a mail host, and anybody may write any name into the MX records of a domain of
theirs. If that alone counted, a stranger's domain with a host of a provider's first, which there is
not, and a host of its own next, which never answers, would hold every delivery to the provider. So
a next hop is a *stranger* to its site until a host of that site has answered a delivery to it, or
unless its own name is in the site. Strangers pass here: they are counted in the site like all
others, and of its places they have no more than half together. Where it turns out that another
host takes the mail, the next hop leaves the site; `Lines` remembers that.
"""

from __future__ import annotations

from postroad.model.address import belongs_to
from postroad.queue.allowance import Allowance
from postroad.queue.attempt import Destination
from postroad.queue.gate import Gate

__all__ = ["Annex", "is_at_home", "is_within"]


class Annex(Gate):
    """A gate whose window, rate and places are those of another one, its `main`."""

    __slots__ = ("main",)

    def __init__(self, main: Gate) -> None:
        """Beside the gate of a site."""
        super().__init__(main.group, main.allowance, main.timetable, None)
        self.main = main
        self.window = main.window

    @property
    def kin(self) -> tuple[Gate, ...]:
        """The gates that may let something pass when one ended here; the other one comes first."""
        return self.main, self

    @property
    def free(self) -> int:
        """Deliveries that may begin now and are promised to nobody."""
        return min(self._most - self.running - self.reserved, self.main.room)

    @property
    def is_idle(self) -> bool:
        """Whether it need not be kept."""
        return not self.lines

    @property
    def _most(self) -> int:
        return (self.window.limit + 1) // 2

    def begin(self, now: float) -> bool:
        """Whether one more delivery may begin; if so, it has begun (seconds since the epoch)."""
        if self.running >= self._most or self.main.running >= self.window.limit:
            return False
        if not self.main.begin(now):
            return False
        self.running += 1
        return True

    def end(self, now: float) -> None:
        """A delivery ended, whatever came of it."""
        self.running -= 1
        self.main.end(now)

    def eased(self) -> None:
        """A delivery was answered as it should be: more may run."""
        self.main.eased()

    def strained(self, *, began: int, ordered: int, now: float) -> None:
        """The hosts said that they get too much."""
        self.main.strained(began=began, ordered=ordered, now=now)

    def retire(self) -> None:
        """Nobody need wait for a place here; nor there, if that is all who did."""
        if not self.main.waiting:
            self.main.retire()

    def take(self, allowance: Allowance) -> None:
        """Go by another allowance; the rest is the main gate's."""
        self.allowance = allowance

    def adopt(self, count: int) -> None:
        """So many running deliveries pass here from now on."""
        self.running += count
        self.main.adopt(count)

    def release(self, count: int) -> None:
        """So many running deliveries pass elsewhere from now on."""
        self.running -= count
        self.main.release(count)


def is_at_home(destination: Destination) -> bool:
    """Whether nobody but the site's owner, or an operator here, can have said that it is there."""
    name, site = destination.nexthop.lower(), destination.site
    return "[" in name or belongs_to(name, site)


def is_within(relay: str, site: str) -> bool:
    """Whether a relay, as logs show it (`mx.example.net[192.0.2.1]:25`), is a host of the site."""
    host, _, address = relay.lower().rstrip(".").partition("[")
    return belongs_to(host, site) or address.partition("]")[0] == site
