"""What the postmaster is told of mail that had no sender, and that this never goes in circles."""

from __future__ import annotations

import email
import email.policy
from collections.abc import Callable

import pytest

from postroad.intake.door import Refusal
from postroad.model import Action, Address, Reply, Status, StoredMessage
from postroad.model.journal import Level, Notice
from postroad.model.message_events import Bounced
from postroad.queue.attempt import Verdict
from postroad.queue.notifier import Notifier
from postroad.queue.schedule import Schedule
from postroad.queue.settings import QueueSettings
from queue_fakes import FakeDoor, FakeJournal
from queue_mail import NOON, message, recipient

POSTMASTER = "postmaster@example.org"
NOBODY = Reply.of(550, "5.1.1", "<bob@example.net>: User unknown")
RELAY = "mx.example.net[192.0.2.1]:25"
REPORT = b"From: MAILER-DAEMON@example.net\r\nSubject: Undelivered\r\n\r\nall of it\r\n"


class World:
    def __init__(self, to: str) -> None:
        settings = QueueSettings(double_bounce_to=to)
        self.door = FakeDoor()
        self.journal = FakeJournal()
        schedule = Schedule(settings)
        self.notifier = Notifier(self.door, self.journal, "mail.example.org", settings, schedule)

    async def fails(
        self, mail: StoredMessage, action: Action = Action.FAILED, status: Status = Status.BOUNCED
    ) -> bool:
        verdict = Verdict(mail, recipient(), status, NOBODY, 0.0, from_peer=True)
        return await self.notifier.tell(action, [verdict], RELAY, NOON + 10)

    @property
    def said(self) -> list[str]:
        return [event.text for event in self.journal.events]


@pytest.fixture
def make() -> Callable[[str], World]:
    return World


async def test_the_postmaster_is_told(make) -> None:
    world = make(POSTMASTER)
    assert await world.fails(message("", queue_id="4XyZ", content=REPORT))
    [(envelope, to, octets)] = world.door.submitted
    assert [str(one) for one in to] == [POSTMASTER]
    assert str(envelope.sender) == "double-bounce@mail.example.org"
    parsed = email.message_from_bytes(octets, policy=email.policy.SMTP)
    assert parsed["Subject"] == "Postmaster Copy: Undelivered Mail"
    assert parsed["To"] == POSTMASTER
    assert parsed.get_content_type() == "multipart/report"
    text, status, header = parsed.get_payload()
    assert "A message without a sender" in text.get_content()
    assert "said: 550 5.1.1" in text.get_content().replace("\r\n    ", " ").replace("\n    ", " ")
    assert status.get_payload()[1]["Action"] == "failed"
    assert status.get_payload()[0]["X-Postroad-Sender"] == "rfc822;"
    assert header.get_content_type() == "text/rfc822-headers"
    assert b"all of it" not in octets
    [bounced] = world.journal.of(Bounced)
    assert bounced.text == "4XyZ: postmaster non-delivery notification: BOUNCE1"


async def test_a_notice_that_fails_is_dropped(make) -> None:
    world = make(POSTMASTER)
    await world.fails(message(""))
    [(envelope, _, octets)] = world.door.submitted
    again = message(str(envelope.sender), queue_id="5AbC", content=octets)
    assert await world.fails(again)
    assert len(world.door.submitted) == 1
    assert world.said[-1] == "warning: 5AbC: undeliverable postmaster notification discarded"


@pytest.mark.parametrize("action", [Action.DELAYED, Action.DELIVERED, Action.RELAYED])
async def test_nothing_else_is_told_of_a_notice_or_of_mail_without_sender(make, action) -> None:
    world = make(POSTMASTER)
    assert await world.fails(message("double-bounce@mail.example.org"), action, Status.DEFERRED)
    assert await world.fails(message(""), action, Status.DEFERRED)
    assert not world.door.submitted
    assert not world.journal.events


async def test_nobody_is_told_unless_that_is_wanted(make) -> None:
    world = make("")
    assert await world.fails(message("", queue_id="4XyZ"))
    assert not world.door.submitted
    assert world.said == ["warning: 4XyZ: undeliverable, and there is no sender to tell: dropped"]


async def test_a_notice_that_cannot_be_taken_now_is_sent_later(make) -> None:
    world = make(POSTMASTER)
    world.door.error = Refusal(Reply.of(452, "4.3.1", "full"))
    assert not await world.fails(message("", queue_id="4XyZ"))
    assert world.said == [
        "warning: 4XyZ: postmaster non-delivery notification was refused: 452 4.3.1 full"
    ]
    world.door.error = None
    assert await world.fails(message("", queue_id="4XyZ"))


async def test_a_notice_that_is_never_taken_is_dropped(make) -> None:
    world = make(POSTMASTER)
    world.door.error = Refusal(Reply.of(550, "5.1.1", "no postmaster here"))
    assert await world.fails(message(""))
    [notice] = world.journal.of(Notice)
    assert notice.severity is Level.WARNING


async def test_mail_with_a_sender_is_returned_as_ever(make) -> None:
    world = make(POSTMASTER)
    assert await world.fails(message("alice@example.org"))
    [(envelope, to, _)] = world.door.submitted
    assert envelope.sender is None
    assert to == [Address.parse("alice@example.org")]


def test_an_address_that_is_none() -> None:
    with pytest.raises(ValueError, match="an address needs an @"):
        QueueSettings(double_bounce_to="postmaster")


async def test_the_postmaster_is_told_when_the_sender_cannot_be(make) -> None:
    world = make(POSTMASTER)
    asked = []

    async def submit(envelope, recipients, octets):
        asked.append(([str(one) for one in recipients], octets))
        if recipients == [Address.parse("team@example.org")]:
            raise Refusal(Reply.of(554, "5.4.6", "expansion exceeds limits"))
        return "BOUNCE1"

    world.door.submit = submit
    assert await world.fails(message("team@example.org", queue_id="4XyZ"))
    assert [to for to, _ in asked] == [["team@example.org"], [POSTMASTER]]
    assert b"its sender cannot be told" in asked[1][1]
    [bounced] = world.journal.of(Bounced)
    assert bounced.text == "4XyZ: postmaster non-delivery notification: BOUNCE1"
