"""How a text is searched for the phrases of the vocabulary: in one pass, by a tree of words.

Letters count in any case; what stands between words does not: blanks, line ends, hyphens, signs,
characters that nobody sees. Time is in proportion to the text, however it is made.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from unicodedata import normalize

from postroad.filters.builtin.vocabulary import PHRASES

__all__ = ["MOST_SAID", "Said", "said_in", "words_of"]

Said = Mapping[str, tuple[str, ...]]
"""The phrases of a text by their topics, each once, in the order in which they stand."""

MOST_SAID = 48 * 1024
"""Characters of a text that are searched; the longest letters have less."""

_WORD = re.compile(r"[^\W\d_]{1,40}|([$€£]?)\d[\d.,]{0,20}(%?)")
_FASHION = (*range(0x1D400, 0x1D7D0), *range(0xFF21, 0xFF5B))
"""Letters that are bold, wide or slanted by themselves."""

_UNSAID = "'`\u00b4\u2019\u00ad\u200b\u200c\u200d\u2060\ufeff"
"""What stands in words without a sound, or cannot be seen."""

# One by one, as to normalize a whole text takes quadratic time for rows of combining marks.
_READ_AS = {each: normalize("NFKC", chr(each)) for each in _FASHION} | dict.fromkeys(
    map(ord, _UNSAID), ""
)


class _Tree(dict[str, "_Tree"]):
    """Words that may come next, and what phrases of which topics end here."""

    __slots__ = ("ends",)

    def __init__(self) -> None:
        super().__init__()
        self.ends: list[tuple[str, str]] = []


def words_of(text: str) -> list[str]:
    """The words of a text in small letters; numbers as they stand in phrases.

    Args:
        text: of bounded length.
    """
    plain = text.translate(_READ_AS).lower().replace("e-mail", "email")
    return [
        found[0] if found[1] is None else f"{'$' if found[1] else ''}#{found[2]}"
        for found in _WORD.finditer(plain)
    ]


def _tree(table: Mapping[str, str]) -> _Tree:
    root = _Tree()
    for topic, phrases in table.items():
        for phrase in phrases.split(";"):
            at = root
            for word in words_of(phrase.replace("#", "0")):
                at = at.setdefault(word, _Tree())
            if at is not root:
                at.ends.append((topic, phrase.strip()))
    return root


_ROOT = _tree(PHRASES)


def said_in(texts: Iterable[str]) -> Said:
    """The phrases of some texts, by their topics.

    Of phrases of one topic that share words the longest counts, and of two the one before.

    Args:
        texts: of a message; of each `MOST_SAID` characters are searched.
    """
    found: dict[str, dict[str, None]] = {}
    for text in texts:
        words = words_of(text[:MOST_SAID])
        taken: dict[str, int] = {}  # up to which word a topic has had them
        for at, word in enumerate(words):
            if word not in _ROOT:
                continue
            for topic, (phrase, end) in _longest_at(words, at).items():
                if at >= taken.get(topic, 0):
                    found.setdefault(topic, {})[phrase] = None
                    taken[topic] = end
    return {topic: tuple(phrases) for topic, phrases in found.items()}


def _longest_at(words: list[str], at: int) -> dict[str, tuple[str, int]]:
    """The longest phrase of each topic that begins at a word, and where it ends."""
    found: dict[str, tuple[str, int]] = {}
    tree = _ROOT
    while at < len(words) and words[at] in tree:
        tree = tree[words[at]]  # it is no deeper than a phrase has words
        at += 1
        for topic, phrase in tree.ends:
            found[topic] = (phrase, at)
    return found
