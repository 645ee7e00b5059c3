"""Dovecot's %-variables in a path: `%u`, `%n`, `%d`, `%h`, with the modifiers that paths use.

A template comes from the operator or from a directory, values from an account's name; a value is
never read as a template. Values become parts of a path here, so here they are checked for good: a
name that is no plain name of a folder is refused, whatever else has looked at it before. The
modifiers are those of Dovecot's Variables page: `%Ln` and `%Un` change case, `%Rn` reverses, `%Tn`
trims, `%Mn` is the MD5 digest (to spread accounts over folders), `%2n` the first two characters,
`%1.2n` two after the first.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from postroad.model.modifiers import LONG_NAMES, MODIFIERS

__all__ = ["UnsafeName", "fill", "used"]

_VARIABLE = re.compile(
    r"%(?:(?:([0-9]{1,4})\.)?([0-9]{1,4}))?([A-Z]*)(?:\{([a-z]{0,20})\}|(.?))", re.DOTALL
)

_LONG = {**LONG_NAMES, "home": "h"}
"""Dovecot's long names."""


class UnsafeName(ValueError):
    """An account's name, or what a directory says of it, that would lead out of the mail folder."""


def used(template: str) -> frozenset[str]:
    """The variables of a template, by their letters.

    Raises:
        ValueError: one is unknown, in one line, for the operator.
    """
    found = set()
    for match in _VARIABLE.finditer(template):
        letter = _letter(match)
        unknown = [each for each in match[3] if each not in MODIFIERS]
        if unknown or letter not in ("u", "n", "d", "h", "%"):
            shown = match[0] if unknown else f"%{match[5] if match[4] is None else match[4]}"
            raise ValueError(f"{shown} is unknown here; use %u, %n, %d, %h or %%")
        found.add(letter)
    return frozenset(found)


def fill(template: str, user: str, home: str = "") -> str:
    """The path of an account.

    Args:
        template: with variables that `used` has found no fault with.
        user: the account's canonical name, `local@domain`.
        home: its folder, for `%h`.

    Raises:
        UnsafeName: a part of the name is no plain name of a file, or there is no home.
    """
    local, _, domain = user.rpartition("@")
    values = {"u": user, "n": local, "d": domain, "%": "%", "h": home}
    if not all(map(is_plain, (user, local, domain))):
        raise UnsafeName("the account's name cannot be the name of a mail folder")
    return _VARIABLE.sub(lambda match: _value(match, values), template)


def is_plain(part: str) -> bool:
    """Whether a text is the name of a folder, and of no other one than it seems.

    A leading dot would hide the folder, be `..`, or look like a Maildir++ sub-folder.
    """
    return bool(part) and not part.startswith(".") and "/" not in part and "\0" not in part


def _value(match: re.Match[str], values: Mapping[str, str]) -> str:
    letter = _letter(match)
    value = values[letter]
    if letter == "h":
        if not value:
            raise UnsafeName("%h is used, and the account has no home")
        return value
    for modifier in match[3]:
        value = MODIFIERS[modifier](value)
    if match[2] is not None:
        start = int(match[1] or 0)
        value = value[start : start + int(match[2])]
    if value and not is_plain(value):
        raise UnsafeName("the account's name cannot be the name of a mail folder")
    return value


def _letter(match: re.Match[str]) -> str:
    return _LONG.get(match[4], "") if match[4] is not None else match[5]
