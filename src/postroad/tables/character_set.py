"""Sets of characters in patterns, `[…]`, in Python's words.

The ends of a set, its classes and what a backslash means in it are where POSIX, PCRE and `re`
differ most. Every member is written with a backslash where `re` could take it for something else,
today or, as it warns, some day.
"""

from __future__ import annotations

import re

__all__ = ["CharacterSet", "PatternError", "by_number", "numbered"]

_CLASSES = {
    "alnum": "0-9A-Za-z",
    "alpha": "A-Za-z",
    "ascii": r"\x00-\x7f",
    "blank": r" \t",
    "cntrl": r"\x00-\x1f\x7f",
    "digit": "0-9",
    "graph": "!-~",
    "lower": "a-z",
    "print": " -~",
    "punct": r"!-/:-@\[-`{-~",
    "space": r" \t\n\r\f\v",
    "upper": "A-Z",
    "word": "0-9A-Za-z_",
    "xdigit": "0-9A-Fa-f",
}
_NEGATED_CLASSES = {
    "alnum": r"\x00-/:-@\[-`{-\U0010ffff",
    "digit": r"\x00-/:-\U0010ffff",
    "space": r"\x00-\x08\x0e-\x1f!-\U0010ffff",
}
_PCRE_IN_SET = {"b": r"\x08", "e": r"\x1b", "h": r" \t", "v": r"\n\v\f\r"} | {
    letter: rf"\{letter}" for letter in "dDsSwWnrtfa"
}
_HEX = re.compile(r"x(?:([0-9A-Fa-f]{2})|\{([0-9A-Fa-f]{1,6})\})")


class PatternError(Exception):
    """A pattern that cannot be used, in words for the operator."""


class CharacterSet:
    """Reads one set.

    Args:
        text: the pattern.
        at: where its bracket opens.
        posix: whether a backslash in it is an ordinary character.

    Attributes:
        at: where the pattern goes on, after `read`.
    """

    def __init__(self, text: str, at: int, *, posix: bool) -> None:
        self._text = text
        self._posix = posix
        self.at = at

    def read(self) -> str:
        """`[…]`, the end of which is the first `]` that is neither at its start nor in a class."""
        self.at += 1
        negated = self._text.startswith("^", self.at)
        self.at += negated
        parts, start = list[str](), self.at
        while self.at < len(self._text):
            if self._text[self.at] == "]" and self.at > start:
                self.at += 1
                return f"[{'^' if negated else ''}{''.join(parts)}]"
            parts.append(self._range())
        raise PatternError("a bracket is not closed")

    def _range(self) -> str:
        """One member of a set, or two with a dash between them."""
        low, single = self._member()
        dashed = self._text[self.at : self.at + 1] == "-"
        if not (single and dashed) or self._text[self.at + 1 : self.at + 2] in {"", "]"}:
            return low
        self.at += 1
        high, single = self._member()
        return f"{low}{'-' if single else re.escape('-')}{high}"

    def _member(self) -> tuple[str, bool]:
        """What stands in a set, and whether it is a single character."""
        character = self._text[self.at]
        if character == "[" and self._text[self.at + 1 : self.at + 2] in {":", ".", "="}:
            return self._class()
        self.at += 1
        if character == "\\" and not self._posix:
            return self._escaped_member()
        return re.escape(character), True

    def _class(self) -> tuple[str, bool]:
        mark = self._text[self.at + 1]
        end = self._text.find(f"{mark}]", self.at + 2)
        name = self._text[self.at + 2 : end] if end >= 0 else ""
        self.at = end + 2
        if mark != ":" and len(name) == 1:
            return re.escape(name), True
        known = _CLASSES.get(name)
        if not self._posix and name.startswith("^"):
            known = _NEGATED_CLASSES.get(name[1:])
        if mark != ":" or known is None:
            raise PatternError(f'"[{mark}{name}{mark}]" is no class of characters')
        return known, False

    def _escaped_member(self) -> tuple[str, bool]:
        letter = self._text[self.at : self.at + 1]
        found = numbered(self._text, self.at)
        if found:
            self.at = found.end()
            return by_number(found), True
        self.at += 1
        if not (letter.isascii() and letter.isalnum()):
            return re.escape(letter), True
        if letter not in _PCRE_IN_SET:
            raise PatternError(rf'"\{letter}" in brackets is not understood here')
        return _PCRE_IN_SET[letter], letter in "bernfta"


def numbered(text: str, at: int) -> re.Match[str] | None:
    """`x41` or `x{41}` at a place, if it is there."""
    return _HEX.match(text, at)


def by_number(found: re.Match[str]) -> str:
    """The character that `numbered` found.

    Raises:
        PatternError: there is none with this number.
    """
    number = int(found.group(1) or found.group(2), 16)
    if number > 0x10FFFF:
        raise PatternError(f'"\\{found.group()}" is no character')
    return re.escape(chr(number))
