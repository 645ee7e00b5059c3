"""Mail with a report about TLS: read first, then stored as any other."""

from __future__ import annotations

import pytest

from postroad.delivery.report_taking import ReportTaking
from postroad.delivery.transport import Delivery
from postroad.model import Address, Outcome, Reply, Report, Status
from queue_mail import message, recipient, recipients

STORED = Reply.of(250, "2.0.0", "delivered to maildir")
UNKNOWN = Reply.of(550, "5.1.1", "User unknown")
FULL = Reply.of(552, "5.2.2", "mailbox full")


class Storing:
    relays = False

    def __init__(self, **replies: Reply) -> None:
        self.replies = replies
        self.happened: list[str] = []

    async def deliver(self, delivery: Delivery) -> Report:
        self.happened.append("stored")
        outcomes = []
        for each in delivery.recipients:
            reply = self.replies.get(each.address.local, STORED)
            status = Status.SENT if reply.is_positive else Status.BOUNCED
            outcomes.append(Outcome(each.id, status, reply))
        return Report(tuple(outcomes), "local")


class Reports:
    def __init__(self, happened: list[str], *, kept: bool = True) -> None:
        self.happened = happened
        self.kept = kept

    def is_for(self, address: Address) -> bool:
        return address.local == "tls"

    async def take(self, content, arrival) -> bool:
        self.happened.append(f"read {arrival.queue_id} <{arrival.sender}> {content.size}")
        return self.kept


async def deliver(storing: Storing, delivery: Delivery, *, kept: bool = True) -> list[Reply]:
    taking = ReportTaking(storing, Reports(storing.happened, kept=kept), lambda: 1.0)
    assert taking.relays is False
    return [each.reply for each in (await taking.deliver(delivery)).outcomes]


@pytest.mark.parametrize(
    "to", [recipient("tls@example.org"), recipient("anna@example.org", "tls@example.org")]
)
async def test_it_is_read_and_stored(to) -> None:
    storing = Storing()
    mail = message("", queue_id="Q7", content=b"x" * 7)
    assert await deliver(storing, Delivery(mail, (to,), "")) == [STORED]
    assert storing.happened == ["read Q7 <> 7", "stored"]


async def test_other_mail_is_only_stored() -> None:
    storing = Storing()
    assert await deliver(storing, Delivery(message(), recipients("anna@example.org"), ""))
    assert storing.happened == ["stored"]


async def test_without_a_mailbox_a_report_has_arrived_all_the_same() -> None:
    delivery = Delivery(message(), recipients("tls@example.org", "nobody@example.org"), "")
    replies = {"tls": UNKNOWN, "nobody": UNKNOWN}
    one, other = await deliver(Storing(**replies), delivery)
    assert (str(one), other) == ("250 2.0.0 kept as a report about TLS", UNKNOWN)
    assert await deliver(Storing(**replies), delivery, kept=False) == [UNKNOWN, UNKNOWN]


async def test_a_full_mailbox_is_one() -> None:
    delivery = Delivery(message(), recipients("tls@example.org"), "")
    assert await deliver(Storing(tls=FULL), delivery) == [FULL]
