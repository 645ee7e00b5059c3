"""A filter of the operator's programs."""

from __future__ import annotations

from postroad.filters.python.listening import ProgramsListening
from postroad.filters.python.running import BROKEN, RunningPrograms
from postroad.filters.python.showing import DESERTED

__all__ = ["BROKEN", "DESERTED", "PythonFilter"]


class PythonFilter(RunningPrograms):
    """Implements `Filter`."""

    def session(self) -> ProgramsListening:
        """Begin to listen to a session."""
        return ProgramsListening(self)
