"""Whoever is admitted leaves once, whatever is done with it: what the planner counts adds up.

One that left twice would let too much mail into memory, and one that never left would close the
door for ever.
"""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from planner_stage import LATER, SENT, TIMED_OUT, report
from postroad.model import Status, StoredRecipient
from postroad.queue.allowance import Allowances
from postroad.queue.attempt import Admission, Attempt, Destination, Verdict
from postroad.queue.planner import Planner
from postroad.queue.settings import DestinationSettings, QueueSettings
from queue_mail import NOON, crowd, message

DAY = 86_400.0
SMALL = QueueSettings(active_limit=500, recipients_per_delivery=7, concurrency=4)
LARGE = QueueSettings(active_limit=800, recipients_per_delivery=7, concurrency=9)
SLOW = {"slow.example": DestinationSettings(rate="1/s")}
DESTINATIONS = [Destination("smtp", f"d{at}.example", at // 2 * "site.test") for at in range(3)]
DESTINATIONS.append(Destination("smtp", "slow.example"))

ANSWERS = {
    "sent": (Status.SENT, SENT, False),
    "deferred": (Status.DEFERRED, LATER, False),
    "unreachable": (Status.DEFERRED, TIMED_OUT, True),
}

Recipients = tuple[StoredRecipient, ...]


class Departures(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.now = NOON
        self.settings = SMALL
        self.planner = Planner(SMALL, Allowances(SMALL, SLOW))
        self.inside: set[int] = set()
        self.entering: list[Admission] = []
        self.running: list[Attempt] = []

    @rule(who=st.integers(0, 3), size=st.sampled_from([1, 5, 40, 200]), fresh=st.booleans())
    def comes(self, who: int, size: int, fresh: bool) -> None:
        mail, everybody = message(f"s{who}@example.org"), crowd(size)
        admission = self.planner.admit(mail, everybody, self.now, fresh=fresh)
        admitted = admission.recipients if admission is not None else ()
        if admission is not None:
            self.entering.append(admission)
            self.inside.update(each.id for each in admitted)
        if rest := len(everybody) - len(admitted):
            assert self.planner.back_at(mail, rest, self.now) > self.now

    @precondition(lambda self: self.entering)
    @rule(
        how=st.sampled_from(["defer", "expire", "dismiss", "report"]),
        share=st.sampled_from([0.0, 0.0, 0.5, 1.0]),
        to=st.sampled_from(DESTINATIONS),
    )
    def enters(self, how: str, share: float, to: Destination) -> None:
        admission = self.entering.pop(0)
        at = round(len(admission.recipients) * share)
        first, rest = admission.recipients[:at], admission.recipients[at:]
        if first:
            self.does_not_enter(how, admission, first)
        if rest:
            self.leave(self.planner.add(admission, rest, to, self.now))

    @rule()
    def begins(self) -> None:
        while (attempt := self.planner.next(self.now)) is not None:
            self.running.append(attempt)

    @precondition(lambda self: self.running)
    @rule(
        how=st.sampled_from([*ANSWERS, "withdraw", "put off", "forgo"]),
        which=st.integers(0, 99),
        unwanted=st.integers(0, 2),
    )
    def ends(self, how: str, which: int, unwanted: int) -> None:
        attempt = self.running.pop(which % len(self.running))
        everybody = attempt.recipients
        at = len(everybody) if how == "forgo" else min(unwanted, len(everybody) - 1)
        if at:
            self.does_not_enter("dismiss", attempt.admission, everybody[:at])
        attempt = attempt._replace(recipients=everybody[at:])
        match how:
            case "forgo":
                self.planner.forgo(attempt, self.now)
            case "withdraw":
                self.leave(self.planner.withdraw(attempt, self.now))
            case "put off":
                self.leave(self.planner.put_off(attempt, LATER, self.now))
            case _:
                status, reply, away = ANSWERS[how]
                said = report(attempt, status, reply, unreachable=away)
                self.leave(self.planner.finished(attempt, said, self.now))

    @rule(to=st.sampled_from(DESTINATIONS))
    def falls_silent(self, to: Destination) -> None:
        """All that runs there ends so, and the mail behind it is suspended."""
        self.begins()
        for at in reversed(range(len(self.running))):
            if self.running[at].destination == to:
                self.ends("unreachable", at, 0)

    @rule(seconds=st.sampled_from([0.5, 2.0, 700.0, DAY]))
    def time_goes_by(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def everything_is_to_be_tried(self) -> None:
        self.planner.flush()

    @rule(large=st.booleans())
    def settings_change(self, large: bool) -> None:
        self.settings = LARGE if large else SMALL
        self.planner.replace(self.settings, Allowances(self.settings, SLOW))

    @invariant()
    def who_is_in_memory_has_no_verdict(self) -> None:
        assert self.planner.active == len(self.inside)

    def teardown(self) -> None:
        """Let all go on, and see that nobody is left."""
        self.planner.flush()
        while self.entering:
            self.enters("defer", 0.0, DESTINATIONS[0])
        for _ in range(1000):
            self.begins()
            if not self.running:
                break
            while self.running:
                self.ends("sent", 0, 0)
            self.now += 2.0
        assert not self.inside
        empty = Planner(self.settings)
        assert (self.planner.active, self.planner.room) == (0, empty.room)
        newcomers = crowd(1000)
        taken = [
            each.admit(message("new@example.org"), newcomers, self.now, fresh=True)
            for each in (self.planner, empty)
        ]
        assert len({len(each.recipients) for each in taken if each is not None}) == 1

    def does_not_enter(self, how: str, admission: Admission, who: Recipients) -> None:
        match how:
            case "defer":
                self.leave(self.planner.defer(admission, who, LATER, self.now))
            case "expire":
                self.leave(self.planner.expire(admission, who, self.now))
            case "report":
                self.leave(self.planner.report(admission, who, self.now))
            case _:
                self.planner.dismiss(admission, who, self.now)
                self.inside -= {each.id for each in who}

    def leave(self, verdicts: Sequence[Verdict]) -> None:
        for verdict in verdicts:
            self.inside.remove(verdict.recipient.id)


TestDepartures = Departures.TestCase
TestDepartures.settings = settings(
    max_examples=40, stateful_step_count=60, deadline=None, derandomize=True
)
