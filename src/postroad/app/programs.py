"""Filters that are programs of the operator's, made by a worker, and made anew at a reload."""

from __future__ import annotations

import os
from contextlib import AsyncExitStack

from postroad.filters.python.standing import StandingFilter
from postroad.filters.settings import FilterSettings
from postroad.model.journal import Journal

__all__ = ["Programs", "program_filter"]

Programs = dict[str, StandingFilter]
"""Those there are, by name: a reload runs only what has changed."""


def program_filter(
    settings: FilterSettings,
    name: str,
    journal: Journal,
    exits: AsyncExitStack,
    programs: Programs,
) -> StandingFilter:
    """The filter of a name; where there is one, its programs are looked at again.

    Args:
        settings: its section.
        name: how configuration and log name it.
        journal: where events go.
        exits: has `stop` called when the worker ends, of versions that were replaced as well.
        programs: what there is; a new one is put there.
    """
    known = programs.get(name)
    if known is not None:
        known.renew(settings)
        return known
    made = programs[name] = StandingFilter(settings, name, journal, {0, os.geteuid()})
    exits.push_async_callback(made.close)
    return made
