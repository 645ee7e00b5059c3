"""Rules in order, with `if` and `endif`: what tables of networks and of patterns have in common.

The first rule that says something is the answer. Rules between `if` and `endif` are asked only if
the condition holds; where none of them answers, the search goes on after `endif`. Blocks nest.
(cidr_table(5), regexp_table(5), "TABLE FORMAT".)
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from postroad.tables.source import Line

__all__ = ["Rule", "first", "nested"]

MAX_DEPTH = 50
"""Blocks within blocks; people write two or three."""

_Subject = TypeVar("_Subject")
_Asked_contra = TypeVar("_Asked_contra", contravariant=True)


class Rule(Protocol[_Asked_contra]):
    """Something that may have an answer for a subject."""

    def answer(self, subject: _Asked_contra, /) -> str | None:
        """The answer, or `None` to go on with the next rule."""
        ...


def first(rules: Sequence[Rule[_Subject]], subject: _Subject) -> str | None:
    """The answer of the first rule that has one."""
    for rule in rules:
        found = rule.answer(subject)
        if found is not None:
            return found
    return None


@dataclass(frozen=True, slots=True)
class _Block(Generic[_Subject]):
    """Rules that are asked only if a condition holds."""

    holds: Callable[[_Subject], bool]
    rules: Sequence[Rule[_Subject]]

    def answer(self, subject: _Subject) -> str | None:
        return first(self.rules, subject) if self.holds(subject) else None


_WORD = re.compile(r"(if|endif)(?![0-9A-Za-z])\s*", re.IGNORECASE)


def nested(
    lines: Iterable[Line],
    condition: Callable[[Line], Callable[[_Subject], bool]],
    rule: Callable[[Line], Rule[_Subject]],
    pack: Callable[[Sequence[Rule[_Subject]]], Sequence[Rule[_Subject]]],
) -> Sequence[Rule[_Subject]]:
    """The rules of a table.

    Args:
        lines: its logical lines.
        condition: reads what follows `if`.
        rule: reads any other line.
        pack: may put neighbouring rules together so that they are found faster.

    Raises:
        TableMistake: `if` and `endif` do not match, or a line is neither.
    """
    levels: list[list[Rule[_Subject]]] = [[]]
    opened: list[tuple[Line, Callable[[_Subject], bool]]] = []
    for line in lines:
        word = _WORD.match(line.text)
        if word is None:
            levels[-1].append(rule(line))
        elif word.group(1).lower() == "if":
            if len(opened) == MAX_DEPTH:
                raise line.mistake(f"more than {MAX_DEPTH} blocks within each other")
            rest = Line(line.text[word.end() :], line.path, line.number)
            opened.append((line, condition(rest)))
            levels.append([])
        else:
            _end(line, word, opened=bool(opened))
            _, holds = opened.pop()
            block = _Block(holds, pack(levels.pop()))
            levels[-1].append(block)
    if opened:
        raise opened[-1][0].mistake('this "if" has no "endif"')
    return pack(levels[0])


def _end(line: Line, word: re.Match[str], *, opened: bool) -> None:
    if not opened:
        raise line.mistake('this "endif" has no "if"')
    if word.end() != len(line.text):
        raise line.mistake(
            'nothing may follow "endif"; white space at the start of a line joins it'
        )
