"""The planner, driven by hand: every time is an argument, every decision a return value."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

import pytest

from postroad.model import (
    ByMode,
    DeliverBy,
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
from queue_mail import NOON, crowd, message, recipients

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


class TestCombining:
    @pytest.mark.parametrize(
        ("size", "most", "expected"),
        [(1, 50, [1]), (50, 50, [50]), (120, 50, [50, 50, 20]), (7, 0, [7]), (3, 1, [1, 1, 1])],
    )
    def test_recipients_of_one_message_share_a_delivery(self, size, most, expected):
        stage = Stage(QueueSettings(recipients_per_delivery=most))
        to = crowd(size)
        stage.queue(message(), to)

        attempts = stage.begin()

        assert expected == [len(attempt.recipients) for attempt in attempts]
        assert to == sum((attempt.recipients for attempt in attempts), ())

    def test_messages_do_not_mix(self):
        stage = Stage()
        first, second = message(), message()
        stage.queue(first, crowd(2))
        stage.queue(second, crowd(3))

        attempts = stage.begin()

        assert [(first, 2), (second, 3)] == [(a.message, len(a.recipients)) for a in attempts]

    def test_destinations_do_not_mix(self):
        stage = Stage()
        mail = message()
        for destination in (NET, Destination("smtp", "example.com"), Destination("local", "")):
            stage.queue(mail, crowd(1), destination)

        assert len({attempt.destination for attempt in stage.begin()}) == 3


class TestVerdicts:
    def test_each_recipient_has_its_own(self):
        stage = Stage()
        mail, to = message(), crowd(4)
        stage.queue(mail, to)
        [attempt] = stage.begin()
        outcomes = (
            Outcome(to[2].id, Status.BOUNCED, NEVER, True),
            Outcome(to[0].id, Status.SENT, SENT, True),
            Outcome(to[1].id, Status.DEFERRED, LATER),
            Outcome(999_999, Status.SENT, SENT),
        )

        verdicts = stage.planner.finished(attempt, Report(outcomes, "mx"), NOON)

        assert [verdict.status for verdict in verdicts] == [
            Status.SENT,
            Status.DEFERRED,
            Status.BOUNCED,
            Status.DEFERRED,
        ]
        assert list(to) == [verdict.recipient for verdict in verdicts]
        assert [verdict.from_peer for verdict in verdicts] == [True, False, True, False]
        assert "no outcome" in verdicts[3].reply.text
        assert stage.planner.active == 0

    @pytest.mark.parametrize(
        ("age", "pause"),
        [(0, 300), (100, 300), (300, 300), (900, 900), (3999, 3999), (9000, 4000), (80_000, 4000)],
    )
    def test_pause_is_the_age_within_bounds(self, age, pause):
        stage = Stage(now=NOON + age)
        stage.queue(message(), crowd(1))
        [attempt] = stage.begin()

        [verdict] = stage.deferred(attempt)

        assert pause <= verdict.retry_at - stage.now < pause * 1.25

    def test_mail_that_failed_together_does_not_come_back_together(self):
        stage = Stage()
        stage.queue(message(), crowd(50))
        [attempt] = stage.begin()

        times = sorted(verdict.retry_at for verdict in stage.deferred(attempt))

        gaps = [after - before for before, after in itertools.pairwise(times)]
        assert max(gaps) < 5
        assert min(gaps) > 0.1

    @pytest.mark.parametrize(
        ("sender", "age", "status"),
        [
            ("alice@example.org", 2 * DAY - 1, Status.DEFERRED),
            ("alice@example.org", 2 * DAY, Status.BOUNCED),
            ("", DAY - 1, Status.DEFERRED),
            ("", DAY, Status.BOUNCED),
        ],
    )
    def test_lifetime(self, sender, age, status):
        stage = Stage(QueueSettings(lifetime=2 * DAY, bounce_lifetime=DAY), now=NOON + age)
        stage.queue(message(sender), crowd(1))
        [attempt] = stage.begin()

        [verdict] = stage.deferred(attempt)

        assert (status, status is Status.BOUNCED) == (verdict.status, verdict.expired)
        assert verdict.reply == LATER

    def test_no_lifetime_and_no_longest_pause(self):
        settings = QueueSettings(lifetime=0, minimal_backoff=0, maximal_backoff=0)
        for age, pause in ((0, 1.0), (100 * DAY, 100 * DAY)):
            stage = Stage(settings, now=NOON + age)
            stage.queue(message(), crowd(1))
            [verdict] = stage.deferred(stage.begin()[0])
            assert pause <= verdict.retry_at - stage.now <= pause * 1.25

    def test_mail_without_a_route(self):
        stage = Stage()
        mail, to = message(), crowd(3)
        admission = stage.planner.admit(mail, to, NOON, fresh=True)

        verdicts = stage.planner.defer(admission, to, LATER, NOON)

        assert [verdict.status for verdict in verdicts] == [Status.DEFERRED] * 3
        assert not any(verdict.tried for verdict in verdicts)
        assert stage.planner.active == 0


class TestWindow:
    def test_grows_by_one_on_each_success_up_to_its_bound(self):
        stage = Stage(QueueSettings(initial_concurrency=2, destination_concurrency=4))
        for _ in range(40):
            stage.queue(message(), crowd(1))
        sizes = []
        running = stage.begin()
        while running and len(sizes) < 6:
            sizes.append(len(running))
            stage.sent(running.pop(0))
            running += stage.begin()
        assert sizes == [2, 3, 4, 4, 4, 4]

    def test_is_halved_when_everybody_is_put_off(self):
        stage = Stage(QueueSettings(initial_concurrency=8, destination_concurrency=8))
        for _ in range(40):
            stage.queue(message(), crowd(1))
        running = stage.begin()
        stage.deferred(running.pop(), BUSY)  # eight become four; seven still run
        begun = [len(stage.begin())]
        stage.deferred(running.pop(), BUSY)  # two
        stage.deferred(running.pop(), BUSY)  # one
        while running:
            stage.deferred(running.pop(), BUSY)
            stage.now += 60  # the rest that it is given when one at a time is too much
            begun.append(len(stage.begin()))
        assert begun == [0, 0, 0, 0, 0, 1]

    def test_a_refusal_is_an_answer(self):
        stage = Stage(QueueSettings(initial_concurrency=1))
        for _ in range(3):
            stage.queue(message(), crowd(1))
        [attempt] = stage.begin()
        stage.planner.finished(attempt, report(attempt, Status.BOUNCED, NEVER), NOON)
        assert len(stage.begin()) == 2

    def test_total(self):
        stage = Stage(QueueSettings(concurrency=7))
        for number in range(20):
            mail = message(f"s{number}@example.org")
            stage.queue(mail, crowd(1), Destination("smtp", f"d{number}.example"))
        running = stage.begin()
        assert len(running) == 7
        assert not stage.planner.ready
        stage.sent(running.pop())
        assert stage.planner.ready
        assert len(stage.begin()) == 1

    def test_unlimited(self):
        stage = Stage(
            QueueSettings(
                concurrency=0, destination_concurrency=0, initial_concurrency=0, active_limit=0
            )
        )
        for _ in range(500):
            stage.queue(message(), crowd(1))
        assert len(stage.begin()) == 500


class TestDeadDestination:
    def dead(self, waiting: int = 100) -> tuple[Stage, list[Verdict]]:
        """A destination whose first delivery found it dead while others were running."""
        stage = Stage()
        for _ in range(waiting):
            stage.queue(message(), crowd(1))
        self.running = stage.begin()
        return stage, stage.unreachable(self.running.pop())

    def test_its_waiting_mail_is_deferred_untried(self):
        stage, verdicts = self.dead()

        assert len(verdicts) == 96  # one was tried, four are running
        assert {Status.DEFERRED} == {verdict.status for verdict in verdicts}
        assert all(NOON + 300 <= verdict.retry_at <= NOON + 375 for verdict in verdicts)
        assert verdicts[0].reply.text == "4.4.1 connection timed out"
        assert (
            verdicts[1].reply.text == "4.4.1 delivery temporarily suspended: connection timed out"
        )
        assert not stage.begin()
        assert stage.planner.active == 4
        assert [verdict.tried for verdict in verdicts] == [True] + [False] * 95

    def test_deliveries_that_ran_meanwhile_do_not_lengthen_the_pause(self):
        stage, _ = self.dead()
        for attempt in self.running:
            [verdict] = stage.unreachable(attempt)
            assert verdict.retry_at <= NOON + 375

    def test_mail_that_comes_during_the_pause_is_deferred(self):
        stage, _ = self.dead()
        stage.now = NOON + 299
        [verdict] = stage.queue(message(), crowd(1))
        assert NOON + 300 <= verdict.retry_at <= NOON + 375
        assert not stage.begin()

    def test_one_probe_at_a_time_and_pauses_grow(self):
        stage, _ = self.dead()
        for attempt in self.running:
            stage.unreachable(attempt)
        pauses = []
        end = NOON + 300
        for _ in range(6):
            stage.now = end
            for _ in range(10):
                assert not stage.queue(message(queued=stage.now), crowd(1))
            [probe] = stage.begin()
            stage.now += 30  # the probe times out
            verdicts = stage.unreachable(probe)
            assert len(verdicts) == 10
            first = min(verdict.retry_at for verdict in verdicts)
            pauses.append(round(first - stage.now, -2))
            end = first
        assert pauses == [600, 600, 600, 600, 600, 600]

    @pytest.mark.parametrize(
        ("settings", "longest"),
        [
            (QueueSettings(), 600),
            (QueueSettings(minimal_backoff=1), 600),
            (QueueSettings(minimal_backoff=1, maximal_backoff=0), 600),
            (QueueSettings(minimal_backoff=1, maximal_backoff=60), 60),
            (QueueSettings(minimal_backoff=1800), 1800),
        ],
    )
    def test_what_is_back_is_found_soon(self, settings, longest):
        """However long it was away, the first mail that comes after the pause is tried."""
        stage = Stage(settings)
        for _ in range(20):
            stage.queue(message(queued=stage.now), crowd(1))
            [probe] = stage.begin()
            stage.unreachable(probe)
            stage.now += longest
        stage.queue(message(queued=stage.now), crowd(1))
        assert len(stage.begin()) == 1

    def test_only_some_wait_for_the_probe(self):
        stage, _ = self.dead()
        for attempt in self.running:
            stage.unreachable(attempt)
        stage.now = NOON + 300
        deferred = [verdict for _ in range(400) for verdict in stage.queue(message(), crowd(1))]
        assert len(deferred) == 150  # five deliveries of fifty may wait
        assert all(verdict.retry_at >= stage.now + 300 for verdict in deferred)

    @pytest.mark.parametrize("answer", ["sent", "deferred"])
    def test_an_answer_revives_it(self, answer):
        stage, _ = self.dead()
        for attempt in self.running:
            stage.unreachable(attempt)
        stage.now = NOON + 300
        for _ in range(20):
            stage.queue(message(), crowd(1))
        [probe] = stage.begin()
        getattr(stage, answer)(probe)
        assert len(stage.begin()) == 5

    def test_a_delivery_that_ran_meanwhile_and_succeeded_revives_it(self):
        stage, _ = self.dead()
        stage.sent(self.running.pop())
        assert not stage.queue(message(), crowd(1))
        assert len(stage.begin()) == 1

    def test_flush_revives_it(self):
        stage, _ = self.dead()
        stage.planner.flush()
        assert not stage.queue(message(), crowd(1))
        assert len(stage.begin()) == 1

    def test_old_mail_expires_untried(self):
        stage = Stage(now=NOON + 6 * DAY)
        stage.queue(message(queued=stage.now), crowd(1))
        [attempt] = stage.begin()
        stage.queue(message(queued=NOON), crowd(2))
        stage.unreachable(attempt)  # the old ones were begun too, or wait
        verdicts = [v for a in stage.begin() for v in stage.unreachable(a)]
        verdicts += stage.queue(message(queued=NOON), crowd(2))
        assert all(verdict.expired and not verdict.tried for verdict in verdicts[-2:])
        assert {Status.BOUNCED} == {verdict.status for verdict in verdicts[-2:]}

    def test_other_destinations_do_not_notice(self):
        stage, _ = self.dead()
        stage.queue(message(), crowd(1), Destination("smtp", "example.com"))
        assert len(stage.begin()) == 1

    def test_the_long_dead_are_forgotten(self):
        stage = Stage()
        for number in range(500):
            stage.queue(message(queued=stage.now), crowd(1), Destination("smtp", f"d{number}.test"))
            stage.unreachable(stage.begin()[0])
            stage.now += 60
        assert len(stage.planner._lines) < 100
        assert len(stage.planner._lines) == len(stage.planner._lines._dead)


class TestRoom:
    def test_the_window_is_never_overfull(self):
        stage = Stage(QueueSettings(active_limit=1000))
        for number in range(100):
            stage.admit(f"s{number}@example.org", 100, fresh=number % 2 == 0)
            assert stage.planner.active <= 1000

    def test_what_is_read_back_leaves_room_for_what_comes_in(self):
        stage = Stage(QueueSettings(active_limit=1000))
        assert stage.planner.room == 500
        for number in range(500):
            stage.admit(f"s{number}@example.org", 800, fresh=False)
        assert stage.planner.room == 0
        assert stage.admit("b@example.org", 100) == 100

    def test_what_comes_in_leaves_room_for_what_is_read_back(self):
        stage = Stage(QueueSettings(active_limit=1000))
        for number in range(5000):
            stage.admit(f"s{number}@example.org", 10)
        assert stage.planner.room == 500

    def test_a_sender_cannot_close_the_door(self):
        stage = Stage(QueueSettings(active_limit=10_000))
        admitted = sum(stage.admit("bulk@example.org", 1000) for _ in range(50))
        assert 3_500 <= admitted <= 4_000
        assert stage.admit("a@example.org", 100) == 100

    def test_many_addresses_of_one_list_are_one_sender(self):
        stage = Stage(QueueSettings(active_limit=1000))
        for number in range(2000):
            stage.admit(f"list+user{number}=example.net@example.org", 1)
        assert 350 <= stage.planner.active <= 400

    def test_a_sender_leaves_room_for_others_of_what_is_read_back(self):
        """What does not fit comes back later, and by then there is room for it."""
        stage = Stage(QueueSettings(active_limit=10_000))
        admitted = sum(stage.admit("bulk@example.org", 100, fresh=False) for _ in range(80))
        assert 3_500 <= admitted <= 4_000
        assert stage.admit("a@example.org", 100, fresh=False) == 100
        mail = message("bulk@example.org")
        times = [stage.planner.back_at(mail, 100, NOON) for _ in range(40)]
        assert times == sorted(times)
        assert times[0] > NOON
        assert times[-1] <= NOON + 10

    def test_a_slow_destination_leaves_room_for_others(self):
        stage = Stage(QueueSettings(active_limit=2000))
        back = [stage.queue(message(f"s{n}@example.org"), crowd(1)) for n in range(900)]
        put_back = [verdict for verdicts in back for verdict in verdicts]
        assert stage.planner.room >= 100
        assert {verdict.status for verdict in put_back} == {Status.DEFERRED}
        assert not any(verdict.tried for verdict in put_back)
        assert not stage.queue(message("s0@example.org"), crowd(1), Destination("smtp", "d.test"))

    @pytest.mark.parametrize("limit", [1, 2, 3, 10])
    def test_small_windows_let_mail_through(self, limit):
        stage = Stage(QueueSettings(active_limit=limit))
        assert stage.planner.room >= 1
        assert 1 <= stage.admit("a@example.org", 5) <= limit

    def test_nothing_is_left_behind(self):
        stage = Stage()
        for number in range(300):
            to = Destination("smtp", f"d{number % 7}.example")
            stage.queue(message(f"s{number % 11}@example.org"), crowd(3), to)
        while running := stage.begin():
            for attempt in running:
                stage.sent(attempt)
        planner = stage.planner
        assert planner.active == 0
        assert not planner._lines
        assert planner._room._held == ({}, {})
        assert not planner._lines.gates
        assert not any(share.rotation._turns for share in planner._shares._shares.values())
        assert not planner.ready


class TestTransports:
    def test_stuck_deliveries_of_one_transport_leave_the_others_alone(self):
        stage = Stage(QueueSettings(concurrency=4))
        for number in range(20):
            mail = message(f"a{number}@example.org")
            stage.queue(mail, crowd(1), Destination("smtp", f"tarpit{number}.example"))
        assert len(stage.begin()) == 4

        stage.queue(message("b@example.org"), crowd(1), Destination("local", "example.org"))

        assert [each.destination.transport for each in stage.begin()] == ["local"]


class TestFairness:
    def deliveries_before(self, stage: Stage, sender: str, running: list[Attempt]) -> int:
        """How many deliveries end before the first of this sender begins."""
        ended = 0
        while True:
            begun = stage.begin()
            running += begun
            if any(attempt.message.envelope.sender_text == sender for attempt in begun):
                return ended
            stage.sent(running.pop(0))
            ended += 1

    def test_one_message_behind_fifty_thousand_to_the_same_domain(self):
        stage = Stage(QueueSettings(active_limit=200_000))
        for _ in range(50):
            stage.queue(message("bulk@example.org"), crowd(1000))
        running = stage.begin()
        stage.queue(message("carol@example.org"), crowd(1))
        assert self.deliveries_before(stage, "carol@example.org", running) <= 2

    def test_one_message_behind_ten_thousand_domains(self):
        stage = Stage(QueueSettings(active_limit=100_000))
        bulk = message("bulk@example.org")
        for number in range(10_000):
            stage.queue(bulk, crowd(1), Destination("smtp", f"d{number}.example"))
        running = stage.begin()
        stage.queue(message("carol@example.org"), crowd(1))
        assert self.deliveries_before(stage, "carol@example.org", running) <= 2

    def test_one_message_to_a_domain_behind_many_senders_to_another(self):
        stage = Stage(QueueSettings(concurrency=30))
        for number in range(1000):
            stage.queue(message(f"s{number}@example.org"), crowd(1))
        running = stage.begin()
        stage.queue(message("carol@example.org"), crowd(1), Destination("smtp", "example.com"))
        assert self.deliveries_before(stage, "carol@example.org", running) == 0

    def test_senders_to_one_destination_share_it(self):
        stage = Stage(QueueSettings(destination_concurrency=1, initial_concurrency=1))
        for sender in ("a@example.org", "b@example.org", "c@example.org"):
            for _ in range(30):
                stage.queue(message(sender), crowd(1))
        served = []
        while running := stage.begin():
            [attempt] = running
            served.append(attempt.message.envelope.sender_text)
            stage.sent(attempt)
        assert len(served) == 90
        for at in range(0, 90, 3):
            assert len(set(served[at : at + 3])) == 3

    def test_destinations_of_one_sender_take_turns(self):
        stage = Stage(QueueSettings(concurrency=1))
        for number in range(3):
            for _ in range(10):
                stage.queue(message(), crowd(1), Destination("smtp", f"d{number}.example"))
        served = []
        while running := stage.begin():
            [attempt] = running
            served.append(attempt.destination)
            stage.sent(attempt)
        for at in range(0, 30, 3):
            assert len(set(served[at : at + 3])) == 3

    def test_a_sender_is_held_up_with_mail_for_other_domains_of_one_site(self):
        """What was promised to it there goes to the next, and that is its own mail again."""
        stage = Stage(QueueSettings(concurrency=5, initial_concurrency=2))
        to = [Destination("smtp", f"d{number}.big.example", "big.example") for number in range(8)]
        to += [Destination("smtp", f"d{number}.example") for number in range(2)]
        for each in to:
            stage.queue(message("news@example.org"), crowd(1), each)
        served = []
        running = stage.begin()
        assert len(running) == 4
        while running:
            attempt = running.pop(0)
            served.append(attempt.destination)
            outcomes = report(attempt, Status.SENT, SENT).outcomes
            there = Report(outcomes, "mx.big.example[192.0.2.1]:25")
            stage.planner.finished(attempt, there, stage.now)
            running += stage.begin()
        assert sorted(served) == sorted(to)
        assert stage.planner.active == 0

    def test_nobody_starves_under_steady_load(self):
        """New mail keeps coming from everybody; what came first still leaves in bounded time."""
        stage = Stage(QueueSettings(concurrency=4, destination_concurrency=2))
        first = {}
        for number in range(20):
            mail = message(f"s{number}@example.org")
            first[mail.queue_id] = mail
            stage.queue(mail, crowd(1), Destination("smtp", f"d{number % 3}.example"))
        running: list[Attempt] = []
        for step in range(60):
            for number in range(20):
                to = Destination("smtp", f"d{(step + number) % 3}.example")
                stage.queue(message(f"s{number}@example.org"), crowd(1), to)
            for attempt in stage.begin():
                first.pop(attempt.message.queue_id, None)
                running.append(attempt)
            stage.sent(running.pop(0))
        assert not first


def test_a_recipient_is_handed_out_once():
    """Whatever the order of ends, each recipient is in exactly one attempt."""
    stage = Stage(QueueSettings(active_limit=0, initial_concurrency=3, concurrency=11))
    expected, seen = set(), []
    running: list[Attempt] = []
    for step in range(400):
        to = crowd(1 + step % 120, domain="example.net")
        expected |= {each.id for each in to}
        destination = Destination("smtp", f"d{step % 5}.example")
        stage.queue(message(f"s{step % 3}@example.org"), to, destination)
        running += stage.begin()
        for _ in range(step % 4):
            if running:
                attempt = running.pop((step * 7) % len(running))
                seen += [each.id for each in attempt.recipients]
                (stage.deferred if step % 3 == 0 else stage.sent)(attempt)
    while running := running + stage.begin():
        attempt = running.pop()
        seen += [each.id for each in attempt.recipients]
        stage.sent(attempt)
    assert len(seen) == len(set(seen))
    assert expected == set(seen)
    assert stage.planner.active == 0


def test_recipients_keep_their_own_addresses():
    stage = Stage()
    to = recipients("a@example.net", "b@example.net")
    stage.queue(message(), to)
    assert to == stage.begin()[0].recipients


class TestDeadline:
    """RFC 2852: what is to be delivered by some time."""

    @pytest.mark.parametrize("mode", ByMode)
    def test_the_next_attempt_is_not_after_it(self, mode):
        stage = Stage()
        stage.queue(message(deliver_by=DeliverBy(NOON + 100, mode)), crowd(2))
        [attempt] = stage.begin()
        assert [verdict.retry_at for verdict in stage.deferred(attempt)] == [NOON + 100] * 2

    def test_nor_where_the_destination_is_dead(self):
        stage = Stage()
        for _ in range(6):
            stage.queue(message(deliver_by=DeliverBy(NOON + 100, ByMode.NOTIFY)), crowd(1))
        attempts = stage.begin()
        verdicts = stage.unreachable(attempts[0])
        assert len(verdicts) == 2
        assert {verdict.retry_at for verdict in verdicts} == {NOON + 100}

    @pytest.mark.parametrize(
        ("mode", "status"), [(ByMode.RETURN, Status.BOUNCED), (ByMode.NOTIFY, Status.DEFERRED)]
    )
    def test_once_it_is_over(self, mode, status):
        stage = Stage(now=NOON + 100)
        stage.queue(message(deliver_by=DeliverBy(NOON + 100, mode)), crowd(1))
        [attempt] = stage.begin()
        [verdict] = stage.deferred(attempt)
        assert (verdict.status, verdict.late) == (status, mode is ByMode.RETURN)
        assert verdict.reply == LATER
        assert not verdict.expired
        assert verdict.retry_at > NOON + 100 or mode is ByMode.RETURN

    def test_what_is_waiting_for_a_dead_destination_is_late_as_well(self):
        stage = Stage()
        stage.queue(message(), crowd(1))
        stage.unreachable(stage.begin()[0])
        stage.now += 100
        late = message(deliver_by=DeliverBy(NOON + 50, ByMode.RETURN))
        [verdict] = stage.queue(late, crowd(1))
        assert (verdict.status, verdict.late, verdict.tried) == (Status.BOUNCED, True, False)

    def test_a_delivery_is_withdrawn(self):
        """It tells nothing of the destination, and makes room for the next."""
        stage = Stage(QueueSettings(destination_concurrency=1))
        late = message(deliver_by=DeliverBy(NOON + 50, ByMode.RETURN))
        stage.queue(late, crowd(2))
        stage.queue(message(), crowd(1))
        [attempt] = stage.begin()
        verdicts = stage.planner.withdraw(attempt, NOON + 50)
        assert [(v.status, v.late, v.tried) for v in verdicts] == [
            (Status.BOUNCED, True, False)
        ] * 2
        assert verdicts[0].reply.enhanced == "4.4.7"
        assert stage.planner.active == 1
        [attempt] = stage.begin()
        assert attempt.message is not late

    def test_what_comes_too_late_is_not_added(self):
        stage = Stage(now=NOON + 50)
        late, to = message(deliver_by=DeliverBy(NOON + 50, ByMode.RETURN)), crowd(2)
        admission = stage.planner.admit(late, to, stage.now, fresh=False)
        verdicts = stage.planner.expire(admission, to, stage.now)
        assert [verdict.late for verdict in verdicts] == [True, True]
        assert stage.planner.active == 0


def test_recipients_to_whom_only_a_report_is_owed():
    stage = Stage()
    mail, to = message(), crowd(3)
    admission = stage.planner.admit(mail, to, NOON, fresh=True)
    verdicts = stage.planner.report(admission, to[:2])
    assert [verdict.status for verdict in verdicts] == [Status.SENT] * 2
    assert stage.planner.active == 1


def test_the_age_counts_from_the_release():
    """RFC 4865 §4.1: a message held for six days is no six days old."""
    stage = Stage(now=NOON + 6 * DAY)
    stage.queue(message(hold_until=NOON + 6 * DAY), crowd(1))
    [attempt] = stage.begin()
    [verdict] = stage.deferred(attempt)
    assert verdict.status is Status.DEFERRED
    assert NOON + 6 * DAY + 300 <= verdict.retry_at <= NOON + 6 * DAY + 375
    stage.now += 5 * DAY
    stage.queue(message(hold_until=NOON + 6 * DAY), crowd(1))
    [attempt] = stage.begin()
    [verdict] = stage.deferred(attempt)
    assert (verdict.status, verdict.expired) == (Status.BOUNCED, True)


class TestPriority:
    """RFC 6710."""

    def test_a_higher_one_goes_first(self):
        stage = Stage(QueueSettings(concurrency=1))
        mails = [message(f"s{p}@example.org", priority=p) for p in (0, -9, 4, 9)]
        for mail in mails:
            stage.queue(mail, crowd(1))
        order = []
        while attempts := stage.begin():
            order.append(attempts[0].message.envelope.priority)
            stage.sent(attempts[0])
        assert order == [9, 4, 0, -9]

    def test_one_in_nine_is_for_the_rest(self):
        stage = Stage(QueueSettings(concurrency=1, recipients_per_delivery=1))
        stage.queue(message("bulk@example.org"), crowd(30))
        stage.queue(message("urgent@example.org", priority=5), crowd(90))
        order = []
        for _ in range(27):
            [attempt] = stage.begin()
            order.append(attempt.message.envelope.priority)
            stage.sent(attempt)
        assert order == ([5] * 8 + [0]) * 3

    def test_it_is_first_at_a_busy_destination(self):
        stage = Stage(QueueSettings(destination_concurrency=1))
        stage.queue(message("a@example.org"), crowd(1))
        [running] = stage.begin()
        for priority in (0, 3, 0):
            stage.queue(message(f"b{priority}@example.org", priority=priority), crowd(1))
        order = []
        while running:
            stage.sent(running)
            [running] = stage.begin() or [None]
            order.append(running and running.message.envelope.priority)
        assert order == [3, 0, 0, None]

    def test_senders_of_one_priority_take_turns(self):
        stage = Stage(QueueSettings(concurrency=1, recipients_per_delivery=1))
        stage.queue(message("bulk@example.org", priority=2), crowd(3))
        stage.queue(message("other@example.org", priority=2), crowd(1))
        order = []
        while attempts := stage.begin():
            order.append(attempts[0].message.envelope.sender.local)
            stage.sent(attempts[0])
        assert order == ["bulk", "other", "bulk", "bulk"]

    def test_a_dead_destination_empties_all_ranks(self):
        stage = Stage(QueueSettings(initial_concurrency=1, destination_concurrency=1))
        for priority in (0, 9, -9):
            stage.queue(message(priority=priority), crowd(2))
        [attempt] = stage.begin()
        assert len(stage.unreachable(attempt)) == 6
        assert stage.planner.active == 0
        assert not stage.planner.ready
