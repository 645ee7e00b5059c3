"""What is wrong with a configuration, in words for the operator who wrote it.

One mistake is one line that can be acted on without a manual: which file, which line, which key,
what was expected, and the nearest right spelling. An error carries all of them, because an
operator who has to fix three things wants to hear of three things.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from postroad.config.lines import KeyPath

__all__ = ["ConfigurationError", "Fault", "Mistake", "key_name", "nearest", "one_line", "shown"]

MAX_CANDIDATE = 64
"""Longer words are no misspelling of ours; comparing them would only cost time."""

MAX_SHOWN = 60
"""Characters of a wrong value that a message repeats."""

MAX_LINE = 1000
"""Characters of a mistake. What is longer lists things that an operator has a great many of."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A mistake before it is known which file and line it stands on.

    Attributes:
        path: the key it is about; empty for the file as a whole.
        message: what was expected.
        suggestion: the nearest right spelling, or empty.
    """

    path: KeyPath
    message: str
    suggestion: str = ""


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing to put right.

    Attributes:
        file: the configuration file.
        line: counted from 1; `None` where the file as a whole is meant.
        key: `[table] key`, or the key alone at the top level, or empty.
        message: what was expected.
        suggestion: the nearest right spelling, or empty.
    """

    file: Path
    line: int | None
    key: str
    message: str
    suggestion: str = ""

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line is not None else str(self.file)
        key = f" {self.key}:" if self.key else ""
        hint = f"; did you mean {self.suggestion}?" if self.suggestion else ""
        return one_line(f"{where}:{key} {self.message}{hint}")


class ConfigurationError(Exception):
    """A configuration cannot be used; `mistakes` holds every reason, in the file's order."""

    def __init__(self, mistakes: Iterable[Mistake]) -> None:
        self.mistakes: Sequence[Mistake] = tuple(mistakes)
        super().__init__("\n".join(str(mistake) for mistake in self.mistakes))


def key_name(path: KeyPath, *, table: bool = False) -> str:
    """A path as the file shows it: `[listeners.mx] bind`, or `[listeners.mx]` for a table.

    Positions in a list are left out; the line says which element is meant. One before the key is
    that of an array of tables: `[[tls.certificates]] key`.
    """
    names = [part for part in path if isinstance(part, str)]
    tables, key = (names, "") if table else (names[:-1], "".join(names[-1:]))
    header = f"[{'.'.join(tables)}]" if tables else ""
    owner = path if table else path[: _last_name(path)]
    if header and owner and isinstance(owner[-1], int):
        header = f"[{header}]"
    return f"{header} {key}".strip()


def _last_name(path: KeyPath) -> int:
    """The place of the last word in a path; 0 without any."""
    return max((at for at, part in enumerate(path) if isinstance(part, str)), default=0)


def one_line(text: str) -> str:
    """A text with what would break or turn a line escaped, and not too long."""
    if not text.isprintable():
        text = "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in text)
    return text if len(text) <= MAX_LINE else f"{text[: MAX_LINE - 1]}…"


def shown(value: object) -> str:
    """A wrong value as the file writes it, not too long."""
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, list):
        return "a list"
    text = one_line(json.dumps(value, ensure_ascii=False, default=str))
    return text if len(text) <= MAX_SHOWN else f"{text[: MAX_SHOWN - 1]}…"


def nearest(word: str, candidates: Iterable[str]) -> str:
    """The candidate most like a word, or empty when none is near."""
    if len(word) > MAX_CANDIDATE:
        return ""
    folded = {candidate.lower().replace("-", "_"): candidate for candidate in candidates}
    close = get_close_matches(word.lower().replace("-", "_"), folded, n=1, cutoff=0.6)
    return folded[close[0]] if close else ""
