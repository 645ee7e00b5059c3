"""What a destination is allowed, and what it is counted with."""

from __future__ import annotations

import pytest

from postroad.model import StoredRecipient
from postroad.queue.allowance import UNLIMITED, Allowances
from postroad.queue.attempt import Destination
from postroad.queue.settings import DestinationSettings as Section
from postroad.queue.settings import QueueSettings
from queue_mail import NOON, message, recipient

GMAIL = Destination("smtp", "gmail.com", "google.com")
SECTIONS = {
    "gmail.com": Section(retry=(60.0,)),
    "site:google.com": Section(concurrency=7, rate="30/min"),
    ".example.com": Section(concurrency=3),
    ".b.example.com": Section(priority=4),
    "transport:smtp": Section(recipients_per_delivery=9, minimal_backoff=60, total_concurrency=11),
    "own.example": Section(concurrency=0),
    "[smart.example]:587": Section(rate="1/s"),
}


def allowed(nexthop: str, site: str = "", transport: str = "smtp"):
    return Allowances(QueueSettings(), SECTIONS).of(Destination(transport, nexthop, site))


@pytest.mark.parametrize(
    ("nexthop", "site", "concurrency", "recipients", "priority"),
    [
        ("gmail.com", "google.com", 7, 9, 0),
        ("else.example", "google.com", 7, 9, 0),
        ("else.example", "", 20, 9, 0),
        ("a.example.com", "", 3, 9, 0),
        ("example.com", "", 20, 9, 0),
        ("x.b.example.com", "", 3, 9, 4),
        ("OWN.example", "google.com", UNLIMITED, 9, 0),
    ],
)
def test_the_nearest_that_says_something(nexthop, site, concurrency, recipients, priority):
    _, allowance = allowed(nexthop, site)
    assert allowance.concurrency == concurrency
    assert allowance.recipients == recipients
    assert allowance.priority == priority


@pytest.mark.parametrize(
    ("one", "other", "together"),
    [
        (("gmail.com", "google.com"), ("else.example", "google.com"), True),
        (("own.example", "google.com"), ("else.example", "google.com"), False),
        (("a.example.com", ""), ("b.example.com", ""), True),
        (("a.example", ""), ("b.example", ""), False),
        (("john@example.org/[smart.example]:587", ""), ("[smart.example]:587", ""), True),
    ],
)
def test_what_is_counted_together(one, other, together):
    assert (allowed(*one)[0] == allowed(*other)[0]) is together


def test_without_sections_all_have_the_same():
    allowances = Allowances(QueueSettings(destination_concurrency=0, concurrency=0))
    group, allowance = allowances.of(GMAIL)
    assert group == allowances.of(Destination("smtp", "other.example", "google.com"))[0]
    assert (allowance.concurrency, allowance.initial, allowance.is_common) == (UNLIMITED, 5, False)
    assert allowances.concurrency("smtp") == UNLIMITED


def test_what_a_section_limits_is_counted_by_all_workers():
    assert allowed("gmail.com", "google.com")[1].is_common
    assert not allowed("else.example")[1].is_common
    assert not allowed("[smart.example]:587")[1].is_common, "its rate is, its concurrency is not"


def test_a_transport_has_places_of_its_own():
    allowances = Allowances(QueueSettings(), SECTIONS)
    assert (allowances.concurrency("smtp"), allowances.concurrency("lmtp")) == (11, 100)


def test_the_schedule_is_that_of_the_nearest_section_with_one():
    def pauses(nexthop: str, to: StoredRecipient) -> float:
        schedule = allowed(nexthop, "google.com")[1].schedule
        return schedule.retry_at(message(), to, NOON) - NOON

    first = recipient()
    assert 60 <= pauses("gmail.com", first) <= 75
    assert 60 <= pauses("gmail.com", first._replace(attempts=40)) <= 75
    assert 60 <= pauses("else.example", first) <= 75


def test_a_list_of_pauses():
    settings = QueueSettings(retry=(300, 600, 7200))
    schedule = Allowances(settings).default.schedule
    to = recipient()
    found = [schedule.retry_at(message(), to._replace(attempts=n), NOON) - NOON for n in range(5)]
    for pause, expected in zip(found, (300, 600, 7200, 7200, 7200), strict=True):
        assert expected <= pause <= expected * 1.25
