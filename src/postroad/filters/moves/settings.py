"""The keys of a filter that learns from what users move."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from postroad.model.units import Duration

__all__ = ["Learn", "MoveSettings"]

Learn = Literal["no", "user", "both", "site"]


@dataclass(frozen=True, kw_only=True)
class MoveSettings:
    """What becomes of a message that a user moves into the folder for junk, or out of it.

    Attributes:
        learn: who learns from it: nobody (`no`), the account alone (`user`), the account and the
            site, which takes of one account's moves up to a tenth of what it knows (`both`), or
            the site alone, without that bound (`site`).
        learn_every: seconds between two looks at folders.
    """

    learn: Learn = "user"
    learn_every: Duration = 60.0
