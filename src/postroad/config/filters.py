"""What the configuration says of filters, checked: `[filters.NAME]`, and who uses them.

A key that means nothing to a filter's kind is a mistake: it was meant to do something. So is the
name of a filter that there is none of.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence

from postroad.config.configuration import Configuration
from postroad.config.filter_programs import program_faults
from postroad.config.kinds import faults_of_other_kinds
from postroad.config.lines import KeyPath
from postroad.config.milters import milter_faults
from postroad.config.mistake import Fault, nearest, shown
from postroad.config.spam_services import (
    builtin_faults,
    clamav_faults,
    rspamd_faults,
    spamassassin_faults,
)
from postroad.filters.settings import KEYS_OF_KIND, FilterKind, FilterSettings

__all__ = ["filter_faults"]


def filter_faults(configuration: Configuration) -> Iterator[Fault]:
    """Every fault in what is said of filters."""
    for name, settings in configuration.filters.items():
        path: KeyPath = ("filters", name)
        if not re.fullmatch(r"[A-Za-z0-9_-]+", name):  # it stands in log lines
            yield Fault(path, "expected a name of letters, digits, - and _")
        yield from _usual(path, settings)
        yield from faults_of_other_kinds(path, settings, settings.kind, KEYS_OF_KIND)
        check = _KINDS.get(settings.kind)
        if check is not None:
            yield from check(path, settings)
    known = tuple(configuration.filters)
    for name, listener in configuration.listeners.items():
        yield from _named(("listeners", name, "filters"), listener.filters, known)
    yield from _named(("sendmail", "filters"), configuration.sendmail.filters, known)


def _usual(path: KeyPath, settings: FilterSettings) -> Iterator[Fault]:
    if settings.timeout < 1:
        yield Fault((*path, "timeout"), "is less than a second")
    if not settings.mail:
        yield Fault((*path, "mail"), "leaves it nothing to look at: take the filter out instead")
    for at, kind in enumerate(settings.mail):
        if kind in settings.mail[:at]:
            yield Fault((*path, "mail", at), f"{kind} is listed twice")


def _named(path: KeyPath, names: Sequence[str] | None, known: Sequence[str]) -> Iterator[Fault]:
    for at, name in enumerate(names or ()):
        if name not in known:
            right = nearest(name, known)
            yield Fault((*path, at), f"there is no filter {shown(name)}", right and f'"{right}"')
        elif name in (names or ())[:at]:
            yield Fault((*path, at), f"{name} is listed twice")


_KINDS: Mapping[FilterKind, Callable[[KeyPath, FilterSettings], Iterator[Fault]]] = {
    "milter": milter_faults,
    "python": program_faults,
    "spamassassin": spamassassin_faults,
    "rspamd": rspamd_faults,
    "clamav": clamav_faults,
    "builtin": builtin_faults,
}
"""The checks of a kind's own keys. One that looks at files stands in `config/files.py`."""
