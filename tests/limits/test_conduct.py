"""What gives a stolen account away, and what does not: families, clubs, newsletters, travellers."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fake_counters import MemoryCounters
from postroad.limits.conduct import (
    Act,
    Bounced,
    Conduct,
    Finding,
    Limited,
    LoggedIn,
    Offered,
    Refused,
    Withdrew,
    spoken,
)
from postroad.limits.conduct_settings import ContainmentSettings
from postroad.limits.counters import CounterMemory, SharedCounters
from postroad.model import Reply

NOW = 1_800_000_000.0
MINUTE, HOUR, DAY = 60.0, 3600.0, 86_400.0
JOHN, ANNA = "john@example.org", "anna@example.org"

NOT_OWNED = Reply.of(553, "5.7.1", "<x>: Sender address rejected: not owned by user john")
UNKNOWN = Reply.of(550, "5.1.1", "<x>: Recipient address rejected: User unknown")
GONE = Reply.of(550, "5.1.1", "no such user")
LATER = Reply.of(451, "4.4.1", "no answer")


class Watch:
    """Accounts that are watched, with a clock of their own."""

    def __init__(self, **settings: object) -> None:
        self.counters = MemoryCounters()
        self.settings = replace(ContainmentSettings(), **settings)  # type: ignore[arg-type]
        self.conduct = Conduct(self.settings, self.counters)
        self.now = NOW

    def __call__(self, act: Act, times: int = 1, *, account: str = JOHN) -> Finding | None:
        """The last thing that is found in so many repetitions."""
        found = None
        for _ in range(times):
            found = self.conduct.notice(account, act, self.now)
        return found


def foreign(number: int) -> Refused:
    return Refused(NOT_OWNED, f"boss{number}@example.com", "lisa@example.net")


def unknown(number: int) -> Refused:
    return Refused(UNKNOWN, JOHN, f"a{number}@example.org")


def region(number: int) -> LoggedIn:
    return LoggedIn(f"198.{number}.1.2")


# Thieves -----------------------------------------------------------------------------------------


def test_a_burst_is_found_with_the_recipient_that_is_one_too_many() -> None:
    watch = Watch()
    assert watch(Offered(500), 5) is None
    assert watch(Offered(1)) == Finding("burst", "2501 recipients in 10 minutes, more than 2500")


def test_what_came_to_nothing_is_no_part_of_a_burst() -> None:
    watch = Watch()
    for _ in range(100):  # a message that is too large, tried again and again
        assert watch(Offered(500)) is None
        assert watch(Withdrew(500, watch.now)) is None
    assert watch.conduct.burst(JOHN, watch.now) == 0


@pytest.mark.parametrize("age", [1.0, 599.0, 601.0, 1201.0, DAY])
def test_offers_that_were_kept_open_make_no_room_for_a_burst(age: float) -> None:
    watch = Watch()
    watch(Offered(800), 3)
    opened = watch.now
    watch.now = -(-(opened + age) // 600) * 600 + 1  # all of what follows is in one bucket
    watch(Offered(2000))
    before = watch.conduct.burst(JOHN, watch.now)
    for _ in range(3):
        watch(Withdrew(800, opened))
    assert 2000 <= watch.conduct.burst(JOHN, watch.now) <= before
    assert watch(Offered(501)) is not None


def test_bounces_are_found_when_they_are_many_and_a_large_share() -> None:
    watch = Watch()
    watch(Offered(400))
    assert watch(Bounced(GONE), 100) is None
    found = watch(Bounced(GONE))
    assert found is not None
    assert found.rule == "bounces"
    assert found.words == (
        "101 of 400 recipients in a day refused by their servers, more than 100 and more than 20 %"
    )


def test_logins_from_many_regions_are_found() -> None:
    watch = Watch()
    for number in range(20):
        assert watch(region(number)) is None
    found = watch(region(20))
    assert found == Finding("networks", "logins from 21 networks in an hour, more than 20")


@pytest.mark.parametrize(
    ("act", "most", "rule"),
    [(foreign, 20, "foreign_senders"), (unknown, 100, "unknown_recipients")],
)
def test_different_addresses_that_are_refused_are_found(act, most, rule) -> None:
    watch = Watch()
    for number in range(most):
        assert watch(act(number), 3) is None
    found = watch(act(most))
    assert found is not None
    assert found.rule == rule
    assert found.words.startswith(f"{most + 1} different ")


def test_who_goes_on_and_on_after_a_limit_is_found() -> None:
    watch = Watch()
    assert watch(Limited(), 1000) is None
    found = watch(Limited())
    assert found == Finding("limited", "1001 refusals by limits in an hour, more than 1000")


def test_once_there_are_too_many_different_things_no_more_are_kept() -> None:
    watch = Watch()
    for number in range(10_000):
        watch(foreign(number))
    assert len(watch.counters._buckets) < 50
    assert watch(foreign(0)) is not None


def test_an_unusual_burst_is_measured_by_what_was_usual() -> None:
    watch = Watch()
    watch(Offered(501))
    assert watch.conduct.unusual(JOHN, 51, NOW) is None
    found = watch.conduct.unusual(JOHN, 50, NOW)
    assert found is not None
    assert found.rule == "unusual_burst"
    assert "501 recipients in 10 minutes from a network that is new" in found.words
    never = watch.conduct.unusual(JOHN, 0, NOW)
    assert never is not None
    assert never.words.endswith("which never sent to so many before")
    watch(Withdrew(1, watch.now))
    assert watch.conduct.unusual(JOHN, 0, NOW) is None


def test_accounts_are_counted_apart_and_all_workers_together() -> None:
    memory = CounterMemory(2)
    first, second = (
        Conduct(ContainmentSettings(), SharedCounters(memory, worker)) for worker in range(2)
    )
    for number in range(25):
        worker = first if number % 2 else second
        assert worker.notice(JOHN, Offered(100), NOW) is None
        assert worker.notice(ANNA, Offered(1), NOW) is None
    assert first.notice(ANNA, Offered(1), NOW) is None
    assert second.notice(JOHN, Offered(1), NOW) is not None
    memory.close()


# Everybody else ----------------------------------------------------------------------------------


def test_a_newsletter_within_the_limits_is_none() -> None:
    """A message for each of 2000 subscribers in an hour, every day; five of a hundred bounce."""
    watch = Watch()
    for day in range(5):
        for number in range(2000):
            watch.now = NOW + day * DAY + number * HOUR / 2000
            assert watch(Offered(1)) is None
            if number % 20 == 0:
                assert watch(Bounced(GONE)) is None


def test_a_newsletter_that_goes_as_fast_as_it_can_is_none() -> None:
    watch = Watch()
    assert watch(Offered(1), 2000) is None
    assert watch(Bounced(GONE), 300) is None  # 15 % of a list that nobody has kept


def test_what_is_given_up_after_days_is_no_bounce() -> None:
    """A dead domain fails for a whole list at once, when nothing was sent for days."""
    watch = Watch()
    watch(Offered(1))
    assert watch(Bounced(LATER), 5000) is None


def test_bounces_of_mail_from_before_the_start_are_not_judged() -> None:
    watch = Watch()
    watch(Offered(3))
    assert watch(Bounced(GONE), 500) is None


def test_an_invitation_of_a_club_is_no_burst() -> None:
    watch = Watch()
    for _ in range(10):  # fifty members in each message
        assert watch(Offered(50)) is None
    assert watch.conduct.unusual(JOHN, 3, NOW) is None


def test_a_program_that_tries_twenty_drafts_again_and_again_is_none() -> None:
    """Its sender is not the account's: each of twenty drafts, every minute for a day."""
    watch = Watch()
    for minute in range(24 * 60):
        watch.now = NOW + minute * MINUTE
        for draft in range(20):
            refused = Refused(NOT_OWNED, "old@example.org", f"friend{draft}@example.net")
            assert watch(refused) is None
            assert watch(unknown(draft)) is None


