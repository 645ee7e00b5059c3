"""Who may hold up whom: domains that name a provider's hosts, senders, sections, reloads."""

from __future__ import annotations

from collections import Counter

import pytest

from postroad.model import Outcome, Reply, Report, Status
from postroad.queue.allowance import Allowances
from postroad.queue.annex import is_at_home, is_within
from postroad.queue.attempt import Attempt, Destination
from postroad.queue.feedback import Feedback, feedback
from postroad.queue.planner import Planner
from postroad.queue.postponement import CROWDED
from postroad.queue.settings import DestinationSettings, QueueSettings
from queue_mail import NOON, crowd, message

BIG = Destination("smtp", "big.test", "big.test")
EVIL = Destination("smtp", "evil.test", "big.test")
OK = Reply.of(250, "2.0.0", "Ok")
BUSY = Reply.of(421, "4.3.2", "too busy")
AT_BIG, AT_EVIL = "mx.big.test[192.0.2.1]:25", "mx.evil.test[192.0.2.9]:25"
Sections = dict[str, DestinationSettings]


class Counts:
    """What all workers count, of which there is one."""

    def __init__(self) -> None:
        self.held: Counter[str] = Counter()

    def enter(self, name: str) -> int:
        self.held[name] += 1
        return self.held[name]

    def leave(self, name: str) -> None:
        self.held[name] -= 1

    def spent(self, name: str, rate: object, now: float) -> int:
        return 0

    def spend(self, name: str, rate: object, now: float) -> None:
        pass


class Stage:
    def __init__(self, sections: Sections | None = None, **settings: object) -> None:
        self.settings = QueueSettings(**settings)
        self.counts = Counts()
        allowances = Allowances(self.settings, sections)
        self.planner = Planner(self.settings, allowances, self.counts)
        self.now = NOON

    def queue(self, to: Destination, count: int = 1, sender: str = "") -> None:
        for number in range(count):
            mail = message(sender or f"{to.nexthop}{number}@example.org")
            admission = self.planner.admit(mail, crowd(1), self.now, fresh=True)
            assert admission is not None
            assert not self.planner.add(admission, admission.recipients, to, self.now)

    def begin(self) -> list[Attempt]:
        return list(iter(lambda: self.planner.next(self.now), None))

    def end(self, attempt: Attempt, relay: str, reply: Reply = OK, *, peer: bool = True) -> None:
        status = Status.SENT if reply is OK else Status.DEFERRED
        outcomes = tuple(Outcome(each.id, status, reply, peer) for each in attempt.recipients)
        self.planner.finished(attempt, Report(outcomes, relay), self.now)

    def reload(self, sections: Sections, **settings: object) -> None:
        self.settings = QueueSettings(**settings)
        self.planner.replace(self.settings, Allowances(self.settings, sections))

    def begun_in(self, seconds: float) -> int:
        """Deliveries that begin in a time, if each ends at once."""
        begun, end = 0, self.now + seconds
        while self.now < end:
            while attempts := self.begin():
                begun += len(attempts)
                for attempt in attempts:
                    self.end(attempt, AT_BIG)
            self.now += 0.05
        return begun


