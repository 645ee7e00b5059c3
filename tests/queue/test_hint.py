"""When next hops want to be asked again."""

from __future__ import annotations

import pytest

from postroad.model import Reply
from postroad.queue.hint import hinted_pause
from postroad.queue.schedule import Schedule
from postroad.queue.settings import QueueSettings
from queue_mail import NOON, message, recipient


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("Greylisted for 5 minutes (1)", 300),
        ("Greylisting in action, please come back in 00:02:30", 150),
        ("try again in 300 seconds", 300),
        ("Please retry after 1 hour", 3600),
        ("Recipient is greylisted, try again in about 45s", 45),
        ("graylisted, wait for 2 min", 120),
        ("try again later", None),
        ("mailbox is full for 3 days, try again", None),
        ("blocked for 5 minutes", None),
        ("user was in 10 meetings, try again", None),
        ("", None),
    ],
)
def test_hints(text, seconds):
    assert hinted_pause(Reply.of(451, "4.7.1", text)) == seconds


def test_a_long_text_is_read_in_part():
    assert hinted_pause(Reply.of(451, None, "x " * 5000 + "try again in 60 s")) is None


def test_a_strangers_words_do_not_park_mail():
    schedule = Schedule(QueueSettings(maximal_backoff=0, lifetime=86_400))
    mail, to = message(), recipient()
    assert schedule.hinted(mail, to, 99_999 * 3600.0, NOON) <= NOON + 14_400 + 60
    late = NOON + 86_400 - 60 + mail.queued - NOON
    assert schedule.hinted(mail, to, 3600.0, late) <= late + 300
