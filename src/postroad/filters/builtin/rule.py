"""A rule: a name, points, words for an operator, and a test of a message.

A rule says one thing about a message that can be seen without knowing what it is about. It costs
little, and is wrong about some good mail: so no rule alone makes a message spam, and each can be
switched off. Points are in the rule; what an operator made of them is in the settings.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from postroad.filters.builtin.case import Case

__all__ = ["MOST_DETAIL", "Hit", "Rule", "Test", "shown"]

MOST_DETAIL = 60
"""Characters of a message that are repeated in what a rule says of it."""

Test = Callable[[Case], bool | str]
"""Whether a rule applies to a message; a text says what it found, and an empty one is no."""


class Rule(NamedTuple):
    """A rule.

    Attributes:
        name: in capitals, as in `X-Spam-Status`.
        points: what it adds; below 0: what it finds is good.
        words: what it found, for an operator.
        test: looks at a message; it never raises for what is in one.
    """

    name: str
    points: float
    words: str
    test: Test


class Hit(NamedTuple):
    """A rule that applies to a message.

    Attributes:
        name: the rule's.
        points: what it adds.
        words: what it found.
    """

    name: str
    points: float
    words: str

    @property
    def sentence(self) -> str:
        """In a few words, for a log."""
        return f"{self.name} {self.points:+g} ({self.words})"


def shown(text: str) -> str:
    """A piece of a message as it can stand in a log: what nobody sees is shown, the rest cut."""
    cut = text[:MOST_DETAIL]
    plain = "".join(each if each.isprintable() and each not in "();" else "?" for each in cut)
    return plain if len(text) <= MOST_DETAIL else f"{plain}..."