class TestStrangers:
    def test_a_stranger_that_stalls_leaves_places_to_the_site(self):
        stage = Stage()
        stage.queue(EVIL, 60)
        assert len(stage.begin()) == 3, "half of the five that the site has"
        stage.queue(BIG, 9)
        assert [each.destination for each in stage.begin()] == [BIG] * 2

    def test_with_one_place_a_stranger_does_not_hold_it(self):
        stage = Stage(destination_concurrency=1)
        stage.queue(EVIL, 9)
        assert len(stage.begin()) == 1
        stage.queue(BIG, 9)
        assert [each.destination for each in stage.begin()] == [BIG]

    def test_strangers_get_places_where_the_site_is_busy(self):
        stage = Stage(destination_concurrency=4)
        stage.queue(BIG, 99)
        running = stage.begin()
        stage.queue(EVIL, 9)
        seen = Counter()
        for _ in range(20):
            stage.end(running.pop(0), AT_BIG)
            begun = stage.begin()
            seen.update(each.destination for each in begun)
            running += [each for each in begun if each.destination == BIG]
            assert len(running) + seen[EVIL] <= 4
            if not running:
                break
        assert seen[EVIL] == 2
        assert seen[BIG] > 10

    def test_what_another_host_says_is_not_held_against_the_site(self):
        stage = Stage(initial_concurrency=20)
        stage.queue(EVIL, 9)
        for attempt in stage.begin():
            stage.end(attempt, AT_EVIL, BUSY)
        stage.queue(BIG, 30)
        assert sum(each.destination == BIG for each in stage.begin()) == 20

    def test_who_left_the_site_is_known_when_its_mail_comes_again(self):
        stage = Stage()
        stage.queue(EVIL)
        stage.end(stage.begin()[0], AT_EVIL)
        stage.queue(EVIL, 9)
        assert len(stage.begin()) == 5, "a window of its own"
        stage.queue(BIG, 9)
        assert len(stage.begin()) == 5

    def test_who_was_answered_there_is_at_home(self):
        stage = Stage()
        customer = Destination("smtp", "customer.test", "big.test")
        stage.queue(customer, 9)
        attempts = stage.begin()
        assert len(attempts) == 3
        stage.end(attempts[0], AT_BIG)
        assert len(stage.begin()) == 4, "six places, two of them taken"

    def test_a_host_that_says_nothing_proves_nothing(self):
        stage = Stage()
        stage.queue(EVIL, 9)
        stage.end(stage.begin()[0], AT_BIG, BUSY, peer=False)
        assert len(stage.begin()) == 1

    @pytest.mark.parametrize(("peer", "most"), [(False, 6), (True, 3)])
    def test_a_name_that_nobody_answers_at_is_not_held_against_the_site(self, peer, most):
        stage = Stage()
        stage.queue(BIG, 2)
        one, other = stage.begin()
        stage.end(one, AT_BIG)
        outcome = Outcome(other.recipients[0].id, Status.DEFERRED, BUSY, peer)
        said = Report((outcome,), "www.big.test[192.0.2.7]:25", unreachable=True)
        line = stage.planner._lines[BIG]
        stage.planner.finished(other, said, stage.now)
        assert line.gate.window.limit == most

    def test_nothing_is_left_behind(self):
        stage = Stage({"site:big.test": DestinationSettings(concurrency=6)})
        stage.queue(EVIL, 9)
        stage.queue(BIG, 9)
        while attempts := stage.begin():
            for attempt in attempts:
                stage.end(attempt, AT_EVIL if attempt.destination == EVIL else AT_BIG)
        assert not stage.planner._lines.gates
        assert not +stage.counts.held

    @pytest.mark.parametrize(
        ("relay", "within"),
        [
            (AT_BIG, True),
            ("BIG.test[192.0.2.1]:25", True),
            ("mx.notbig.test[192.0.2.1]:25", False),
            (AT_EVIL, False),
        ],
    )
    def test_whose_host_it_is(self, relay: str, within: bool) -> None:
        assert is_within(relay, "big.test") is within

    def test_addresses_are_their_own_sites(self):
        assert is_within("unknown[192.0.2.1]:25", "192.0.2.1")
        assert is_at_home(Destination("smtp", "[192.0.2.1]:25", "192.0.2.1"))
        assert not is_at_home(EVIL)


class TestSenders:
    def test_no_sender_holds_every_place(self):
        stage = Stage()
        for number in range(120):
            stage.queue(Destination("smtp", f"d{number}.test"), sender="evil@example.org")
        assert len(stage.begin()) == 80
        stage.queue(Destination("smtp", "good.test"), sender="b@example.org")
        assert [each.destination.nexthop for each in stage.begin()] == ["good.test"]

    def test_one_that_is_held_up_goes_on_when_a_delivery_ends(self):
        stage = Stage(concurrency=10)
        for number in range(40):
            stage.queue(Destination("smtp", f"d{number}.test"), sender="a@example.org")
        running, done = stage.begin(), 0
        while running:
            stage.end(running.pop(0), "mx[192.0.2.1]:25")
            done += 1
            running += stage.begin()
        assert done == 40

    def test_what_was_promised_to_it_others_may_use(self):
        stage = Stage(concurrency=10, destination_concurrency=1)
        shared = Destination("smtp", "shared.test")
        stage.queue(shared, sender="b@example.org")
        first = stage.begin()[0]
        stage.queue(shared, sender="evil@example.org")
        stage.queue(shared, sender="c@example.org")
        for number in range(40):
            stage.queue(Destination("smtp", f"d{number}.test"), sender="evil@example.org")
        stage.begin()
        stage.end(first, "mx[192.0.2.1]:25")
        stage.begin()
        running = stage.planner._lines[shared].running
        assert running == 1


class TestSections:
    ONE = {  # noqa: RUF012 - read only
        "b.test": DestinationSettings(
            messages_per_connection=3, recipients_per_delivery=1, retry=(7.0,), priority=5
        )
    }

    @pytest.mark.parametrize("order", [("a.test", "b.test"), ("b.test", "a.test")])
    def test_a_domain_s_keys_are_its_own_whoever_shares_its_site(self, order):
        planner = Planner(QueueSettings(), Allowances(QueueSettings(), self.ONE))
        lines = {name: planner._lines.of(Destination("smtp", name, "hosts.test")) for name in order}
        assert lines["a.test"].gate is lines["b.test"].gate
        said = {name: line.allowance for name, line in lines.items()}
        assert (said["b.test"].messages_per_connection, said["b.test"].recipients) == (3, 1)
        assert (said["b.test"].priority, said["a.test"].priority) == (5, 0)
        assert said["a.test"].messages_per_connection is None
        assert said["a.test"].schedule is not said["b.test"].schedule

    def test_the_attempt_goes_by_them(self):
        stage = Stage(self.ONE)
        for name in ("a.test", "b.test"):
            stage.queue(Destination("smtp", name, "hosts.test"))
        said = {each.destination.nexthop: each.messages_per_connection for each in stage.begin()}
        assert said == {"a.test": None, "b.test": 3}

    def test_a_domain_with_a_window_of_its_own_does_not_lend_it(self):
        sections = {
            ".up.test": DestinationSettings(concurrency=3),
            "a.up.test": DestinationSettings(priority=4),
            "site:hosts.test": DestinationSettings(initial_concurrency=2),
        }
        allowances = Allowances(QueueSettings(), sections)
        one = allowances.together(Destination("smtp", "a.up.test", "hosts.test"))
        other = allowances.together(Destination("smtp", "b.up.test", "other.test"))
        assert one == other
        assert one[1].concurrency == 3


