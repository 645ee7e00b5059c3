"""`%u`, `%n`, `%d` and `%s` in filters and names of a directory, as Dovecot and Postfix have them.

`%u` and `%s` stand for the whole address, `%n` for what is before its @, `%d` for its domain, and
`%%` is a percent sign. Values come from strangers: whoever fills a text says what makes one
harmless where it goes, and it is done to each value by itself, last of all.
"""

from __future__ import annotations

import re
from collections.abc import Callable

__all__ = ["filled_in", "unknown_placeholder", "uses"]

_PLACEHOLDER = re.compile("%(.?)", re.DOTALL)
_KNOWN = frozenset("usnd%")


def unknown_placeholder(text: str) -> str:
    """The first `%` with what follows it that means nothing; empty if there is none."""
    for found in _PLACEHOLDER.finditer(text):
        if not found[1] or found[1] not in _KNOWN:
            return found[0]
    return ""


def uses(text: str, letters: str) -> bool:
    """Whether one of these placeholders is in a text."""
    return any(found[1] and found[1] in letters for found in _PLACEHOLDER.finditer(text))


def filled_in(text: str, address: str, quote: Callable[[str], str] = str) -> str:
    """A text with everything in its place.

    Args:
        text: as the operator wrote it; `unknown_placeholder` must have found nothing in it.
        address: `local@domain`, or `@domain`, or a domain alone.
        quote: makes a value harmless where it goes.
    """
    local, _, domain = address.rpartition("@")
    values = {"u": address, "s": address, "n": local, "d": domain}

    def value(found: re.Match[str]) -> str:
        return "%" if found[1] == "%" else quote(values[found[1]])

    return _PLACEHOLDER.sub(value, text)
