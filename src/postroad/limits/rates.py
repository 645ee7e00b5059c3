"""Rates: how much of what may come from whom, in a window that slides.

A rate is a row of data: what is counted, by which key, over what time, and how many are too many.
Those of `[limits]` and those of `[rates.NAME]` are of one kind and counted by the same few lines.
This module knows no words for clients and no log (the gate has them), and no clock.

Who is counted. What a trusted network excuses is its address: behind it may be a web mailer or an
application that speaks for many. So clients there are not counted as clients, and without a login
not at all. A user is proved, wherever the login came from; a stolen account is used through web
mail as gladly as from elsewhere, and a rate that web mail leads around protects nobody. So users
count from everywhere; and whoever may act as others counts as himself, so that he cannot use up
what they may send, nor have it besides his own. The sender is only what the client says: rates by
it slow a flood down, but a forger can use up somebody else's share, and so there is none unless the
operator asks for it. The null sender is nobody's and is not counted by sender.

What is refused is not counted, but for connections, TLS sessions and logins: those have cost what
they cost, and whoever goes on without a pause stays out, as with Postfix.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from postroad.limits.counters import Counters, Shelf, Window
from postroad.limits.network import network_of
from postroad.limits.settings import CountName, Limits, PerName, RateSettings
from postroad.model import Address, Client
from postroad.model.address import domain_key

__all__ = ["LONGEST_WINDOW", "SHORTEST_WINDOW", "Excess", "Rate", "Rates", "Sending", "rates_of"]

MINUTE = 60.0
HOUR = 3600.0

SHORTEST_WINDOW = 1.0
"""Seconds. Less than that is the time between two commands of one message."""

LONGEST_WINDOW = 31 * 86_400.0
"""Seconds. Counts are kept in memory for up to two windows, and end with the server."""

MOST_COUNTED = 2**30
"""Half of what an entry of the counters holds, so that a count can pass its limit and be seen."""

_UNFORGIVEN = frozenset({"connections", "tls_sessions", "logins"})


@dataclass(frozen=True, slots=True)
class Sending:
    """Who does something, with all that a rate may count by.

    Attributes:
        client: the connecting host.
        trusted: whether it is in the trusted networks.
        user: the account that answers for it (`Login.accountable`); `None`: nobody logged in.
        sender: the address in MAIL; `None` is the null one, or none yet.
    """

    client: Client
    trusted: bool = False
    user: str | None = None
    sender: Address | None = None


def _client(who: Sending) -> str | None:
    return None if who.trusted else who.client.address


def _network(who: Sending) -> str | None:
    return None if who.trusted else network_of(who.client.address)


def _stranger_network(who: Sending) -> str | None:
    return None if who.trusted or who.user is not None else network_of(who.client.address)


def _user(who: Sending) -> str | None:
    return who.user


def _sender(who: Sending) -> str | None:
    if who.sender is None or (who.trusted and who.user is None):
        return None
    return who.sender.key


def _sender_domain(who: Sending) -> str | None:
    if who.sender is None or (who.trusted and who.user is None):
        return None
    return domain_key(who.sender.domain)


Key = Callable[[Sending], str | None]
"""Under what name somebody is counted; `None`: not at all."""

_KEYS: Mapping[PerName, Key] = {
    "client": _client,
    "network": _network,
    "user": _user,
    "sender": _sender,
    "sender_domain": _sender_domain,
}


@dataclass(frozen=True, slots=True)
class Rate:
    """One limit.

    Attributes:
        count: what is counted.
        key: of whom.
        by_address: whether that is the client's address or network, as which it is complained to.
        window: over what time.
        limit: how many `unit`s are let pass.
        unit: as how many one counts in the counters: octets may be more than they hold.
        name: the NAME of `[rates.NAME]`; empty for those of `[limits]`.
        shelf: where it is counted.
    """

    count: CountName
    key: Key
    by_address: bool
    window: Window
    limit: int
    unit: int = 1
    name: str = ""
    shelf: Shelf = Shelf.LIMITS

    @classmethod
    def of(cls, name: str, settings: RateSettings) -> Rate:
        """The rate of `[rates.NAME]`."""
        by_address = settings.per in {"client", "network"}
        kind = f"rate {name}: {settings.count} per {settings.per}"
        rate = _rate(
            settings.count,
            _KEYS[settings.per],
            settings.limit,
            (kind, settings.window),
            by_address=by_address,
        )
        shelf = Shelf.USERS if settings.per == "user" else Shelf.STRANGERS
        return replace(rate, name=name, shelf=shelf)

    @property
    def is_users(self) -> bool:
        """Whether only the user who is counted can use it up."""
        return not self.by_address and self.shelf is not Shelf.STRANGERS

    def units(self, amount: int) -> int:
        """An amount as it is counted, rounded up."""
        return -(-amount // self.unit)


@dataclass(frozen=True, slots=True)
class Excess:
    """A rate that somebody is over.

    Attributes:
        rate: which.
        key: who, as it is counted.
        units: how many of the rate's units there were, with the one too many.
    """

    rate: Rate
    key: str
    units: int

    @property
    def count(self) -> int:
        """The same in whole."""
        return self.units * self.rate.unit


class Rates:
    """The rates of one kind that hold on a listener."""

    __slots__ = ("_forgiving", "_rates")

    def __init__(
        self, count: CountName, rates: Iterable[Rate], shelves: Mapping[Shelf, Counters]
    ) -> None:
        """Rates, counted in the order given.

        Args:
            count: the kind; rates of others are left out.
            rates: of any kind.
            shelves: the counters of each shelf, shared by all workers.
        """
        self._rates = tuple((rate, shelves[rate.shelf]) for rate in rates if rate.count == count)
        self._forgiving = count not in _UNFORGIVEN

    def __bool__(self) -> bool:
        return bool(self._rates)

    def add(self, who: Sending, now: float, amount: int = 1) -> Excess | None:
        """Count; the first rate that this is too much for, and then it is counted by none.

        Args:
            who: whose it is.
            now: seconds since the epoch.
            amount: how many.
        """
        for place, (rate, counters) in enumerate(self._rates):
            key = rate.key(who)
            if key is None:
                continue
            units = rate.units(amount)
            if units > rate.limit:  # which the counters need not be able to hold
                self._take_back(self._rates[:place], who, now, amount)
                return Excess(rate, key, counters.count(rate.window, key, now) + units)
            there = counters.add(rate.window, key, now, units)
            if there > rate.limit:
                if self._forgiving:
                    self._take_back(self._rates[: place + 1], who, now, amount)
                return Excess(rate, key, there)
        return None

    def would_exceed(self, who: Sending, now: float, amount: int = 1) -> Excess | None:
        """The rate that so many more would be too much for; nothing is counted."""
        for rate, counters in self._rates:
            key = rate.key(who)
            if key is not None:
                there = counters.count(rate.window, key, now) + rate.units(amount)
                if there > rate.limit:
                    return Excess(rate, key, there)
        return None

    def used_up(self, who: Sending, now: float) -> bool:
        """Whether the user has come to the end of a rate by his own doing."""
        for rate, counters in self._rates:
            key = rate.key(who) if rate.is_users else None
            if key is not None and counters.count(rate.window, key, now) >= rate.limit:
                return True
        return False

    def take_back(self, who: Sending, now: float, amount: int = 1) -> None:
        """What was counted came to nothing."""
        self._take_back(self._rates, who, now, amount)

    @staticmethod
    def _take_back(
        rates: Iterable[tuple[Rate, Counters]], who: Sending, now: float, amount: int
    ) -> None:
        for rate, counters in rates:
            key = rate.key(who)
            if key is not None:
                counters.add(rate.window, key, now, -rate.units(amount))


def rates_of(limits: Limits, named: Mapping[str, RateSettings], listener: str) -> tuple[Rate, ...]:
    """Every rate that holds on a listener; those of `[limits]` first.

    Args:
        limits: `[limits]`; 0 is no limit.
        named: `[rates]`.
        listener: its name in the configuration.
    """
    own = (
        Rate.of(name, settings)
        for name, settings in named.items()
        if not settings.listeners or listener in settings.listeners
    )
    return (*_of_limits(limits), *own)


def _of_limits(limits: Limits) -> Iterator[Rate]:
    table: tuple[tuple[CountName, Key, int, tuple[str, float]], ...] = (
        (
            "connections",
            _client,
            limits.connections_per_address,
            ("connections of address", MINUTE),
        ),
        (
            "connections",
            _network,
            limits.connections_per_network,
            ("connections of network", MINUTE),
        ),
        ("logins", _client, limits.logins_per_address, ("logins of address", MINUTE)),
        (
            "messages",
            _stranger_network,
            limits.messages_per_network,
            ("messages of network", HOUR),
        ),
        ("messages", _user, limits.messages_per_user, ("messages of user", HOUR)),
        (
            "recipients",
            _stranger_network,
            limits.recipients_per_network,
            ("recipients of network", HOUR),
        ),
        ("recipients", _user, limits.recipients_per_user, ("recipients of user", HOUR)),
        (
            "bytes",
            _stranger_network,
            _for_one_message(limits.bytes_per_network, limits),
            ("bytes of network", HOUR),
        ),
        ("bytes", _user, _for_one_message(limits.bytes_per_user, limits), ("bytes of user", HOUR)),
    )
    for count, key, limit, window in table:
        if limit:
            yield _rate(count, key, limit, window, by_address=key is not _user)


def _for_one_message(octets: int, limits: Limits) -> int:
    """Not less than one message: a larger one would be told to come back later for ever."""
    return octets and max(octets, limits.message_size)


def _rate(
    count: CountName,
    key: Key,
    limit: int,
    window: tuple[str, float],
    *,
    by_address: bool,
) -> Rate:
    """A rate whose counts fit into the counters, in octets or in as many as there must be."""
    kind, seconds = window
    unit = limit // MOST_COUNTED + 1
    if unit > 1:  # a reload that changes the unit begins to count anew
        kind = f"{kind} by {unit}"
    return Rate(count, key, by_address, Window(kind, seconds), limit // unit, unit)
