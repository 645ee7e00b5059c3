"""The keys that every filter has which gives mail a score."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["ScoringSettings"]


@dataclass(frozen=True, kw_only=True)
class ScoringSettings:
    """From which score on something is done about a message.

    Attributes:
        tag: points from which on the fields with the score are written; unset: always.
        junk: points from which on it counts as spam: it is marked so, and filed as junk. An account
            may have a threshold of its own.
        reject: points from which on it is refused; 0: never. Accounts likewise.
    """

    tag: float | None = None
    junk: float = 5.0
    reject: float = 15.0
