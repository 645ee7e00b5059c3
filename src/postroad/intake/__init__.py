"""The one door into the queue: trace header, loop check, aliases, then the spool."""

from postroad.intake.door import NO_STORAGE, Door, Entry, Refusal, Source
from postroad.intake.settings import IntakeSettings

__all__ = ["NO_STORAGE", "Door", "Entry", "IntakeSettings", "Refusal", "Source"]
