"""What the planner does with a destination that is dead, and with a transport that is stuck."""

from __future__ import annotations

import pytest

from planner_stage import DAY, Stage
from postroad.model import (
    Status,
)
from postroad.queue.attempt import Destination, Verdict
from postroad.queue.settings import QueueSettings
from queue_mail import NOON, crowd, message


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


class TestTransports:
    def test_stuck_deliveries_of_one_transport_leave_the_others_alone(self):
        stage = Stage(QueueSettings(concurrency=4))
        for number in range(20):
            mail = message(f"a{number}@example.org")
            stage.queue(mail, crowd(1), Destination("smtp", f"tarpit{number}.example"))
        assert len(stage.begin()) == 4

        stage.queue(message("b@example.org"), crowd(1), Destination("local", "example.org"))

        assert [each.destination.transport for each in stage.begin()] == ["local"]
