"""What the shards of a worker have of the mail that an account submitted: held, and let go on.

A frozen account's mail is held for a reason of its own, so that a thaw releases it and nothing that
an operator holds.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Protocol

from postroad.admin.containment import hold_reason
from postroad.spool import Choice, Sifted

__all__ = ["AccountMail", "Sifting"]


class Sifting(Protocol):
    """A shard, as far as it is asked here."""

    async def hold(self, choice: Choice, reason: str) -> Sifted:
        """See `Shard.hold`."""
        ...

    async def free(self, choice: Choice) -> Sifted:
        """See `Shard.free`."""
        ...


class AccountMail:
    """The mail of accounts in some shards."""

    def __init__(self, shards: Sequence[Sifting]) -> None:
        self._shards = shards

    async def hold(self, user: str) -> int:
        """Hold what there is of an account; how many messages that are.

        Raises:
            SpoolError: storage failed; some may be held.
        """
        choice, reason = Choice(login=user), hold_reason(user)
        held = await asyncio.gather(*(shard.hold(choice, reason) for shard in self._shards))
        return sum(each.count for each in held)

    async def release(self, user: str) -> None:
        """Let go on what was held so.

        Raises:
            SpoolError: storage failed; some may be released.
        """
        choice = Choice(login=user, reason=hold_reason(user))
        await asyncio.gather(*(shard.free(choice) for shard in self._shards))
