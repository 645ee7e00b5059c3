"""How much mail an account may have, and how much it has: values and sums, nothing of files."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from errno import EDQUOT
from typing import NamedTuple

from postroad.model.size import parse_size

__all__ = [
    "NO_QUOTA",
    "NO_USAGE",
    "Grace",
    "OverQuota",
    "Quota",
    "Usage",
    "parse_grace",
]

_PERCENT = re.compile(r"([0-9]{1,3})\s*%\Z")


class OverQuota(OSError):
    """The mailbox is full. As from a file system with quotas, so that both are told alike."""

    def __init__(self) -> None:
        super().__init__(EDQUOT, os.strerror(EDQUOT))


class Usage(NamedTuple):
    """What lies in a mailbox: octets on disk, and messages."""

    octets: int
    messages: int


NO_USAGE = Usage(0, 0)


class Grace(NamedTuple):
    """By how much the message that fills a mailbox may exceed: octets, or per cent of the quota."""

    octets: int = 0
    percent: int = 0


@dataclass(frozen=True, slots=True)
class Quota:
    """What an account may have; 0 is no limit.

    Attributes:
        octets: of all messages.
        messages: how many.
        grace: octets above `octets` up to which one message may reach that begins below.
        is_enforced: whether mail is refused by it; else it is only counted by.
    """

    octets: int = 0
    messages: int = 0
    grace: int = 0
    is_enforced: bool = True

    @classmethod
    def of(cls, octets: int, messages: int, grace: Grace) -> Quota:
        """A quota with its grace in octets."""
        return cls(octets, messages, grace.octets or octets * grace.percent // 100)

    def __bool__(self) -> bool:
        return bool(self.octets or self.messages)

    def has_room(self, usage: Usage, size: int) -> bool:
        """Whether one more message may come.

        The grace is for the message that fills the mailbox, not for those after it: a mailbox that
        has what it may have is full, and says so before anything is sent to it.

        Args:
            usage: what is there.
            size: of the message, octets; 0: not known yet.
        """
        if not self.is_enforced:
            return True
        if self.octets and (
            usage.octets >= self.octets or usage.octets + size > self.octets + self.grace
        ):
            return False
        return not self.messages or usage.messages < self.messages

    def is_exceeded(self, usage: Usage) -> bool:
        """Whether more is there than the quota says, its grace apart."""
        return bool(
            (self.octets and usage.octets > self.octets)
            or (self.messages and usage.messages > self.messages)
        )

    def percent(self, usage: Usage) -> int:
        """How much of it is used, the larger part of the two."""
        of_octets = usage.octets * 100 // self.octets if self.octets else 0
        of_messages = usage.messages * 100 // self.messages if self.messages else 0
        return max(of_octets, of_messages)

    def crossed(self, before: Usage, after: Usage, thresholds: tuple[int, ...]) -> int:
        """The highest threshold that was passed upwards; 0: none.

        Args:
            before: usage without the message.
            after: with it.
            thresholds: per cent.
        """
        low, high = self.percent(before), self.percent(after)
        return max((each for each in thresholds if low < each <= high), default=0)


NO_QUOTA = Quota()


def parse_grace(text: str) -> Grace:
    """A size, or a share of the quota such as `10%`.

    Raises:
        ValueError: it is neither.
    """
    match = _PERCENT.match(text.strip())
    if match is not None and int(match[1]) <= 100:
        return Grace(percent=int(match[1]))
    try:
        return Grace(octets=parse_size(text))
    except ValueError:
        raise ValueError('a grace is a size such as "10M", or a share such as "10%"') from None
