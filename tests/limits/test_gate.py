"""What the gate says, in Postfix's words, and how often it says it to the log."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fake_counters import MemoryCounters
from fake_limits import UNLIMITED, FakeBans, gate
from postroad.limits.bans import Author, Ban
from postroad.limits.rates import Sending
from postroad.limits.settings import Limits
from postroad.model import LOCAL, UNKNOWN, Client
from postroad.model.journal import Level

NOW = 1_800_000_000.0
CLIENT = Client("192.0.2.7", 4711, "mua.example.net")
NEIGHBOUR = Client("192.0.2.8", 4711)
STRANGER = Client("198.51.100.1", 4711)
SIX, SIX_TOO = Client("2001:db8::1", 1), Client("2001:db8::2", 1)
HOST = "mail.example.org"


def john_at(client: Client, *, trusted: bool = False) -> Sending:
    return Sending(client, trusted, "john@example.org")


def few(**limits: int) -> Limits:
    return replace(UNLIMITED, **limits)


class Listened(list):
    @property
    def lines(self) -> list[str]:
        return [event.text for event in self]


@pytest.mark.parametrize(
    ("limits", "asked", "reply", "line"),
    [
        (
            few(messages_per_network=2),
            lambda it, who, trusted: it.message(Sending(who, trusted), NOW),
            "450 4.7.1 Error: too much mail from 192.0.2.7",
            (
                "Message delivery request rate limit exceeded: 3 from 192.0.2.0/24, "
                "mua.example.net[192.0.2.7] for service smtpd"
            ),
        ),
        (
            few(messages_per_user=2),
            lambda it, who, trusted: it.message(john_at(who), NOW),
            "450 4.7.1 Error: too much mail from john@example.org",
            (
                "Message delivery request rate limit exceeded: 3 from john@example.org, "
                "mua.example.net[192.0.2.7] for service smtpd"
            ),
        ),
        (
            few(recipients_per_network=2),
            lambda it, who, trusted: it.recipient(Sending(who, trusted), NOW),
            "450 4.7.1 Error: too many recipients from 192.0.2.7",
            (
                "Recipient address rate limit exceeded: 3 from 192.0.2.0/24, "
                "mua.example.net[192.0.2.7] for service smtpd"
            ),
        ),
        (
            few(recipients_per_user=2),
            lambda it, who, trusted: it.recipient(john_at(who), NOW),
            "450 4.7.1 Error: too many recipients from john@example.org",
            (
                "Recipient address rate limit exceeded: 3 from john@example.org, "
                "mua.example.net[192.0.2.7] for service smtpd"
            ),
        ),
        (
            few(logins_per_address=2),
            lambda it, who, trusted: it.attempt(who, NOW),
            "450 4.7.1 Error: too many AUTH commands from 192.0.2.7",
            "AUTH command rate limit exceeded: 3 from mua.example.net[192.0.2.7] for service smtpd",
        ),
        (
            few(sessions_per_user=2),
            lambda it, who, trusted: it.log_in(who, "john@example.org", NOW),
            f"421 4.7.0 {HOST} Error: too many sessions of john@example.org",
            (
                "Session concurrency limit exceeded: 3 from john@example.org, "
                "mua.example.net[192.0.2.7] for service smtpd"
            ),
        ),
        (
            few(sessions_per_address=2),
            lambda it, who, trusted: it.enter(who, NOW),
            f"421 4.7.0 {HOST} Error: too many connections from 192.0.2.7",
            (
                "Connection concurrency limit exceeded: 3 from "
                "mua.example.net[192.0.2.7] for service smtpd"
            ),
        ),
        (
            few(connections_per_network=2),
            lambda it, who, trusted: it.refuses(who, 0, NOW),
            f"421 4.7.0 {HOST} Error: too many connections from 192.0.2.7",
            (
                "Connection rate limit exceeded: 3 from 192.0.2.0/24, "
                "mua.example.net[192.0.2.7] for service smtpd"
            ),
        ),
    ],
)
def test_one_too_many(limits, asked, reply, line) -> None:
    journal = Listened()
    it = gate(limits, journal=journal.append)
    assert [asked(it, CLIENT, False) for _ in range(2)] == [None, None]
    assert str(asked(it, CLIENT, False)) == reply
    assert journal.lines == [f"warning: {line}"]

    if "john@" not in reply or "sessions" in reply:  # users' mail is counted from everywhere
        trusting = gate(limits, is_trusted=lambda address: address == CLIENT.address)
        assert [asked(trusting, CLIENT, True) for _ in range(5)] == [None] * 5

    assert [asked(gate(), CLIENT, False) for _ in range(5)] == [None] * 5


def test_a_network_is_a_24_or_a_64() -> None:
    it = gate(few(messages_per_network=1))
    assert it.message(Sending(CLIENT), NOW) is None
    assert it.message(Sending(NEIGHBOUR), NOW) is not None
    assert it.message(Sending(STRANGER), NOW) is None
    assert it.message(Sending(SIX), NOW) is None
    assert it.message(Sending(SIX_TOO), NOW) is not None


def test_who_is_logged_in_does_not_count_for_the_network() -> None:
    it = gate(few(messages_per_network=1, recipients_per_network=1))
    assert it.message(Sending(CLIENT), NOW) is None
    assert it.message(john_at(CLIENT), NOW) is None
    assert it.recipient(john_at(CLIENT), NOW) is None


def test_refused_mail_does_not_prolong_the_refusal() -> None:
    it = gate(few(messages_per_user=60))
    for _ in range(500):
        it.message(john_at(CLIENT), NOW)
    later = NOW + 3600 + 600  # five sixths of the full hour still count
    assert [it.message(john_at(CLIENT), later) is None for _ in range(12)] == [True] * 10 + [
        False,
        False,
    ]


def test_a_session_gives_its_places_back() -> None:
    it = gate(few(sessions_per_address=1, sessions_per_network=2, sessions_per_user=1))
    assert it.enter(CLIENT, NOW) is None
    assert it.enter(CLIENT, NOW) is not None
    assert it.enter(NEIGHBOUR, NOW) is None
    assert it.enter(Client("192.0.2.9", 1), NOW) is not None
    it.leave(CLIENT)
    assert it.enter(CLIENT, NOW) is None

    assert it.log_in(CLIENT, "john", NOW) is None
    assert it.log_in(CLIENT, "john", NOW) is not None
    it.log_out("john")
    assert it.log_in(CLIENT, "john", NOW) is None


def test_nobody_is_counted_under_a_name_that_all_proxies_give() -> None:
    """The health checks of several proxies would turn each other away."""
    nobody = Client(UNKNOWN, 0)
    it = gate(Limits(connections_per_address=1, connections_per_network=1))

    assert [it.refuses(nobody, 0, NOW) for _ in range(3)] == [None] * 3


def test_gates_share_their_counters() -> None:
    counters = MemoryCounters()
    first, second = (gate(few(sessions_per_address=1), counters=counters) for _ in range(2))
    assert first.enter(CLIENT, NOW) is None
    assert second.enter(CLIENT, NOW) is not None


def test_a_client_without_an_address() -> None:
    it = gate(Limits())
    local = Client(LOCAL, 0, "localhost")
    assert it.refuses(local, 0, NOW) is None
    assert it.enter(local, NOW) is None
    assert it.message(Sending(local, trusted=True), NOW) is None
    it.leave(local)


def banned(until: float | None, author: Author = Author.AUTOMATIC) -> FakeBans:
    bans = FakeBans()
    bans.put(Ban("192.0.2.0/24", "10 failed logins", author, NOW, until), 0)
    return bans


@pytest.mark.parametrize(
    ("author", "trusted", "is_refused"),
    [
        (Author.AUTOMATIC, False, True),
        (Author.AUTOMATIC, True, False),
        (Author.OPERATOR, True, True),
    ],
)
def test_trusted_clients_do_not_suffer_for_their_neighbours(
    author: Author, trusted: bool, is_refused: bool
) -> None:
    it = gate(bans=banned(None, author), is_trusted=lambda address: trusted)
    assert (it.refuses(CLIENT, 0, NOW) is not None) is is_refused
    assert (it.attempt(CLIENT, NOW) is not None) is is_refused


def test_a_banned_client_is_refused_also_at_its_next_login() -> None:
    it = gate(bans=banned(NOW + 60))
    words = f"421 4.7.0 {HOST} Error: no service for 192.0.2.7 at this time"
    assert str(it.refuses(CLIENT, 0, NOW)) == words
    assert str(it.attempt(CLIENT, NOW)) == words
    assert it.refuses(STRANGER, 0, NOW) is None
    assert it.refuses(CLIENT, 0, NOW + 60) is None


def test_a_flood_leaves_a_line_a_minute() -> None:
    journal = Listened()
    it = gate(bans=banned(None), journal=journal.append)
    for second in range(150):
        it.refuses(CLIENT, 0, NOW + second)
    line = (
        "connection from mua.example.net[192.0.2.7] refused: "
        "192.0.2.0/24 is banned for ever (10 failed logins)"
    )
    assert journal.lines == [line, *[f"{line}; 59 more since the last line"] * 2]


def test_a_clock_that_was_set_back_does_not_silence_the_log() -> None:
    journal = Listened()
    it = gate(journal=journal.append)
    for now in (NOW, NOW + 1, NOW - 3600, NOW - 3599):
        it._say("key", "words", Level.WARNING, now)
    assert journal.lines == [
        "warning: words",
        "warning: words; 1 more since the last line",
    ]
