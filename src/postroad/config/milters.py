"""What the configuration says of milters, checked: where they are, and what they are told."""

from __future__ import annotations

import re
from collections.abc import Iterator

from postroad.config.lines import KeyPath
from postroad.config.mistake import Fault, nearest, shown
from postroad.filters.milter.macros import USUAL
from postroad.filters.milter.negotiation import NEWEST, OLDEST
from postroad.filters.place import Place
from postroad.filters.settings import FilterSettings

__all__ = ["milter_faults"]

_MACRO = re.compile(r"(?:[A-Za-z_]|\{[A-Za-z_][A-Za-z0-9_]*\})\Z")


def milter_faults(path: KeyPath, settings: FilterSettings) -> Iterator[Fault]:
    """Every fault in a section of the kind `milter`.

    Args:
        path: the section's.
        settings: what it says.
    """
    if not settings.socket:
        yield Fault((*path, "socket"), 'is required: "unix:/path" or "inet:host:port"')
    else:
        try:
            Place.parse(settings.socket)
        except ValueError as error:
            yield Fault((*path, "socket"), str(error))
    if not OLDEST <= settings.protocol <= NEWEST:
        yield Fault((*path, "protocol"), f"expected a version from {OLDEST} to {NEWEST}")
    for key in ("connect_timeout", "command_timeout"):
        if getattr(settings, key) < 1:
            yield Fault((*path, key), "is less than a second")
    for stage, names in settings.macros.items():
        if stage not in USUAL:
            right = nearest(stage, tuple(USUAL))
            words = f"macros are told at {', '.join(USUAL)}"
            yield Fault((*path, "macros", stage), words, right or "")
        for at, name in enumerate(names):
            if not _MACRO.match(name):
                words = f'expected a macro such as "i" or "{{daemon_name}}", not {shown(name)}'
                yield Fault((*path, "macros", stage, at), words)
    for name in settings.macro_values:
        if not _MACRO.match(name):
            words = f'expected a macro such as "v" or "{{daemon_name}}", not {shown(name)}'
            yield Fault((*path, "macro_values", name), words)
