"""The planner, driven by hand: every time is an argument, every decision a return value."""

from __future__ import annotations

import itertools

import pytest

from planner_stage import BUSY, DAY, LATER, NET, NEVER, SENT, Stage, report
from postroad.model import (
    ByMode,
    DeliverBy,
    Outcome,
    Report,
    Status,
)
from postroad.queue.attempt import Attempt, Destination
from postroad.queue.settings import QueueSettings
from queue_mail import NOON, crowd, message, recipients


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
    verdicts = stage.planner.report(admission, to[:2], NOON)
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
