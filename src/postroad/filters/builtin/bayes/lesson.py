"""What is to be learned of a message, and what became of that. Values only."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from postroad.filters.builtin.bayes.tokens import Tokens

__all__ = ["Learned", "Lesson"]


class Lesson(NamedTuple):
    """One message to learn.

    Attributes:
        tokens: its tokens.
        mark: tells whether it was learned before (`mark.mark_of`).
        is_spam: what it is; `None`: neither is to be remembered of it.
    """

    tokens: Tokens
    mark: bytes
    is_spam: bool | None


class Learned(Enum):
    """What became of a lesson."""

    NEW = "learned"
    CHANGED = "changed"
    """It had been learned as the other class, and no longer is."""
    KNOWN = "known"
    """Nothing changed: it was learned before, as the same."""
    FORGOTTEN = "forgotten"
    NEVER = "never learned"
    """Nothing changed: it was to be forgotten, and was not known."""
    FULL = "no room"
    """Nothing changed: there are as many memories of accounts as there may be."""
