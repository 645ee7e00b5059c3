"""Filters that are programs of the operator's, made by a worker, and made anew at a reload."""

from __future__ import annotations

import os
from contextlib import AsyncExitStack

from postroad.filters.python.building import Made, build
from postroad.filters.python.filter import PythonFilter
from postroad.filters.settings import FilterSettings
from postroad.model.journal import Journal

__all__ = ["Programs", "program_filter"]

Programs = dict[str, Made]
"""What each such filter was made of, by its name: a reload runs only what has changed."""


def program_filter(
    settings: FilterSettings,
    name: str,
    journal: Journal,
    exits: AsyncExitStack,
    programs: Programs,
) -> PythonFilter:
    """The filter of a name: the one that there is, if neither settings nor files have changed.

    Args:
        settings: its section.
        name: how configuration and log name it.
        journal: where events go.
        exits: has `stop` called when the worker ends, of versions that were replaced as well.
        programs: what there is; the new one is put there.
    """
    former = programs.get(name)
    made = build(settings, name, journal, owners={0, os.geteuid()}, former=former)
    if made is not former:
        programs[name] = made
        exits.push_async_callback(made.filter.close)
    return made.filter
