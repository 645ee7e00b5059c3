"""The section `[warmup."ADDRESS"]`: how much a new source address may send on which day."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

from postroad.model.address import belongs_to

__all__ = ["GROUPS", "OTHERS", "Schedule", "WarmupSettings", "first_day", "group_of"]

OTHERS = "*"
"""The group of everybody who is in no other one."""

GROUPS: Mapping[str, tuple[str, ...]] = {
    "google": ("google.com", "googlemail.com", "gmail.com"),
    "microsoft": (
        "outlook.com",
        "hotmail.com",
        "live.com",
        "microsoft.com",
        "office365.us",
    ),
    "yahoo": ("yahoodns.net", "yahoo.com", "yahoo.co.jp", "aol.com"),
    "apple": ("icloud.com", "me.com", "apple.com"),
    "proofpoint": ("pphosted.com", "ppe-hosted.com"),
    "mimecast": ("mimecast.com",),
    "cisco": ("iphmx.com",),
    "comcast": ("comcast.net",),
    "gmx": ("gmx.net", "web.de", "kundenserver.de", "1and1.com", "ionos.com"),
    "telekom": ("t-online.de",),
    "orange": ("orange.fr", "wanadoo.fr"),
    "mail.ru": ("mail.ru",),
    "yandex": ("yandex.ru", "yandex.net"),
    "qq": ("qq.com",),
    "netease": ("netease.com", "163.com", "126.com"),
}
"""Those who judge an address as one, by the domains that their mail exchangers are in."""

MAX_DAYS = 400
MOST = 1_000_000_000

_DOUBLING = re.compile(r"double from ([0-9]{1,9}) to ([0-9]{1,9})\Z")
_NUMBERS = re.compile(r"[0-9]{1,9}(?:[\s,]+[0-9]{1,9})*\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class WarmupSettings:
    """`[warmup."ADDRESS"]`: what a new source address may send, day by day.

    Days are those of UTC. The schedule holds for each of the large providers by itself, and for
    all other destinations together. After its last day there is no limit.

    Attributes:
        start: the first day, `"2026-11-01"`; before it nothing is sent from the address.
        schedule: messages on the first day, the second and so on, `"50, 100, 200"`; or
            `"double from 50 to 50000"`.
        groups: other schedules for single providers, by their names (`google`, `microsoft`, …).
        beyond: what becomes of mail when the day's share is used up: it leaves by the `others`
            of the pool, or it `wait`s.
        slow_down: whether the share of a day is halved, once an hour at the most, when a provider
            defers mail because it comes too fast.
    """

    start: str
    schedule: str
    groups: dict[str, str] = field(default_factory=dict)
    beyond: Literal["others", "wait"] = "others"
    slow_down: bool = True


@dataclass(frozen=True, slots=True)
class Schedule:
    """How much on which day.

    Attributes:
        shares: messages on each day, from the first one on.
    """

    shares: tuple[int, ...]

    @classmethod
    def parse(cls, text: str) -> Schedule:
        """Read `50, 100, 200` or `double from 50 to 50000`.

        Raises:
            ValueError: it is neither; the message is for the operator.
        """
        words = text.strip().lower()
        doubling = _DOUBLING.match(words)
        if doubling:
            share, last = int(doubling[1]), int(doubling[2])
            if not 0 < share <= last:
                raise ValueError("the first share must be above 0, and the last not below it")
            shares = [share]
            while shares[-1] * 2 < last:
                shares.append(shares[-1] * 2)
            return cls((*shares, last) if last > shares[-1] else tuple(shares))
        if not _NUMBERS.match(words):
            raise ValueError(
                'expected numbers such as "50, 100, 200", or "double from 50 to 50000", not '
                f'"{text[:60]}"'
            )
        numbers = tuple(map(int, words.replace(",", " ").split()))
        if len(numbers) > MAX_DAYS:
            raise ValueError(f"a schedule has {MAX_DAYS} days at the most")
        return cls(numbers)

    def share(self, day: int) -> int | None:
        """Messages on a day, counted from 0; none before the first, `None` after the last: any."""
        if day < 0:
            return 0
        return self.shares[day] if day < len(self.shares) else None


def group_of(host: str) -> str:
    """The group that a mail exchanger, or a domain, belongs to."""
    name = host.lower().rstrip(".")
    for group, domains in GROUPS.items():
        if any(belongs_to(name, domain) for domain in domains):
            return group
    return OTHERS


def first_day(settings: WarmupSettings) -> date:
    """The day on which a schedule begins.

    Raises:
        ValueError: it is no day; the message is for the operator.
    """
    try:
        return date.fromisoformat(settings.start)
    except ValueError:
        raise ValueError(f'expected a day such as "2026-11-01", not "{settings.start}"') from None
