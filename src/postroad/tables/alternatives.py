"""Whether alternatives of a pattern can take the same text: `(a|a)*` has 2^n ways through `aaa…`.

What is compared are the pieces that `dialect` has made of a pattern, each an atom with its repeat.
Two alternatives are told apart where the same place in both takes one character that the other
does not take. Whatever is less plain than that counts as alike: this is for a warning.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import combinations

__all__ = ["overlap"]

MAX_COMPARED = 50
"""Alternatives that are compared with each other; more of them, repeated, are warned of unseen."""

_SINGLE = re.compile(r"\\[^bBAZ0-9x]|\[.*\]|[^\\()|^$?*+{}]", re.DOTALL)
"""A piece that takes one character: escaped, a set, or itself."""

_TRIED = [chr(code) for code in (*range(9, 127), 0xE4, 0x416)]


def overlap(pieces: Sequence[str]) -> bool:
    """Whether two alternatives may take the same text, or one what another begins with."""
    alternatives: list[list[str]] = [[]]
    for piece in pieces:
        if piece == "|":
            alternatives.append([])
        else:
            alternatives[-1].append(piece)
    if len(alternatives) > MAX_COMPARED:
        return True
    return any(_are_alike(one, other) for one, other in combinations(alternatives, 2))


def _are_alike(one: Sequence[str], other: Sequence[str]) -> bool:
    """Whether no place in two alternatives tells them apart; where that is unclear, they are."""
    for left, right in zip(one, other, strict=False):
        if not _SINGLE.fullmatch(left) or not _SINGLE.fullmatch(right):
            return True
        both = re.compile(f"(?={left}){right}", re.IGNORECASE | re.DOTALL)
        if not any(map(both.fullmatch, _TRIED)):
            return False
    return True
