"""`[history]`: for how long, and on how much disk, decisions are remembered."""

from __future__ import annotations

from dataclasses import dataclass

from postroad.model.units import Duration

__all__ = ["HistorySettings"]


@dataclass(frozen=True, slots=True, kw_only=True)
class HistorySettings:
    """`[history]`.

    Attributes:
        keep: seconds for which records are kept. 0: nothing is recorded.
        size: octets that they may take on disk, of all workers together; the oldest go first.
            0: as many as come within `keep`.
        in_replies: whether the text of a refusal ends with the session's identifier, for a user
            to read out to the operator. Off by default, as replies are then Postfix's word for
            word, which programs compare.
    """

    keep: Duration = 604_800.0
    size: int = 268_435_456
    in_replies: bool = False
