"""The one door into the queue: trace header, loop check, aliases, then the spool."""

from postroad.intake.door import Door, Refusal
from postroad.intake.entry import NO_STORAGE, Entry
from postroad.intake.examination import NOBODY, Board
from postroad.intake.settings import IntakeSettings
from postroad.intake.trace import Source
from postroad.model.authors import UNREADABLE

__all__ = [
    "NOBODY",
    "NO_STORAGE",
    "UNREADABLE",
    "Board",
    "Door",
    "Entry",
    "IntakeSettings",
    "Refusal",
    "Source",
]
