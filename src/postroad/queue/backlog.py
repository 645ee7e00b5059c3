"""When mail is to come back for which there is no room, though nothing is wrong with it. Pure.

A destination that takes one message a second and gets a hundred thousand would fill memory, and
keep out the mail for all the others that are as quick as ever; and so would a sender with as many
recipients. So no more is in memory of one destination or sender than its share; what goes beyond it
returns to the spool, each recipient with a time of its own. The times follow each other twice as
fast as mail has been leaving: so there is always some to take, also if it goes faster from now on,
and most is sent back only once.
"""

from __future__ import annotations

__all__ = ["Backlog", "Crowds"]

_SPAN = 1.0  # seconds over which the flow is measured, at least
_GUESS = 1000.0  # recipients a second, before anything was measured: too soon does less harm
_HASTE = 2.0  # so many times the flow
_SOONEST = 0.5  # seconds; sooner, it would only be sent back again
_LATEST = 1800.0  # seconds; a destination that has become faster is not waited for any longer


_MOST_CROWDS = 10_000  # senders with more than their share, of whom it is remembered


class Backlog:
    """The times at which the mail of one sender, or for one destination, comes back."""

    __slots__ = ("_counted", "_end", "_flow", "_since")

    def __init__(self) -> None:
        self._flow = _GUESS
        self._counted = 0
        self._since = 0.0
        self._end = 0.0

    def left(self, count: int, now: float) -> None:
        """So many recipients are out of memory; time is in seconds since the epoch."""
        self._counted += count
        passed = now - self._since
        if passed >= _SPAN:
            self._flow = self._counted / passed
            self._counted, self._since = 0, now

    def is_over(self, now: float) -> bool:
        """Whether all that was sent back has come due again."""
        return now >= self._end

    def back_at(self, count: int, waiting: int, now: float) -> float:
        """When recipients that were sent back are to return, seconds since the epoch.

        Args:
            count: how many there are.
            waiting: recipients that wait in memory, and come before them.
            now: seconds since the epoch.
        """
        if self.is_over(now):  # mail was flowing freely, and no flow was measured
            self._flow, self._counted, self._since = _GUESS, 0, now
        flow = max(self._flow, 1 / _LATEST) * _HASTE
        start = max(self._end, now + max(waiting / flow, _SOONEST))
        at = min(start, now + _LATEST)
        self._end = at + count / flow
        return at


class Crowds:
    """The backlogs of senders that have more than their share in memory."""

    __slots__ = ("_backlogs",)

    def __init__(self) -> None:
        self._backlogs: dict[str, Backlog] = {}

    def __bool__(self) -> bool:
        """Whether `left` is worth a call."""
        return bool(self._backlogs)

    def left(self, sender: str, count: int, now: float) -> None:
        """So many recipients of a sender are out of memory; when all are due, it is forgotten."""
        backlog = self._backlogs.get(sender)
        if backlog is not None:
            backlog.left(count, now)
            if backlog.is_over(now):
                del self._backlogs[sender]

    def back_at(self, sender: str, count: int, held: int, now: float) -> float:
        """See `Backlog.back_at`; `held`: how many of the sender are in memory."""
        backlog = self._backlogs.get(sender)
        if backlog is None:
            if len(self._backlogs) >= _MOST_CROWDS:
                del self._backlogs[next(iter(self._backlogs))]
            backlog = self._backlogs[sender] = Backlog()
        return backlog.back_at(count, held, now)
