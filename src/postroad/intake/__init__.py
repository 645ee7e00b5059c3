"""The one door into the queue: trace header, loop check, aliases, then the spool."""

from postroad.intake.door import Door, Entry, Source
from postroad.intake.settings import IntakeSettings

__all__ = ["Door", "Entry", "IntakeSettings", "Source"]
