"""Whose turn it is: senders and destinations side by side, and what is urgent."""

from __future__ import annotations

from planner_stage import SENT, Stage, report
from postroad.model import (
    Report,
    Status,
)
from postroad.queue.attempt import Attempt, Destination
from postroad.queue.settings import QueueSettings
from queue_mail import crowd, message


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
