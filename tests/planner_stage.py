"""A planner driven by hand, and what comes back to it."""

from __future__ import annotations

from dataclasses import dataclass, field

from postroad.model import (
    Outcome,
    Reply,
    Report,
    Status,
    StoredMessage,
    StoredRecipient,
)
from postroad.queue.attempt import Attempt, Destination, Verdict
from postroad.queue.planner import Planner
from postroad.queue.settings import QueueSettings
from queue_mail import NOON, crowd, message

SENT = Reply.of(250, "2.0.0", "Ok")
LATER = Reply.of(450, "4.2.0", "try later")
BUSY = Reply.of(421, "4.3.2", "too many connections")
TIMED_OUT = Reply.of(451, "4.4.1", "connection timed out")
NEVER = Reply.of(550, "5.1.1", "no such user")
NET = Destination("smtp", "example.net")
DAY = 86_400.0


def report(attempt: Attempt, status: Status, reply: Reply, *, unreachable: bool = False) -> Report:
    outcomes = tuple(Outcome(each.id, status, reply, True) for each in attempt.recipients)
    return Report(outcomes, "mx[192.0.2.1]:25", unreachable=unreachable)


@dataclass
class Stage:
    """A planner, and the clock it is told."""

    settings: QueueSettings = field(default_factory=QueueSettings)
    now: float = NOON

    def __post_init__(self) -> None:
        self.planner = Planner(self.settings)

    def queue(
        self,
        mail: StoredMessage,
        to: tuple[StoredRecipient, ...],
        destination: Destination = NET,
        *,
        fresh: bool = False,
    ) -> list[Verdict]:
        admission = self.planner.admit(mail, to, self.now, fresh=fresh)
        assert admission is not None
        assert admission.recipients == to
        return self.planner.add(admission, to, destination, self.now)

    def admit(self, sender: str, size: int, *, fresh: bool = True) -> int:
        """How many of so many recipients are let in."""
        admission = self.planner.admit(message(sender), crowd(size), self.now, fresh=fresh)
        return len(admission.recipients) if admission else 0

    def begin(self) -> list[Attempt]:
        """All that may begin now."""
        return list(iter(lambda: self.planner.next(self.now), None))

    def sent(self, attempt: Attempt) -> list[Verdict]:
        return self.planner.finished(attempt, report(attempt, Status.SENT, SENT), self.now)

    def deferred(self, attempt: Attempt, reply: Reply = LATER) -> list[Verdict]:
        return self.planner.finished(attempt, report(attempt, Status.DEFERRED, reply), self.now)

    def unreachable(self, attempt: Attempt) -> list[Verdict]:
        dead = report(attempt, Status.DEFERRED, TIMED_OUT, unreachable=True)
        return self.planner.finished(attempt, dead, self.now)
