"""Mail with a report about TLS: read first, then stored as any other."""

from __future__ import annotations

import pytest

from postroad.delivery.report_taking import ReportTaking, Taker
from postroad.delivery.transport import Delivery
from postroad.model import Address, Outcome, Reply, Report, Status
from queue_mail import message, recipient, recipients

STORED = Reply.of(250, "2.0.0", "delivered to maildir")
UNKNOWN = Reply.of(550, "5.1.1", "User unknown")
KEPT = "250 2.0.0 other"
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
        self.locals = ("tls", "both")
        self.said: list[str] = []

    def is_for(self, address: Address) -> bool:
        return address.local in self.locals

    async def take(self, content, arrival) -> str:
        self.happened.append(f"read {arrival.queue_id} <{arrival.sender}> {content.size}")
        return "" if self.kept else "it brought none"

    def complain(self, words: str) -> None:
        self.said.append(words)


async def deliver(storing: Storing, delivery: Delivery, *, kept: bool = True) -> list[Reply]:
    reports = Reports(storing.happened, kept=kept)
    taking = ReportTaking(storing, [Taker(reports, "kept as a report about TLS")], lambda: 1.0)
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


class Aside:
    def __init__(self, happened: list[str], *, works: bool = True) -> None:
        self.happened = happened
        self.works = works

    async def keep(self, queue_id: str, content) -> bool:
        self.happened.append(f"aside {queue_id} {content.size}")
        return self.works


async def set_aside(storing: Storing, *addresses: str, works: bool = True) -> list[str]:
    reports = Reports(storing.happened, kept=False)
    aside = Aside(storing.happened, works=works)
    taking = ReportTaking(storing, [Taker(reports, "kept", aside)], lambda: 1.0)
    delivery = Delivery(message("", queue_id="Q7", content=b"x"), recipients(*addresses), "")
    return [str(each.reply) for each in (await taking.deliver(delivery)).outcomes]


async def test_what_brought_no_report_and_has_no_mailbox_is_set_aside() -> None:
    storing = Storing(tls=UNKNOWN, nobody=UNKNOWN)
    one, other = await set_aside(storing, "tls@example.org", "nobody@example.org")
    assert one == "250 2.0.0 no report that could be read, set aside for the postmaster"
    assert other == str(UNKNOWN)
    assert storing.happened == ["read Q7 <> 1", "stored", "aside Q7 1"]


@pytest.mark.parametrize("reply", [STORED, FULL])
async def test_what_has_a_mailbox_is_not(reply: Reply) -> None:
    storing = Storing(tls=reply)
    assert await set_aside(storing, "tls@example.org") == [str(reply)]
    assert storing.happened == ["read Q7 <> 1", "stored"]


async def test_where_nothing_can_be_set_aside() -> None:
    assert await set_aside(Storing(tls=UNKNOWN), "tls@example.org", works=False) == [str(UNKNOWN)]


@pytest.mark.parametrize(
    ("to", "replies", "said"),
    [
        (["both@example.org"], [KEPT], []),
        (["tls@example.org"], [str(UNKNOWN)], ["it brought none"]),
        (["both@example.org", "tls@example.org"], [KEPT, str(UNKNOWN)], ["it brought none"]),
    ],
)
async def test_that_it_is_of_another_kind_is_no_trouble(
    to: list[str], replies: list[str], said: list[str]
) -> None:
    storing = Storing(both=UNKNOWN, tls=UNKNOWN)
    one = Reports(storing.happened, kept=False)
    other = Reports(storing.happened)
    other.locals = ("both",)
    taking = ReportTaking(storing, [Taker(one, "one"), Taker(other, "other")], lambda: 1.0)
    report = await taking.deliver(Delivery(message(), recipients(*to), ""))
    assert [str(each.reply) for each in report.outcomes] == replies
    assert one.said == said
    assert other.said == []


async def test_where_nobody_finds_any_all_say_so() -> None:
    storing = Storing(both=UNKNOWN)
    one, other = [Reports(storing.happened, kept=False) for _ in range(2)]
    aside = Aside(storing.happened)
    taking = ReportTaking(storing, [Taker(one, "one"), Taker(other, "other", aside)], lambda: 1.0)
    report = await taking.deliver(Delivery(message(), recipients("both@example.org"), ""))
    assert report.outcomes[0].reply.code == 250
    assert one.said == other.said == ["it brought none"]
    assert storing.happened[-1].startswith("aside ")