class TestReload:
    SLOW = {"slow.test": DestinationSettings(rate="60/min")}  # noqa: RUF012 - read only
    TO = Destination("smtp", "slow.test", "hosts.test")

    @pytest.mark.parametrize(
        ("before", "after", "fewest", "most"), [({}, SLOW, 9, 12), (SLOW, {}, 100, 100)]
    )
    def test_a_rate_holds_and_is_lifted_where_mail_waits(self, before, after, fewest, most):
        stage = Stage(before)
        stage.queue(self.TO, 100)
        stage.reload(after)
        assert fewest <= stage.begun_in(10) <= most

    def test_a_rate_of_the_same_gate_is_lifted_at_once(self):
        to = Destination("smtp", "slow.test")
        stage = Stage({"transport:smtp": DestinationSettings(rate="1/h")})
        stage.queue(to, 5)
        assert len(stage.begin()) == 1
        stage.reload({})
        assert len(stage.begin()) == 4

    @pytest.mark.parametrize("other", [{}, {"slow.test": DestinationSettings(concurrency=2)}])
    def test_what_runs_is_counted_where_it_is_now(self, other):
        limited = {"slow.test": DestinationSettings(concurrency=4)}
        stage = Stage(limited)
        stage.queue(self.TO, 20)
        running = stage.begin()
        assert len(running) == 4
        stage.reload(other)
        assert not stage.begin()
        while running:
            stage.end(running.pop(), "mx.hosts.test[192.0.2.1]:25")
            running += stage.begin()
        assert not +stage.counts.held
        assert not stage.planner._lines.gates

    def test_a_transport_s_places(self):
        stage = Stage(concurrency=2)
        for number in range(9):
            stage.queue(Destination("smtp", f"d{number}.test"))
        assert len(stage.begin()) == 2
        stage.reload({}, concurrency=6)
        assert len(stage.begin()) == 4


def test_a_window_that_others_share_is_not_forgotten_when_one_comes_back_to_life():
    stage = Stage(initial_concurrency=8)
    stage.queue(BIG, 40)
    for attempt in stage.begin()[:1]:
        stage.end(attempt, AT_BIG, BUSY)
    window = stage.planner._lines[BIG].gate.window
    assert window.limit == 4
    other = Destination("smtp", "mail.big.test", "big.test")
    stage.queue(other)
    line = stage.planner._lines[other]
    line.liveness.unanswered(
        BUSY, line.allowance.schedule, NOON, began=0, ordered=99, allowed=window.limit
    )
    line.liveness.retry_at = NOON
    stage.planner._answered(line, None, Report((), AT_BIG), NOON)  # type: ignore[arg-type]
    assert window.limit == 4


def test_a_gate_that_goes_does_not_let_others_wait_for_it():
    stage = Stage({"big.test": DestinationSettings(concurrency=1)})
    stage.counts.enter("smtp/big.test/")  # another worker has the place
    stage.queue(BIG)
    assert not stage.begin()
    assert stage.counts.held["smtp/big.test/?"] == 1
    line = stage.planner._lines[BIG]
    stage.planner._shares.of("smtp").rotation.empty(line)
    stage.now += 1
    line.gate.open(stage.now)
    stage.planner._lines.let_go(line)
    assert stage.counts.held["smtp/big.test/?"] == 0


def test_want_of_room_never_ends_mail():
    schedule = Allowances(QueueSettings()).default.judgement
    old = message(arrived=NOON - 60 * 86_400.0, queued=NOON - 60 * 86_400.0)
    verdict = schedule.sent_back(old, crowd(1)[0], CROWDED, NOON + 1, NOON)
    assert verdict.status is Status.DEFERRED


def test_old_mail_is_not_returned_for_want_of_room():
    stage = Stage(active_limit=600)
    then, said = NOON - 60 * 86_400.0, []
    for number in range(30):
        old = message(f"s{number}@example.org", arrived=then, queued=then)
        admission = stage.planner.admit(old, crowd(40), NOON, fresh=False)
        if admission is not None:
            said += stage.planner.add(admission, admission.recipients, BIG, NOON)
    assert said
    assert all(verdict.status is Status.DEFERRED for verdict in said)


@pytest.mark.parametrize(("peer", "said"), [(True, Feedback.LESS), (False, Feedback.SAME)])
def test_a_fault_of_ours_says_nothing_of_the_destination(peer: bool, said: Feedback) -> None:
    fault = Reply.of(451, "4.3.0", "the message cannot be read")
    report = Report((Outcome(1, Status.DEFERRED, fault, from_peer=peer),), AT_BIG)
    assert feedback(report) is said
