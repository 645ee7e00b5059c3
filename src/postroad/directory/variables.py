"""Dovecot's variables in names and paths: `%u`, `%Ln`, `%{user | username | lower}`.

A format says which part of a login name a file is searched by, or where somebody's mail lies. This
module knows the user's name and nothing else: what differs with the connection (`%s`, `%r`) would
make one account into several, and is refused. Pure. (Dovecot's documentation, "Config Variables":
the one-letter forms and modifiers of 2.3, the filters of 2.4.)
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from postroad.model.modifiers import LONG_NAMES, MODIFIERS

__all__ = ["Format", "FormatMistake"]

MAX_FORMAT = 1000
"""Characters of a format; a long one has thirty."""

_VALUES = {
    "u": lambda user: user,
    "n": lambda user: user.rpartition("@")[0] or user,
    "d": lambda user: user.rpartition("@")[2] if "@" in user else "",
}
_LONG = {**LONG_NAMES, "u": "u", "n": "n", "d": "d"}
_FILTERS: Mapping[str, Callable[[str], str]] = {
    "lower": MODIFIERS["L"],
    "upper": MODIFIERS["U"],
    "reverse": MODIFIERS["R"],
    "md5": MODIFIERS["M"],
    "username": _VALUES["n"],
    "domain": _VALUES["d"],
}
_PART = re.compile(
    r"%(?:(?P<percent>%)"
    r"|(?P<cut>(?P<offset>-?\d{1,3})?(?:\.(?P<width>-?\d{1,3}))?)(?P<modifiers>[A-Z]*)"
    r"(?:\{(?P<long>[^{}%]*)\}|(?P<letter>[a-z])))",
    re.ASCII,
)


class FormatMistake(ValueError):
    """A format that cannot be used; the message is for the operator."""


@dataclass(frozen=True, slots=True)
class _Piece:
    """Text as it stands, or a variable and what is done with it."""

    text: str = ""
    value: Callable[[str], str] | None = None
    steps: tuple[Callable[[str], str], ...] = ()
    offset: int = 0
    width: int | None = None

    def of(self, user: str) -> str:
        if self.value is None:
            return self.text
        found = self.value(user)
        for step in self.steps:
            found = step(found)
        if not self.offset and self.width is None:
            return found
        rest = found[self.offset :]
        return rest if self.width is None else rest[: self.width]


class Format:
    """A text with variables.

    Args:
        text: as the operator wrote it.

    Raises:
        FormatMistake: it names a variable, a modifier or a filter that there is not.
    """

    __slots__ = ("_pieces", "text")

    def __init__(self, text: str) -> None:
        if len(text) > MAX_FORMAT:
            raise FormatMistake(f"a format has at most {MAX_FORMAT} characters")
        self.text = text
        self._pieces = tuple(_pieces(text))

    def of(self, user: str) -> str:
        """The text for a user.

        Args:
            user: the name, with or without a domain.
        """
        return "".join(piece.of(user) for piece in self._pieces)


def _pieces(text: str) -> list[_Piece]:
    found, at = list[_Piece](), 0
    for part in _PART.finditer(text):
        found.append(_plain(text[at : part.start()]))
        found.append(_Piece("%") if part["percent"] else _variable(part))
        at = part.end()
    found.append(_plain(text[at:]))
    return found


def _plain(text: str) -> _Piece:
    if "%" in text:
        raise FormatMistake(f'"{text[text.index("%") :][:20]}" is no variable; a percent is "%%"')
    return _Piece(text)


def _variable(part: re.Match[str]) -> _Piece:
    """One variable: `%Ln`, `%1.2u`, `%L{user}`, `%{user | lower}`."""
    name, *filters = [word.strip() for word in (part["long"] or part["letter"] or "").split("|")]
    if name not in _LONG:
        raise FormatMistake(
            f'"{part.group()}" cannot be used here: expected %u (user), %n (without domain) or %d'
        )
    for modifier in part["modifiers"]:
        if modifier not in MODIFIERS:
            raise FormatMistake(
                f'"{part.group()}": no modifier "{modifier}" here; one of {"".join(MODIFIERS)}'
            )
    for word in filters:
        if word not in _FILTERS:
            raise FormatMistake(
                f'"{part.group()}": no filter "{word}" here; one of {", ".join(_FILTERS)}'
            )
    # In `%2.3u` the first number is where it begins; in `%2u` it is how much there is of it.
    offset, width = part["offset"], part["width"]
    if offset is not None and width is None:
        offset, width = None, offset
    return _Piece(
        value=_VALUES[_LONG[name]],
        # Modifiers are done from the left (Dovecot: "%LHu" is the hash of what is in lower case).
        steps=tuple(MODIFIERS[each] for each in part["modifiers"])
        + tuple(_FILTERS[each] for each in filters),
        offset=int(offset or 0),
        width=None if width is None else int(width),
    )
