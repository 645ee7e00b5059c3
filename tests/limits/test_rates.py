"""Rates: whose they are, how they count together, and what they say."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fake_counters import MemoryCounters
from fake_limits import UNLIMITED, gate
from postroad.limits.counters import ENTRIES, CounterMemory, Counters, SharedCounters, Shelf, Window
from postroad.limits.rates import MOST_COUNTED, Rate, Rates, Sending, rates_of
from postroad.limits.settings import Limits, RateSettings
from postroad.model import Address, Client

NOW = 1_800_000_000.0
CLIENT = Client("192.0.2.7", 4711, "mua.example.net")
NEIGHBOUR = Client("192.0.2.8", 4711)
STRANGER = Client("198.51.100.1", 4711)
JOHN, ANNA = Address("John", "Example.org"), Address("anna", "example.org")
MEGABYTE = 1_000_000


def rate(count: str, per: str, limit: int = 1, window: float = 60.0, *on: str) -> RateSettings:
    return RateSettings(count=count, per=per, limit=limit, window=window, listeners=on)  # type: ignore[arg-type]


def everywhere(counters: Counters) -> dict[Shelf, Counters]:
    """The same counters for every shelf."""
    return dict.fromkeys(Shelf, counters)


def named(*rates: RateSettings) -> dict[str, RateSettings]:
    return {f"r{number}": each for number, each in enumerate(rates)}


FIRST = Sending(CLIENT, False, "john@example.org", JOHN)

SHARING = [
    # per, another one, whether both share a count
    ("client", Sending(CLIENT), True),
    ("client", Sending(CLIENT, user="anna@example.org", sender=ANNA), True),
    ("client", Sending(NEIGHBOUR, user="john@example.org", sender=JOHN), False),
    ("network", Sending(NEIGHBOUR), True),
    ("network", Sending(STRANGER, user="john@example.org", sender=JOHN), False),
    ("user", Sending(STRANGER, user="john@example.org", sender=ANNA), True),
    ("user", Sending(STRANGER, True, "john@example.org"), True),
    ("user", Sending(CLIENT, user="anna@example.org", sender=JOHN), False),
    ("user", Sending(CLIENT, sender=JOHN), False),
    ("sender", Sending(STRANGER, sender=Address("john", "EXAMPLE.ORG")), True),
    ("sender", Sending(STRANGER, sender=ANNA), False),
    ("sender_domain", Sending(STRANGER, sender=ANNA), True),
    ("sender_domain", Sending(CLIENT, sender=Address("john", "sub.example.org")), False),
]


@pytest.mark.parametrize(("per", "other", "shared"), SHARING)
@pytest.mark.parametrize("count", ["messages", "recipients", "bytes"])
def test_whose_it_is(count: str, per: str, other: Sending, shared: bool) -> None:
    rates = Rates(
        count, rates_of(UNLIMITED, named(rate(count, per)), "mx"), everywhere(MemoryCounters())
    )  # type: ignore[arg-type]
    assert rates.add(FIRST, NOW) is None
    assert (rates.add(other, NOW) is not None) is shared


@pytest.mark.parametrize(
    ("per", "who"),
    [
        *((per, Sending(CLIENT, trusted=True, sender=JOHN)) for per in ("client", "network")),
        *((per, Sending(CLIENT, True, "john@example.org", JOHN)) for per in ("client", "network")),
        *((per, Sending(CLIENT, True, None, JOHN)) for per in ("sender", "sender_domain", "user")),
        ("sender", Sending(CLIENT)),
        ("sender_domain", Sending(CLIENT)),
        ("user", Sending(CLIENT, sender=JOHN)),
    ],
)
def test_who_is_not_counted(per: str, who: Sending) -> None:
    """Trusted clients as clients, the null sender as a sender, nobody as a user."""
    it = gate(rates=named(rate("messages", per)))
    assert [it.message(who, NOW) for _ in range(3)] == [None] * 3


@pytest.mark.parametrize(
    ("count", "per", "reply", "line"),
    [
        (
            "messages",
            "client",
            "450 4.7.1 Error: too much mail from 192.0.2.7",
            "Message delivery request rate limit exceeded: 2 from mua.example.net[192.0.2.7]",
        ),
        (
            "messages",
            "sender",
            "450 4.7.1 Error: too much mail from john@example.org",
            (
                "Message delivery request rate limit exceeded: 2 from john@example.org, "
                "mua.example.net[192.0.2.7]"
            ),
        ),
        (
            "recipients",
            "network",
            "450 4.7.1 Error: too many recipients from 192.0.2.7",
            (
                "Recipient address rate limit exceeded: 2 from 192.0.2.0/24, "
                "mua.example.net[192.0.2.7]"
            ),
        ),
        (
            "recipients",
            "sender_domain",
            "450 4.7.1 Error: too many recipients from example.org",
            "Recipient address rate limit exceeded: 2 from example.org, mua.example.net[192.0.2.7]",
        ),
        (
            "bytes",
            "user",
            "450 4.7.1 Error: too much mail data from john@example.org",
            "Message data rate limit exceeded: 2 from john@example.org, mua.example.net[192.0.2.7]",
        ),
    ],
)
def test_what_it_says(count: str, per: str, reply: str, line: str) -> None:
    lines: list[str] = []
    it = gate(rates={"small": rate(count, per)}, journal=lambda event: lines.append(event.text))
    ask = {
        "messages": lambda: it.message(FIRST, NOW),
        "recipients": lambda: it.recipient(FIRST, NOW),
        "bytes": lambda: it.content(FIRST, NOW, 1),
    }[count]
    assert ask() is None
    assert str(ask()) == reply
    ask()
    assert lines == [f"warning: {line} for service smtpd [rates.small]"]


def test_what_one_rate_refuses_no_rate_counts() -> None:
    it = gate(rates=named(rate("messages", "user", 5), rate("messages", "client", 1)))
    assert it.message(FIRST, NOW) is None
    assert [it.message(FIRST, NOW) is None for _ in range(9)] == [False] * 9
    elsewhere = Sending(STRANGER, False, "john@example.org")
    other = Sending(NEIGHBOUR, False, "john@example.org")
    assert it.message(elsewhere, NOW) is None
    assert it.message(other, NOW) is None


def test_bytes_are_asked_for_at_mail_and_counted_at_the_end() -> None:
    it = gate(rates=named(rate("bytes", "user", 3 * MEGABYTE)))
    assert it.message(FIRST, NOW, 3 * MEGABYTE) is None
    assert it.message(FIRST, NOW, 3 * MEGABYTE) is None  # nothing came yet
    assert it.content(FIRST, NOW, 2 * MEGABYTE) is None
    assert str(it.message(FIRST, NOW, 2 * MEGABYTE)) == (
        "450 4.7.1 Error: too much mail data from john@example.org"
    )
    assert it.message(FIRST, NOW, MEGABYTE) is None
    assert it.message(FIRST, NOW) is None  # it did not say how much
    assert it.content(FIRST, NOW, 2 * MEGABYTE) is not None
    assert it.content(FIRST, NOW, MEGABYTE) is None


def test_content_that_somebody_else_refused_does_not_count() -> None:
    it = gate(rates=named(rate("bytes", "user", MEGABYTE)))
    for _ in range(3):
        assert it.content(FIRST, NOW, MEGABYTE) is None
        it.content_refused(FIRST, NOW, MEGABYTE)
    assert it.content(FIRST, NOW, MEGABYTE) is None
    assert it.content(FIRST, NOW, 1) is not None


def test_a_limit_in_bytes_may_be_more_than_the_counters_hold() -> None:
    counters = SharedCounters(CounterMemory(1), 0)
    limit = 100_000 * MEGABYTE
    rates = Rates("bytes", [Rate.of("big", rate("bytes", "user", limit))], everywhere(counters))
    assert [rates.add(FIRST, NOW, 24_999 * MEGABYTE) is None for _ in range(5)] == [
        *[True] * 4,
        False,
    ]
    excess = rates.add(FIRST, NOW, 2 * limit)  # more than there is room for at once
    assert excess is not None
    assert excess.count > 2.9 * limit
    assert rates.add(FIRST, NOW, 10 * MEGABYTE) is not None  # nothing was forgotten for that


@given(
    limit=st.integers(1, 10**11), amounts=st.lists(st.integers(0, 10**11), min_size=1, max_size=30)
)
def test_never_more_passes_than_the_limit_and_no_less_than_fits(
    limit: int, amounts: list[int]
) -> None:
    it = Rate.of("x", rate("bytes", "user", limit))
    rates = Rates("bytes", [it], everywhere(MemoryCounters()))
    passed = 0
    for amount in amounts:
        taken = rates.add(FIRST, NOW, amount) is None
        if taken:
            passed += amount
        else:  # each message is rounded up to the unit
            assert passed + amount + len(amounts) * it.unit > limit
    assert passed <= limit
    assert it.limit <= MOST_COUNTED


def test_a_rate_holds_on_its_listeners_together() -> None:
    counters = MemoryCounters()
    settings = named(rate("messages", "client", 1, 60.0, "mx", "submission"))
    mx, submission, submissions = (
        Rates("messages", rates_of(UNLIMITED, settings, name), everywhere(counters))
        for name in ("mx", "submission", "submissions")
    )
    assert mx.add(FIRST, NOW) is None
    assert submission.add(FIRST, NOW) is not None
    assert not submissions


def test_without_a_rate_nothing_is_looked_at() -> None:
    assert rates_of(UNLIMITED, {}, "mx") == ()
    assert not Rates("messages", (), everywhere(MemoryCounters()))


def test_zero_switches_a_limit_off_and_others_stay() -> None:
    kinds = [each.count for each in rates_of(replace(Limits(), bytes_per_user=0), {}, "mx")]
    assert kinds.count("bytes") == 0
    assert kinds.count("messages") == 2


def test_one_message_fits_whatever_was_written() -> None:
    """Else a large one is told to come back later for ever."""
    it = gate(replace(UNLIMITED, bytes_per_user=70_000, bytes_per_network=70_000))
    for who in (FIRST, Sending(CLIENT)):
        assert it.content(who, NOW, Limits().message_size) is None
        assert it.content(who, NOW, 1) is not None


def test_workers_count_together() -> None:
    memory = CounterMemory(2)
    one, two = (
        Rates(
            "recipients",
            rates_of(UNLIMITED, named(rate("recipients", "client", 4)), "mx"),
            everywhere(SharedCounters(memory, worker, Shelf.STRANGERS)),
        )
        for worker in range(2)
    )
    assert [each.add(FIRST, NOW) is None for each in (one, two) * 3] == [True] * 4 + [False] * 2


def test_a_window_slides() -> None:
    it = gate(rates=named(rate("recipients", "client", 50)))
    assert [it.recipient(FIRST, NOW) is None for _ in range(51)] == [True] * 50 + [False]
    assert [it.recipient(FIRST, NOW + 90) is None for _ in range(26)] == [True] * 25 + [False]
    assert [it.recipient(FIRST, NOW + 240) is None for _ in range(51)] == [True] * 50 + [False]


def test_too_many_tls_sessions() -> None:
    lines: list[str] = []
    it = gate(
        rates={"tls": rate("tls_sessions", "client", 2)},
        journal=lambda event: lines.append(event.text),
    )
    assert [it.secure(CLIENT, NOW) for _ in range(2)] == [None, None]
    assert it.invite(CLIENT, NOW) is None  # it may be one that is resumed
    assert str(it.secure(CLIENT, NOW)) == (
        "421 4.7.0 mail.example.org Error: too many new TLS sessions from "
        "mua.example.net[192.0.2.7]"
    )
    assert str(it.invite(CLIENT, NOW)) == (
        "454 4.7.0 Error: too many new TLS sessions from mua.example.net[192.0.2.7]"
    )
    assert lines == [
        (
            "warning: New TLS session rate limit exceeded: 3 from mua.example.net[192.0.2.7] "
            "for service smtpd [rates.tls]"
        ),
        "warning: Refusing STARTTLS request from mua.example.net[192.0.2.7] for service smtpd",
    ]
    assert it.invite(STRANGER, NOW) is None


@pytest.mark.parametrize("per", ["client", "network"])
def test_connections_and_logins_in_windows_of_ones_own(per: str) -> None:
    it = gate(rates=named(rate("connections", per, 1, 3600.0), rate("logins", per, 1, 3600.0)))
    assert it.refuses(CLIENT, 0, NOW) is None
    assert it.attempt(CLIENT, NOW) is None
    # Those are counted though they are refused: who goes on stays out.
    assert it.refuses(CLIENT, 0, NOW + 1800) is not None
    assert it.attempt(CLIENT, NOW + 1800) is not None
    assert it.refuses(CLIENT, 0, NOW + 3700) is not None
    assert it.refuses(CLIENT, 0, NOW + 20_000) is None


def test_what_strangers_invent_takes_the_place_of_nothing_else() -> None:
    """A month of invented senders must not make us forget who is guessing, or what users sent."""
    memory = CounterMemory(1)
    shelves = {shelf: SharedCounters(memory, 0, shelf) for shelf in Shelf}
    named_rates = named(
        rate("messages", "sender", 5, 31 * 86_400.0), rate("messages", "user", 5, 31 * 86_400.0)
    )
    rates = Rates("messages", rates_of(UNLIMITED, named_rates, "mx"), shelves)
    failures = Window("failures of address", 3600.0)
    for _ in range(5):
        shelves[Shelf.LIMITS].add(failures, "192.0.2.7", NOW)
        rates.add(FIRST, NOW)
    for number in range(2 * ENTRIES):
        rates.add(Sending(STRANGER, sender=Address(f"a{number}", "b.example")), NOW)
    assert shelves[Shelf.LIMITS].count(failures, "192.0.2.7", NOW) == 5
    assert rates.add(Sending(STRANGER, user=FIRST.user), NOW) is not None
