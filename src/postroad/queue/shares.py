"""What part of the work each transport has: deliveries of its own, and turns of its own. Pure.

A hundred next hops that accept and never answer hold every delivery that SMTP may make, and none of
those that reach the mailboxes here; the two know nothing of each other's turns. Transports take
turns too, for whom to look first.
"""

from __future__ import annotations

from postroad.model import StoredRecipient
from postroad.queue.allowance import Allowances
from postroad.queue.line import Batch, Line
from postroad.queue.rotation import Rotation

__all__ = ["Share", "Shares"]


class Share:
    """A transport's part of the work.

    Attributes:
        limit: deliveries that may run.
        running: deliveries that were begun and have not ended.
        rotation: whose turn it is.
    """

    __slots__ = ("limit", "rotation", "running")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.rotation = Rotation()
        self.running = 0

    @property
    def may_begin(self) -> bool:
        """Whether a delivery may begin, if there is one."""
        return self.running < self.limit and self.rotation.ready


class Shares:
    """The parts of all transports that there was mail for."""

    __slots__ = ("_allowances", "_shares")

    def __init__(self, allowances: Allowances) -> None:
        """Without any.

        Args:
            allowances: what each transport may do.
        """
        self._allowances = allowances
        self._shares: dict[str, Share] = {}  # whoever had a turn goes to the end

    @property
    def ready(self) -> bool:
        """Whether `take` is worth a call."""
        for share in self._shares.values():  # noqa: SIM110 - asked for at every turn
            if share.may_begin:
                return True
        return False

    def of(self, transport: str) -> Share:
        """The part of a transport, which has one from now on."""
        share = self._shares.get(transport)
        if share is None:
            share = self._shares[transport] = Share(self._allowances.concurrency(transport))
        return share

    def replace(self, allowances: Allowances) -> None:
        """Go by other allowances; what runs and what waits stays."""
        self._allowances = allowances
        for transport, share in self._shares.items():
            share.limit = allowances.concurrency(transport)

    def take(self, now: float) -> tuple[Line, Batch, tuple[StoredRecipient, ...]] | None:
        """The delivery to begin now (seconds since the epoch), if any; it counts as running."""
        for transport, share in self._shares.items():
            if not share.may_begin:
                continue
            taken = share.rotation.take(now, share.limit - share.running)
            if taken is not None:
                share.running += 1
                if len(self._shares) > 1:
                    self._shares[transport] = self._shares.pop(transport)
                return taken
        return None
