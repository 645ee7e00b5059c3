"""What the configuration says of filters that are programs in Python, and whether these can be run.

Nothing of them is run here: `postroad check` and a server that starts are often root. What only
shows when they run (a library that is not installed) is told by the workers, and by
`postroad filter try`.
"""

from __future__ import annotations

import os
import pwd
from collections.abc import Iterator
from contextlib import suppress

from postroad.config.configuration import Configuration
from postroad.config.lines import KeyPath
from postroad.config.mistake import Fault
from postroad.filters.python.source import read_sources
from postroad.filters.settings import FilterSettings

__all__ = ["program_faults", "program_file_faults"]


def program_faults(path: KeyPath, settings: FilterSettings) -> Iterator[Fault]:
    """Every fault in a section of the kind `python`.

    Args:
        path: the section's.
        settings: what it says.
    """
    if settings.folder is None and settings.file is None:
        yield Fault((*path, "folder"), 'is required: a folder of programs, or file = "one.py"')
    if settings.folder is not None and settings.file is not None:
        yield Fault((*path, "file"), "there is a folder already: one of the two")


def program_file_faults(configuration: Configuration) -> Iterator[Fault]:
    """Programs that cannot be run, or that others could write to."""
    owners = _owners(configuration.user)
    for name, settings in configuration.filters.items():
        if settings.kind != "python":
            continue
        key = "file" if settings.folder is None else "folder"
        path: KeyPath = ("filters", name, key)
        sources, faults = read_sources(settings.folder, settings.file, owners)
        for fault in faults:
            yield Fault(path, str(fault))
        has_setup = any("setup" in source.names for source in sources)
        if settings.settings and sources and not has_setup:
            words = "no program has a setup(settings) that would read them"
            yield Fault(("filters", name, "settings"), words)


def _owners(user: str) -> frozenset[int]:
    owners = {0, os.geteuid()}
    with suppress(KeyError):  # without that user the server runs as whoever starts it
        owners.add(pwd.getpwnam(user).pw_uid)
    return frozenset(owners)
