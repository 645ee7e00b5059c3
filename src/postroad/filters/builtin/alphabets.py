"""Words that are written with letters of more than one alphabet, so that they look like others."""

from __future__ import annotations

import re
from itertools import pairwise

__all__ = ["mixed_word"]

_WORD = re.compile(r"[^\W\d_]{3,64}")
_LATIN = re.compile(r"[A-Za-z\u00c0-\u024f]")
_LOOKALIKE = re.compile(
    "[\u0391\u0392\u0395-\u0397\u0399\u039a\u039c\u039d\u039f\u03a1\u03a4\u03a5\u03a7"
    "\u03b1\u03b3\u03b9\u03ba\u03bd\u03bf\u03c1\u03c5\u03c7\u0400-\u052f]"
)
"""Cyrillic, and those Greek letters that look like Latin ones: others stand in the names of things,
as a mu does."""

_GREEK = re.compile(r"[\u0370-\u03ff]")


def mixed_word(text: str) -> str:
    """The first word of a text with Latin letters beside Greek or Cyrillic ones; else empty.

    Args:
        text: of bounded length.
    """
    if text.isascii():
        return ""
    for found in _WORD.finditer(text):
        word = found[0]
        latin, others = len(_LATIN.findall(word)), len(_LOOKALIKE.findall(word))
        if latin >= 2 and others >= 1 and _is_disguise(word, latin):
            return word
    return ""


def _is_disguise(word: str, latin: int) -> bool:
    """Whether the alphabets take turns, or a long word begins with a strange letter.

    A stem with an ending of the other alphabet is usual, as are short formulas, one Greek letter in
    a substance's name, and an `i` where a keyboard for Ukrainian is missing.
    """
    if latin == len(word) - 1 >= 4 and not _LATIN.match(word[0]):
        return True
    if set(_LATIN.findall(word.lower())) == {"i"}:
        return False
    if len(_GREEK.findall(word)) == 1 == len(word) - latin:
        return False
    changes = 0
    for one, other in pairwise(word):
        changes += bool(_LATIN.match(one)) != bool(_LATIN.match(other))
    return changes >= 2
