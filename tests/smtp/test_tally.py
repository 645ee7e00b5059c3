"""What a client did, counted, and what its errors cost it."""

from __future__ import annotations

import pytest

from postroad.model import Reply
from postroad.smtp import SessionLimits, replies
from postroad.smtp.tally import IDLE_COMMANDS, RECIPIENT_OVERSHOOT, Tally

LIMITS = SessionLimits(errors=4, soft_errors=2, error_pause=1.5)
REFUSED = Reply.of(550, "5.1.1", "User unknown")


@pytest.mark.parametrize(
    ("errors", "delay", "is_too_much"),
    [(0, 0.0, False), (1, 0.0, False), (2, 1.5, False), (3, 1.5, False), (4, 1.5, True)],
)
def test_errors_cost_time_and_then_the_session(
    errors: int, delay: float, is_too_much: bool
) -> None:
    tally = Tally(LIMITS)
    for _ in range(errors):
        tally.refused(REFUSED)
    assert (tally.errors, tally.delay, tally.is_too_much) == (errors, delay, is_too_much)
    tally.message_taken()
    assert (tally.errors, tally.delay, tally.is_too_much) == (0, 0.0, False)


def test_0_switches_both_off() -> None:
    tally = Tally(SessionLimits(errors=0, soft_errors=0))
    for _ in range(1000):
        tally.refused(REFUSED)
    assert (tally.delay, tally.is_too_much) == (0.0, False)


def test_idle_commands_are_errors_after_so_many() -> None:
    tally = Tally(LIMITS)
    for _ in range(IDLE_COMMANDS):
        tally.came("NOOP", idle=True)
    assert tally.errors == 0
    tally.came("NOOP", idle=True)
    assert tally.errors == 1


def test_recipients_over_the_limit_are_no_errors_up_to_a_bound() -> None:
    tally = Tally(LIMITS)
    for _ in range(RECIPIENT_OVERSHOOT):
        tally.refused(replies.TOO_MANY_RECIPIENTS)
    assert tally.errors == 0
    tally.refused(replies.TOO_MANY_RECIPIENTS)
    assert tally.errors == 1


def test_counts_have_only_what_came_in_the_order_asked_for() -> None:
    tally = Tally(LIMITS)
    for verb in ("QUIT", "RCPT", "RCPT", "EHLO"):
        tally.came(verb)
    tally.taken("RCPT")
    counts = tally.counts(("EHLO", "MAIL", "RCPT", "QUIT"))
    assert list(counts.items()) == [("ehlo", (0, 1)), ("rcpt", (1, 2)), ("quit", (0, 1))]
