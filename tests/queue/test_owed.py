"""Reports that are all that is left to do, as it was decided then; and whose turn mail takes."""

from __future__ import annotations

import pytest

from postroad.model import Action, Address, Envelope, Status
from postroad.queue.attempt import turn_of
from postroad.queue.owed import owed_reports
from queue_mail import crowd, message


@pytest.mark.parametrize(
    ("owed", "reason", "status", "said"),
    [
        (Action.EXPANDED, "", Status.SENT, "250 2.0.0 the list was expanded"),
        (Action.FAILED, "550 5.7.1 given up", Status.BOUNCED, "550 5.7.1 given up"),
        (Action.FAILED, "no reply", Status.BOUNCED, "250 2.0.0 the list was expanded"),
    ],
)
def test_what_is_reported(owed: Action, reason: str, status: Status, said: str) -> None:
    mail = message()
    recipients = tuple(each._replace(owed=owed, reason=reason) for each in crowd(2))
    verdicts = owed_reports(mail, recipients)
    assert [each.recipient for each in verdicts] == list(recipients)
    assert {(each.message, each.status, str(each.reply), each.tried) for each in verdicts} == {
        (mail, status, said, False)
    }


@pytest.mark.parametrize(
    ("sender", "turn"),
    [
        ("", ""),
        ("Ann@Example.org", "ann@example.org"),
        ("list+user=example.net@example.org", "list@example.org"),
    ],
)
def test_all_of_a_list_s_senders_are_one(sender: str, turn: str) -> None:
    assert turn_of(Envelope(Address.parse(sender) if sender else None)) == turn
