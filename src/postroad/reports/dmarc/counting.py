"""What DMARC came to, counted in memory until it is written down; see `tally`.

`record` is called for each message that was evaluated. Only domains that ask for reports are
counted at all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from postroad.mailauth.dmarc.record import DmarcRecord
from postroad.mailauth.dmarc.recording import Evaluated
from postroad.model import Address
from postroad.reports import tally
from postroad.reports.arrival import key_of
from postroad.reports.day import day_of
from postroad.reports.dmarc.observation import Observation, observation

__all__ = ["Counting", "Counts"]

Counts = tally.Counts[Observation]

MOST_DETAILED = 5_000
"""Different messages in detail between two writings, some 10 MB; others are counted in short."""

MOST = 10_000
"""Different ones in all; what comes beyond is only counted as missed."""


class Counting:
    """Implements `DmarcRecorder`. Belongs to an event loop.

    Attributes:
        enabled: whether anything is counted.
    """

    def __init__(self, now: Callable[[], float], *, enabled: bool = False) -> None:
        """Nothing is counted yet.

        Args:
            now: seconds since the epoch.
            enabled: whether anything is to be.
        """
        self.enabled = enabled
        self._now = now
        self._left_out: frozenset[str] = frozenset()
        self._inboxes: frozenset[str] = frozenset()
        self._tally: tally.Tally[Observation] = tally.Tally(MOST_DETAILED, MOST)

    def leave_out(self, domains: Sequence[str], inboxes: Sequence[str]) -> None:
        """Count nothing of these from now on.

        Args:
            domains: domains in A-labels and lower case; names below them belong to them.
            inboxes: addresses that reports come to: a report about reports would bring the next.
        """
        self._left_out = frozenset(domains)
        self._inboxes = frozenset(filter(None, map(key_of, inboxes)))

    def wants(self, recipients: Sequence[Address]) -> bool:
        """See `DmarcRecorder.wants`."""
        if not self.enabled:
            return False
        inboxes = self._inboxes
        return not inboxes or not any(each.key in inboxes for each in recipients)

    def record(self, evaluated: Evaluated) -> None:
        """See `DmarcRecorder.record`."""
        if not self.enabled or not _asks(evaluated.record) or self._is_left_out(evaluated):
            return
        seen = observation(evaluated)
        if seen is not None:
            self._tally.count(day_of(self._now()), seen)

    def take(self) -> tuple[Counts, int]:
        """See `Tally.take`."""
        return self._tally.take()

    def _is_left_out(self, evaluated: Evaluated) -> bool:
        return bool(self._left_out) and any(
            name in self._left_out
            for domain in (evaluated.policy_domain, evaluated.header_from)
            for name in _above(domain)
        )


def _asks(record: DmarcRecord) -> bool:
    """Whether a domain asks for reports that this server sends: by mail."""
    return any(uri[:7].lower() == "mailto:" for uri in record.reports)


def _above(domain: str) -> Sequence[str]:
    """A name, and all that it is below of."""
    labels = domain.split(".")
    return [".".join(labels[at:]) for at in range(len(labels))]
