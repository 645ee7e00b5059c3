"""An account's mail in several shards: held for a reason of its own, and let go on by that."""

from __future__ import annotations

import pytest

from postroad.admin.containment import hold_reason
from postroad.app.account_mail import AccountMail
from postroad.spool import Choice, Sifted, SpoolError

JOHN = "john@example.org"


class Shard:
    def __init__(self, count: int) -> None:
        self.count = count
        self.asked: list[tuple[Choice, str]] = []
        self.broken = False

    async def hold(self, choice: Choice, reason: str) -> Sifted:
        if self.broken:
            raise SpoolError("no space left on device")
        self.asked.append((choice, reason))
        return Sifted(self.count, 7, None)

    async def free(self, choice: Choice) -> Sifted:
        self.asked.append((choice, ""))
        return Sifted(self.count, 0, None)


async def test_all_that_is_held_is_counted() -> None:
    shards = [Shard(2), Shard(3)]
    assert await AccountMail(shards).hold(JOHN) == 5
    assert [shard.asked for shard in shards] == [[(Choice(login=JOHN), hold_reason(JOHN))]] * 2


async def test_only_what_was_held_for_that_goes_on() -> None:
    shard = Shard(1)
    await AccountMail([shard]).release(JOHN)
    assert shard.asked == [(Choice(login=JOHN, reason=hold_reason(JOHN)), "")]


async def test_a_shard_that_fails_is_told() -> None:
    sound, broken = Shard(1), Shard(1)
    broken.broken = True
    with pytest.raises(SpoolError):
        await AccountMail([sound, broken]).hold(JOHN)
