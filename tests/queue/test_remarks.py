"""What the operator reads of refusals, how often, and whom the planner gives less."""

from __future__ import annotations

import pytest

from postroad.model import Address, Outcome, Reply, Report, Status, Waybill
from postroad.model.journal import Notice
from postroad.queue.attempt import Admission, Attempt, Destination
from postroad.queue.remarks import EVERY, MOST, Refused, Remarks, unheard
from queue_fakes import FakeJournal
from queue_mail import NOON, message, recipients

RELAY = "gmail-smtp-in.l.google.com[192.0.2.1]:25"
TOO_MUCH = Reply.of(421, "4.7.28", "unusual rate of unsolicited mail, rate limited. gsmtp")
NOBODY = Reply.of(550, "5.1.1", "The email account that you tried to reach does not exist.")
UNKNOWN = Reply.of(550, "5.0.0", "No.")


def report(reply: Reply, *, from_peer: bool = True, status: Status = Status.DEFERRED) -> Report:
    return Report((Outcome(1, status, reply, from_peer),), RELAY)


def attempt(nexthop: str = "gmail.com", sender: str = "alice@example.org") -> Attempt:
    to = recipients("bob@gmail.com", "carol@gmail.com")
    admission = Admission(message(sender), to, NOON, fresh=True)
    return Attempt(Destination("smtp", nexthop), admission, to, 0)


GMAIL = attempt()


@pytest.fixture
def journal() -> FakeJournal:
    return FakeJournal()


@pytest.fixture
def remarks(journal: FakeJournal) -> Remarks:
    return Remarks(journal)


def test_it_is_said_once_an_hour(remarks: Remarks, journal: FakeJournal) -> None:
    for now in (NOON, NOON + 1, NOON + EVERY - 1):
        assert remarks.on(GMAIL, report(TOO_MUCH), now, relays=True).throttled
    assert len(journal.of(Notice)) == 1
    remarks.on(GMAIL, report(TOO_MUCH), NOON + EVERY, relays=True)
    assert len(journal.of(Notice)) == 2
    text = journal.events[0].text
    assert text.startswith(f"warning: gmail.com ({RELAY}): throttled: Google takes less mail")


def test_another_destination_is_news(remarks: Remarks, journal: FakeJournal) -> None:
    remarks.on(GMAIL, report(TOO_MUCH), NOON, relays=True)
    remarks.on(attempt("googlemail.com"), report(TOO_MUCH), NOON, relays=True)
    assert len(journal.of(Notice)) == 2


@pytest.mark.parametrize(
    "quiet",
    [
        report(NOBODY, status=Status.BOUNCED),
        report(UNKNOWN, status=Status.BOUNCED),
        report(TOO_MUCH, from_peer=False),
        report(Reply.of(250, "2.0.0", "Ok"), status=Status.SENT),
        Report((), "none"),
    ],
)
def test_what_is_not_about_us_is_not_said(
    remarks: Remarks, journal: FakeJournal, quiet: Report
) -> None:
    assert remarks.on(GMAIL, quiet, NOON, relays=True) is quiet
    assert not journal.events


def test_a_refusal_for_good_is_told_as_well(remarks: Remarks, journal: FakeJournal) -> None:
    listed = Reply.of(550, "5.7.1", "messages from [192.0.2.9] weren't sent (S3150)")
    assert not remarks.on(GMAIL, report(listed, status=Status.BOUNCED), NOON, relays=True).throttled
    assert "blocklisted: Outlook.com" in journal.events[0].text


def test_the_host_that_refused_is_named(remarks: Remarks, journal: FakeJournal) -> None:
    sent = Outcome(1, Status.SENT, Reply.of(250, "2.0.0", "Ok"), from_peer=True)
    refused = Outcome(
        2, Status.DEFERRED, TOO_MUCH, from_peer=True, relay="other.test[192.0.2.2]:25"
    )
    assert remarks.on(GMAIL, Report((sent, refused), RELAY), NOON, relays=True).throttled
    assert "(other.test[192.0.2.2]:25)" in journal.events[0].text


def test_a_clock_that_goes_back_is_no_reason_for_silence(
    remarks: Remarks, journal: FakeJournal
) -> None:
    remarks.on(GMAIL, report(TOO_MUCH), NOON, relays=True)
    remarks.on(GMAIL, report(TOO_MUCH), NOON - 10, relays=True)
    assert len(journal.of(Notice)) == 2


def test_what_is_remembered_is_bounded(remarks: Remarks, journal: FakeJournal) -> None:
    for number in range(MOST + 1):
        remarks.on(attempt(f"d{number}.test"), report(TOO_MUCH), NOON, relays=True)
    remarks.on(attempt("d1.test"), report(TOO_MUCH), NOON, relays=True)
    assert len(journal.events) == MOST + 1
    remarks.on(attempt("d0.test"), report(TOO_MUCH), NOON, relays=True)
    assert len(journal.events) == MOST + 2


@pytest.mark.parametrize("relays", [True, False])
def test_who_keeps_count_hears_of_refusals_for_good(journal: FakeJournal, relays: bool) -> None:
    heard: list[tuple[str, str, str, str]] = []

    def hear(recipient: Address, sender: Address | None, reply: Reply, relay: str) -> None:
        heard.append((str(recipient), str(sender), str(reply), relay))

    tried = attempt()
    bob, carol = tried.recipients
    outcomes = (
        Outcome(bob.id, Status.BOUNCED, NOBODY, from_peer=True, of_recipient=True),
        Outcome(carol.id, Status.BOUNCED, UNKNOWN, from_peer=False),
    )
    Remarks(journal, hear).on(tried, Report(outcomes, RELAY), NOON, relays=relays)
    told = [("bob@gmail.com", "alice@example.org", str(NOBODY), RELAY)]
    assert heard == (told if relays else [])


def test_what_is_said_of_the_sender_or_the_message_is_not_counted(journal: FakeJournal) -> None:
    heard: list[Address] = []
    refused = report(NOBODY, status=Status.BOUNCED)
    remarks = Remarks(journal, lambda address, *_: heard.append(address))
    remarks.on(attempt(), refused, NOON, relays=True)
    assert not heard


def test_what_a_content_filter_refuses_says_nothing_of_an_address(journal: FakeJournal) -> None:
    heard: list[Address] = []
    to = recipients("bob@gmail.com")
    mail = message(waybill=Waybill(content_filter="smtp:[127.0.0.1]:10025"))
    tried = Attempt(Destination("filter/smtp", "x"), Admission(mail, to, NOON, fresh=True), to, 0)
    refused = Outcome(to[0].id, Status.BOUNCED, NOBODY, from_peer=True, of_recipient=True)
    remarks = Remarks(journal, lambda address, *_: heard.append(address))
    remarks.on(tried, Report((refused,), RELAY), NOON, relays=True)
    assert not heard


def test_nobody_has_to_listen(journal: FakeJournal) -> None:
    listener: Refused = unheard
    Remarks(journal, listener).on(
        attempt(), report(NOBODY, status=Status.BOUNCED), NOON, relays=True
    )
    assert not journal.events
