"""A filter of the operator's programs, made of its settings, and made anew at a reload."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import NamedTuple

from postroad.filters.python.filter import PythonFilter
from postroad.filters.python.program import Program, load_program
from postroad.filters.python.source import Source, SourceFault, read_sources
from postroad.filters.settings import FilterSettings
from postroad.model.journal import Journal, Level

__all__ = ["Attempt", "Made", "attempt", "build"]


@dataclass(frozen=True, slots=True)
class Made:
    """A filter, and what it was made of.

    Attributes:
        filter: the filter.
        sources: the texts of its programs.
    """

    filter: PythonFilter
    sources: tuple[Source, ...]

    def is_of(self, settings: FilterSettings, sources: tuple[Source, ...]) -> bool:
        """Whether it runs, and would be the same if it were made of these."""
        known = (self.filter.settings, self.sources)
        return not self.filter.trouble and known == (settings, sources)


class Attempt(NamedTuple):
    """What came of running programs.

    Attributes:
        made: the filter that is to be in force.
        fault: what is wrong, for the log; empty: nothing is.
    """

    made: Made
    fault: str = ""


def attempt(
    settings: FilterSettings,
    name: str,
    journal: Journal,
    *,
    owners: Collection[int],
    former: Made | None = None,
) -> Attempt:
    """Run the programs of a filter, in whatever thread this is called.

    Programs that cannot be run leave the filter that there is in force. If there is none, mail
    fails by `on_failure` until they can.

    Args:
        settings: its section.
        name: how configuration and log name it.
        journal: where events of the filter go; nothing is told here.
        owners: numbers of the users who may own the files.
        former: the filter that there is; the very one is returned if nothing has changed.
    """
    sources, faults = read_sources(settings.folder, settings.file, owners)
    if former is not None and not faults and former.is_of(settings, sources):
        return Attempt(former)
    programs = [] if faults else [load_program(each, name, settings.settings) for each in sources]
    troubles = [*faults, *[each for each in programs if isinstance(each, SourceFault)]]
    trouble = "; ".join(map(str, troubles))
    if trouble and former is not None and not former.filter.trouble:
        return Attempt(former, f"{trouble}; what ran before goes on")
    running = [each for each in programs if isinstance(each, Program) and not trouble]
    fresh = PythonFilter(name, settings, running, journal, trouble=trouble)
    return Attempt(Made(fresh, sources), trouble)


def build(
    settings: FilterSettings, name: str, journal: Journal, *, owners: Collection[int]
) -> Made:
    """Run the programs of a filter, and tell the log what is wrong with them.

    Args:
        settings: its section.
        name: how configuration and log name it.
        journal: where events go.
        owners: numbers of the users who may own the files.
    """
    made, fault = attempt(settings, name, journal, owners=owners)
    if fault:
        made.filter.tell(fault, Level.ERROR)
    return made
