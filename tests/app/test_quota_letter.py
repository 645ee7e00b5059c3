from __future__ import annotations

import email
import email.policy

import pytest

from postroad.app.quota_letter import MOST_PENDING, QuotaLetters, letter
from postroad.delivery.local import QUOTA_LETTER, Crossing
from postroad.intake import Refusal
from postroad.mailbox.quota import Quota, Usage
from postroad.model import Address, Reply

CROSSING = Crossing("john@example.org", 80, Usage(850 << 20, 1200), Quota(1 << 30, 1500))


class Door:
    def __init__(self, refuses=False):
        self.refuses = refuses
        self.taken = []

    async def submit(self, envelope, recipients, message):
        if self.refuses:
            raise Refusal(Reply.of(452, "4.3.1", "no room"))
        self.taken.append((envelope, recipients, message))
        return "ID"


@pytest.fixture
def events():
    return []


def letters(events):
    return QuotaLetters("mail.example.org", events.append, lambda: 1_800_000_000.0)


async def test_a_letter_goes_to_the_account_alone(events):
    door, writer = Door(), letters(events)
    writer.start(door)
    writer.warn(CROSSING)
    await writer.close()
    [(envelope, recipients, message)] = door.taken
    assert envelope.sender is None
    assert envelope.envid == QUOTA_LETTER  # by which it finds room
    assert recipients == [Address("john", "example.org")]
    parsed = email.message_from_bytes(message, policy=email.policy.default)
    assert parsed["Auto-Submitted"] == "auto-generated"
    assert parsed["To"] == "john@example.org"
    assert parsed["Subject"] == "The mailbox is 80 % full"
    assert "850.0 MiB, 1200 messages" in parsed.get_content()
    assert b"\n" not in message.replace(b"\r\n", b"")
    assert [event.text for event in events] == ["the mailbox of john@example.org is 80 % full"]


def test_a_name_in_utf_8():
    crossing = Crossing("jörg@example.org", 95, Usage(100, 9), Quota(0, 10))
    message = letter(crossing, Address.parse(crossing.user), "mail.example.org", 1.0)
    parsed = email.message_from_bytes(message, policy=email.policy.default)
    assert "jörg@example.org" in parsed.get_content()
    assert "Quota:  10 messages" in parsed.get_content()


async def test_what_cannot_be_brought_is_said(events):
    writer = letters(events)
    writer.warn(CROSSING)  # before there is a door
    writer.start(Door(refuses=True))
    writer.warn(CROSSING)
    await writer.close()
    assert "no letter about the full mailbox" in events[-1].text


async def test_letters_under_way_are_bounded(events):
    door, writer = Door(), letters(events)
    writer.start(door)
    for _ in range(MOST_PENDING + 5):
        writer.warn(CROSSING)
    await writer.close()
    assert len(door.taken) == MOST_PENDING
