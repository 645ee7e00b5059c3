"""What a sender is told of, by the tables of RFC 3461 and RFC 2852."""

from __future__ import annotations

import pytest

from postroad.model import Action, ByMode, DeliverBy, Notify, Reply, Status, Told
from postroad.queue.attempt import Verdict
from postroad.queue.schedule import Schedule
from postroad.queue.settings import QueueSettings
from postroad.queue.wishes import Wishes
from queue_mail import NOON, message, recipient

NEVER, S, F, D = Notify.NEVER, Notify.SUCCESS, Notify.FAILURE, Notify.DELAY
HOUR = 3600.0
REPLY = Reply.of(250, "2.0.0", "whatever")


def wishes(**settings) -> Wishes:
    queue = QueueSettings(**settings)
    return Wishes(queue, Schedule(queue))


def verdict(status: Status, notify: Notify | None = None, **fields) -> Verdict:
    wanted = {name: fields.pop(name) for name in ("sender", "deliver_by") if name in fields}
    who = {name: fields.pop(name) for name in ("told", "owed") if name in fields}
    stored = recipient(notify=notify, **who)
    return Verdict(message(**wanted), stored, status, REPLY, **fields)


@pytest.mark.parametrize(
    ("notify", "failed", "delivered"),
    [
        (None, True, False),
        (NEVER, False, False),
        (S, False, True),
        (F, True, False),
        (D, False, False),
        (S | F, True, True),
        (S | F | D, True, True),
    ],
)
def test_notify(notify, failed, delivered):
    bounced = verdict(Status.BOUNCED, notify)
    assert wishes().action(bounced, NOON, relayed=False) is (Action.FAILED if failed else None)
    sent = verdict(Status.SENT, notify)
    expected = Action.DELIVERED if delivered else None
    assert wishes().action(sent, NOON, relayed=False) is expected
    expected = Action.RELAYED if delivered else None
    assert wishes().action(sent, NOON, relayed=True) is expected
    passed = verdict(Status.SENT, notify, dsn_passed=True)
    assert wishes().action(passed, NOON, relayed=True) is None
    assert wishes().action(passed, NOON, relayed=False) is None


@pytest.mark.parametrize("owed", [Action.EXPANDED, Action.DELIVERED])
@pytest.mark.parametrize("notify", [None, NEVER, S])
def test_what_is_owed(owed, notify):
    assert wishes().action(verdict(Status.SENT, notify, owed=owed), NOON, relayed=False) is owed


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (verdict(Status.SENT, S, sender=""), None),
        (verdict(Status.SENT, S, sender="", owed=Action.EXPANDED), None),
        (verdict(Status.DEFERRED, D, sender=""), None),
        (verdict(Status.BOUNCED, sender=""), Action.FAILED),
    ],
)
def test_without_a_sender(one, expected):
    """A failure passes: whoever finds nobody to tell writes that into the log."""
    assert wishes().action(one, NOON + 5 * HOUR, relayed=False) is expected


BY_NOTIFY = DeliverBy(NOON + HOUR, ByMode.NOTIFY)
BY_TRACE = DeliverBy(NOON + HOUR, ByMode.RETURN, trace=True)
BY_RETURN = DeliverBy(NOON + HOUR, ByMode.RETURN)


@pytest.mark.parametrize("notify", [None, NEVER, F, S | F])
@pytest.mark.parametrize(
    ("by", "by_passed", "is_told"),
    [
        (BY_NOTIFY, True, False),
        (BY_NOTIFY, False, True),
        (BY_TRACE, True, True),
        (BY_RETURN, True, False),
    ],
)
def test_relays_of_mail_with_a_deadline(by, by_passed, is_told, notify):
    """RFC 2852 §4.1.4; DSN was passed on, so that it alone decides."""
    sent = verdict(Status.SENT, notify, deliver_by=by, dsn_passed=True, by_passed=by_passed)
    expected = Action.RELAYED if is_told and notify != NEVER else None
    assert wishes().action(sent, NOON, relayed=True) is expected
    assert wishes().action(sent, NOON, relayed=False) is None


