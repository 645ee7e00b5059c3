"""By what is watched."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from postroad.filters.moves.settings import Learn
from postroad.mailbox.moves.survey import Folders

__all__ = ["Terms"]


@dataclass(frozen=True, slots=True)
class Terms:
    """By what is watched.

    Attributes:
        learn: who learns.
        folders: which folders mean something.
        roots: what mail that directories say the place of has to lie below.
        every: seconds between two turns.
    """

    learn: Learn
    folders: Folders
    roots: tuple[Path, ...] = ()
    every: float = 60.0