def test_a_traveller_in_four_networks_a_day_is_none() -> None:
    watch = Watch()
    for hour in range(24 * 7):
        watch.now = NOW + hour * HOUR
        assert watch(region(hour // 6)) is None
        assert watch(LoggedIn("2001:db8::1")) is None


def test_a_telephone_whose_address_changes_by_the_minute_is_none() -> None:
    """Within two regions of its provider, and one of IPv6."""
    watch = Watch()
    for minute in range(24 * 60):
        watch.now = NOW + minute * MINUTE
        assert watch(LoggedIn(f"100.{64 + minute % 2}.{minute % 256}.{minute % 251}")) is None
        assert watch(LoggedIn(f"2001:db8:{minute:x}::1")) is None


def test_a_household_that_logs_in_each_second_is_none() -> None:
    watch = Watch()
    for second in range(3600):
        watch.now = NOW + second
        assert watch(LoggedIn("192.0.2.7")) is None


@pytest.mark.parametrize(
    "reply",
    [
        Reply.of(450, "4.7.1", "later"),
        Reply.of(554, "5.7.1", "Relay access denied"),
        Reply.of(504, "5.5.2", "Helo command rejected: need fully-qualified hostname"),
        Reply.of(550, "5.7.1", "Service unavailable; blocked"),
        Reply.of(450, "4.1.1", "unverified address"),
        Reply.of(552, "5.3.4", "too large"),
    ],
)
def test_other_refusals_say_nothing_of_an_account(reply: Reply) -> None:
    watch = Watch()
    for number in range(500):
        refused = Refused(reply, f"a{number}@example.org", f"b{number}@example.org")
        assert watch(refused) is None


# Settings ----------------------------------------------------------------------------------------

_ACTS: dict[str, tuple[Act, ...]] = {
    "burst": (Offered(10_000),),
    "networks": tuple(map(region, range(100))),
    "unknown_recipients": tuple(map(unknown, range(500))),
    "foreign_senders": tuple(map(foreign, range(500))),
    "limited": (Limited(),) * 5000,
    "bounces": (Offered(2000), *(Bounced(GONE),) * 2000),
}


@pytest.mark.parametrize("rule", _ACTS)
def test_each_rule_can_be_switched_off(rule: str) -> None:
    on, off = Watch(), Watch(**{rule: 0})
    found = [on(act) for act in _ACTS[rule]]
    assert {each.rule for each in found if each is not None} == {rule}
    assert not any(off(act) for act in _ACTS[rule])


@pytest.mark.parametrize("window", ["burst_window", "window", "bounce_window"])
def test_each_window_can_be_switched_off(window: str) -> None:
    of_window = {
        "burst_window": ["burst"],
        "window": ["networks", "unknown_recipients", "foreign_senders", "limited"],
        "bounce_window": ["bounces"],
    }
    for rule in of_window[window]:
        watch = Watch(**{window: 0.0})
        found = [watch(act) for act in _ACTS[rule]]
        assert not [each for each in found if each is not None and each.rule == rule]
    assert Watch(burst_window=0.0).conduct.burst(JOHN, NOW) == 0


def test_without_a_share_the_number_of_bounces_is_enough() -> None:
    watch = Watch(bounce_share=0)
    watch(Offered(2000))
    assert watch(Bounced(GONE), 100) is None
    assert watch(Bounced(GONE)) is not None


_SMALL = st.one_of(
    st.integers(1, 1).map(Offered),
    st.integers(0, 19).map(region),
    st.integers(0, 99).map(unknown),
    st.integers(0, 19).map(foreign),
    st.just(Bounced(LATER)),
    st.just(Limited()),
)


@given(st.lists(st.tuples(_SMALL, st.floats(0, 5)), max_size=300))
def test_no_order_of_few_things_is_too_much(acts: list[tuple[Act, float]]) -> None:
    watch = Watch()
    for act, pause in acts:
        watch.now += pause
        assert watch(act) is None


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (600.0, "10 minutes"),
        (3600.0, "an hour"),
        (86_400.0, "a day"),
        (60.0, "a minute"),
        (90.0, "90 seconds"),
        (172_800.0, "2 days"),
    ],
)
def test_durations_are_spoken(seconds: float, words: str) -> None:
    assert spoken(seconds) == words
