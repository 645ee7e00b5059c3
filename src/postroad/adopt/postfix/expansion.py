"""`$name` in a parameter's value, as postconf(5) has it.

    $name  ${name}  $(name)        the value of another parameter
    ${name?text}  ${name?{text}}   the text if the parameter is not empty
    ${name:text}  ${name:{text}}   the text if it is empty
    ${name?{text1}:{text2}}        one or the other
    ${{a} == {b} ? {c} : {d}}      the same by a comparison: `==`, `!=`, `<`, `<=`, `>`, `>=`, by
                                   letters, or with `level` behind it as versions (`<=level`)
    $$                             a dollar

What a parameter holds is expanded in turn, at most a hundred deep. Whether one is empty is asked
of what is written, before it is expanded. Pure: a function that looks up names is an argument.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from typing import Any

__all__ = ["ExpansionMistake", "Lookup", "expanded"]

Lookup = Callable[[str], "str | None"]
"""What is written for a name; `None` if nobody has defined it."""

DEEPEST = 100
"""Names within names; Postfix gives up at the same depth."""

MAX_LENGTH = 1_000_000
"""Characters of a result: a few lines can double a text a hundred times."""

_NAME = re.compile(r"[A-Za-z0-9_]*")
_SPACE = " \t\r\n"
_CLOSING = {"{": "}", "(": ")"}
_SIGN = re.compile(r"(?P<sign>==|!=|<=|>=|<|>)(?P<level>level)?(?=[\s{])")
_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


class ExpansionMistake(Exception):
    """A value cannot be expanded. The text says why, in a few words."""


def expanded(text: str, lookup: Lookup) -> str:
    """A value with everything in it expanded; a name that nobody has defined is empty.

    Raises:
        ExpansionMistake: a brace is not closed, a name is none, or names go round in a circle.
    """
    return _Expansion(lookup).text(text, 0)


class _Expansion:
    def __init__(self, lookup: Lookup) -> None:
        self._lookup = lookup
        self._length = 0

    def text(self, text: str, depth: int) -> str:
        if depth > DEEPEST:
            raise ExpansionMistake("names that stand for each other")
        parts: list[str] = []
        at = 0
        while at < len(text):
            dollar = text.find("$", at)
            if dollar < 0:
                parts.append(text[at:])
                break
            parts.append(text[at:dollar])
            if text.startswith("$$", dollar):
                parts.append("$")
                at = dollar + 2
                continue
            expression, at = _reference(text, dollar + 1)
            parts.append(self._value(expression, depth + 1))
        result = "".join(parts)
        self._length += len(result)
        if self._length > MAX_LENGTH:
            raise ExpansionMistake("a value that grows without end")
        return result

    def _value(self, expression: str, depth: int) -> str:
        found: str | None
        if expression.lstrip(_SPACE).startswith("{"):
            found, rest = self._comparison(expression.lstrip(_SPACE), depth)
        else:
            name = _name(expression)
            found, rest = self._lookup(name), expression[len(name) :]
        if not rest:
            return self.text(found, depth) if found else ""
        if rest[0] not in "?:":
            raise ExpansionMistake(f'"?" or ":" expected at "{rest[:20]}"')
        return self._choice(bool(found), rest, depth)

    def _choice(self, true: bool, rest: str, depth: int) -> str:
        result = ""
        if rest[0] == "?":
            taken, rest = _operand(rest[1:])
            result = self.text(taken, depth) if true else ""
            if not rest:
                return result
            if rest[0] != ":":
                raise ExpansionMistake(f'":" expected at "{rest[:20]}"')
        taken, rest = _operand(rest[1:])
        if rest:
            raise ExpansionMistake(f'nothing more expected at "{rest[:20]}"')
        return result if true else self.text(taken, depth)

    def _comparison(self, text: str, depth: int) -> tuple[str, str]:
        left, rest = _braced(text)
        sign = _SIGN.match(rest)
        if sign is None:
            raise ExpansionMistake(f'a comparison expected at "{rest[:20]}"')
        rest = rest[sign.end() :].lstrip(_SPACE)
        if not rest.startswith("{"):
            raise ExpansionMistake(f'"{{" expected at "{rest[:20]}"')
        right, rest = _braced(rest)
        sides = self.text(left, depth), self.text(right, depth)
        if sign["level"]:
            holds = _COMPARISONS[sign["sign"]](_level(sides[0]), _level(sides[1]))
        else:
            holds = _COMPARISONS[sign["sign"]](*sides)
        return ("bool:true" if holds else "", rest)


def _reference(text: str, at: int) -> tuple[str, int]:
    """What stands in `${…}`, `$(…)` or `$name`, and where the rest begins."""
    opening = text[at : at + 1]
    if opening in _CLOSING and opening:
        closing = _CLOSING[opening]
        level = 1
        for end in range(at + 1, len(text)):
            level += (text[end] == opening) - (text[end] == closing)
            if level == 0:
                inner, rest = text[at + 1 : end], end + 1
                break
        else:
            raise ExpansionMistake(f'"{opening}" is not closed')
    else:
        found = _NAME.match(text, at)
        inner = found.group() if found else ""
        rest = at + len(inner)
    if not inner:
        raise ExpansionMistake("a dollar without a name; $$ stands for one")
    return inner, rest


def _level(text: str) -> tuple[int, ...]:
    """A compatibility level as numbers: `3.6`, `2`."""
    if not re.fullmatch(r"\d{1,9}(\.\d{1,9}){0,2}", text.strip()):
        raise ExpansionMistake(f'"{text[:20]}" is no compatibility level')
    numbers = [int(part) for part in text.strip().split(".")]
    return tuple(numbers + [0] * (3 - len(numbers)))


def _name(expression: str) -> str:
    found = _NAME.match(expression)
    name = found.group() if found else ""
    rest = expression[len(name) :]
    if rest and rest[0] not in "?:":
        raise ExpansionMistake(f'no name at "{rest[:20]}"')
    return name


def _operand(text: str) -> tuple[str, str]:
    """`{text}` with what comes behind it, or all of the text as it is."""
    stripped = text.lstrip(_SPACE)
    return _braced(stripped) if stripped.startswith("{") else (text, "")


def _braced(text: str) -> tuple[str, str]:
    """What is in the braces that a text begins with, and what comes behind them."""
    level = 0
    for at, character in enumerate(text):
        level += (character == "{") - (character == "}")
        if level == 0:
            return text[1:at], text[at + 1 :].lstrip(_SPACE)
    raise ExpansionMistake('"{" is not closed')
