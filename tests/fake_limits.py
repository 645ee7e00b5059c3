"""Limits for tests of those who ask: bans and known logins in memory, and gates over them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from ipaddress import ip_address

from fake_counters import MemoryCounters
from postroad.limits.bans import Ban, network_banned
from postroad.limits.counters import Shelf
from postroad.limits.gate import Gate
from postroad.limits.network import network_of
from postroad.limits.rates import rates_of
from postroad.limits.settings import UNCOUNTED, Limits, RateSettings

UNLIMITED = replace(UNCOUNTED, sessions=0)


class FakeBans:
    """Implements `BanList`."""

    def __init__(self) -> None:
        self.bans: dict[str, Ban] = {}

    def of_address(self, address: str, now: float) -> Ban | None:
        for subject, ban in self.bans.items():
            network = network_banned(subject)
            if network is not None and ip_address(address) in network and ban.holds(now):
                return ban
        return None

    def of_subject(self, subject: str, now: float) -> Ban | None:
        ban = self.bans.get(subject)
        return ban if ban is not None and ban.holds(now) else None

    def last(self, subject: str) -> Ban | None:
        return self.bans.get(subject)

    def put(self, ban: Ban, remember: float) -> None:
        self.bans[ban.subject] = ban


class FakeFamiliar:
    """Stands in for `Familiar`."""

    def __init__(self) -> None:
        self.logins: dict[tuple[str, str], float] = {}

    def knows(self, user: str, address: str, since: float) -> bool:
        return self.logins.get((user.casefold(), network_of(address)), -1e99) > since

    def has_seen(self, user: str, since: float) -> bool:
        return any(who == user.casefold() and at > since for (who, _), at in self.logins.items())

    def remember(self, user: str, address: str, now: float, keep: float) -> None:
        self.logins[user.casefold(), network_of(address)] = now


def gate(
    limits: Limits = UNLIMITED,
    rates: Mapping[str, RateSettings] | None = None,
    *,
    counters: MemoryCounters | None = None,
    bans: FakeBans | None = None,
    is_trusted=lambda address: False,
    journal=lambda event: None,
) -> Gate:
    """A gate of the listener `smtpd` that lets everybody in unless told otherwise."""
    return Gate(
        service="smtpd",
        hostname="mail.example.org",
        limits=limits,
        rates=rates_of(limits, rates or {}, "mx"),
        shelves=dict.fromkeys(Shelf, counters or MemoryCounters()),
        bans=bans or FakeBans(),
        is_trusted=is_trusted,
        journal=journal,
    )