@pytest.mark.parametrize(
    ("to", "notify", "hours", "told", "expected"),
    [
        ("asked", None, 9, Told.NOTHING, Told.NOTHING),
        ("asked", D, 3.9, Told.NOTHING, Told.NOTHING),
        ("asked", D, 4, Told.NOTHING, Told.DELAY),
        ("asked", S | F | D, 4, Told.NOTHING, Told.DELAY),
        ("asked", F, 4, Told.NOTHING, Told.NOTHING),
        ("asked", D, 9, Told.DELAY, Told.NOTHING),
        ("asked", D, 9, Told.DEADLINE, Told.NOTHING),
        ("everybody", None, 3.9, Told.NOTHING, Told.NOTHING),
        ("everybody", None, 4, Told.NOTHING, Told.DELAY),
        ("everybody", F, 9, Told.NOTHING, Told.NOTHING),
        ("everybody", NEVER, 9, Told.NOTHING, Told.NOTHING),
        ("everybody", D, 4, Told.NOTHING, Told.DELAY),
        ("everybody", None, 9, Told.DELAY, Told.NOTHING),
    ],
)
def test_delays(to, notify, hours, told, expected):
    asked, now = wishes(delay_warning_to=to), NOON + hours * HOUR
    late = verdict(Status.DEFERRED, notify, told=told)
    assert asked.delays(late.message, late.recipient, now) is expected
    action = Action.DELAYED if expected else None
    assert asked.action(late, now, relayed=True) is action


@pytest.mark.parametrize(
    ("warning", "hours", "expected"), [(0, 999, Told.NOTHING), (60, 1, Told.DELAY)]
)
def test_the_time_of_the_warning_can_be_chosen(warning, hours, expected):
    late = verdict(Status.DEFERRED, D)
    due = wishes(delay_warning=warning).delays(late.message, late.recipient, NOON + hours * HOUR)
    assert due is expected


def test_a_held_message_is_not_late_before_its_release():
    mail = message(hold_until=NOON + 10 * HOUR)
    to = recipient(notify=D)
    assert wishes().delays(mail, to, NOON + 13 * HOUR) is Told.NOTHING
    assert wishes().delays(mail, to, NOON + 14 * HOUR) is Told.DELAY


@pytest.mark.parametrize(
    ("by", "notify", "told", "hours", "expected"),
    [
        (BY_NOTIFY, None, Told.NOTHING, 0.9, Told.NOTHING),
        (BY_NOTIFY, None, Told.NOTHING, 1, Told.DEADLINE),
        (BY_NOTIFY, None, Told.DELAY, 1, Told.DEADLINE),
        (BY_NOTIFY, None, Told.DEADLINE, 1, Told.NOTHING),
        (BY_NOTIFY, None, Told.DELAY | Told.DEADLINE, 1, Told.NOTHING),
        (BY_NOTIFY, NEVER, Told.NOTHING, 1, Told.NOTHING),
        (BY_NOTIFY, F, Told.NOTHING, 1, Told.NOTHING),
        (BY_NOTIFY, D, Told.NOTHING, 1, Told.DEADLINE),
        (BY_NOTIFY, D, Told.NOTHING, 4, Told.DELAY | Told.DEADLINE),
        (BY_RETURN, D, Told.NOTHING, 1, Told.NOTHING),
        (DeliverBy(NOON, ByMode.NOTIFY), None, Told.NOTHING, 1, Told.NOTHING),
        (DeliverBy(NOON - 5, ByMode.NOTIFY), D, Told.NOTHING, 1, Told.NOTHING),
    ],
)
def test_deadlines(by, notify, told, hours, expected):
    """The last two were over when the message came in: an earlier server has told."""
    late = verdict(Status.DEFERRED, notify, told=told, deliver_by=by)
    now = NOON + hours * HOUR
    assert wishes().delays(late.message, late.recipient, now) is expected
