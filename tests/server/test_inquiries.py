"""The DNS, as policy asks it: failures become policy's own, and the log hears of some."""

from __future__ import annotations

import pytest

from postroad.net.dns import DnsTemporary
from postroad.policy import LookupUnavailable
from postroad.server.inquiries import QUIET, DnsInquiry


class DeadResolver:
    async def records(self, name: str, kind: str) -> tuple[str, ...]:
        raise DnsTemporary(name, kind)


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


async def test_a_dns_that_does_not_answer_is_told_of_once_a_minute() -> None:
    said: list[str] = []
    clock = Clock()
    inquiry = DnsInquiry(DeadResolver(), said.append, clock)

    for name in ("1.zen.example", "2.zen.example", "3.zen.example"):
        with pytest.raises(LookupUnavailable, match=name):
            await inquiry.records(name, "A")
    assert len(said) == 1
    assert "1.zen.example" in said[0]

    clock.now += QUIET
    with pytest.raises(LookupUnavailable):
        await inquiry.records("4.zen.example", "A")
    assert len(said) == 2
    assert "4.zen.example" in said[1]
    assert said[1].endswith(", and 2 questions before it")


async def test_who_wants_no_log_gets_none() -> None:
    with pytest.raises(LookupUnavailable):
        await DnsInquiry(DeadResolver()).records("zen.example", "A")
