"""The one door into the queue: trace header, loop check, aliases, then the spool."""

from postroad.intake.authors import UNREADABLE
from postroad.intake.door import Door, Refusal
from postroad.intake.entry import NO_STORAGE, Entry
from postroad.intake.settings import IntakeSettings
from postroad.intake.trace import Source

__all__ = ["NO_STORAGE", "UNREADABLE", "Door", "Entry", "IntakeSettings", "Refusal", "Source"]
