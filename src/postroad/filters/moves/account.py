"""An account whose mail is watched."""

from __future__ import annotations

from dataclasses import dataclass

from postroad.mailbox import Whereabouts
from postroad.mailbox.owners import Owner

__all__ = ["Account"]


@dataclass(frozen=True, slots=True)
class Account:
    """Whose mail is looked at.

    Attributes:
        number: its own, for good.
        user: its canonical name.
        where: its mail.
        since: when we first delivered to it, seconds since the epoch.
        looked: when it was last looked at closely, likewise; 0: never.
        stamp: what `stamp_of` said then; empty: it has to be looked at again.
        owner: as whom its mail is written; `None`: as the server.
    """

    number: int
    user: str
    where: Whereabouts
    since: float
    looked: float = 0.0
    stamp: str = ""
    owner: Owner | None = None
