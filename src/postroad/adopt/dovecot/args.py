"""`args` of Dovecot's passdbs and userdbs: options `name=value`, then a file or a name."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["Args", "args_of"]


@dataclass(frozen=True, slots=True)
class Args:
    """The words of `args`.

    Attributes:
        options: those of the form `name=value`, by name; of words given twice the last one counts.
        last: the one behind them: a file, or a service of PAM; empty for none.
    """

    options: Mapping[str, str]
    last: str


def args_of(text: str) -> Args:
    """Take `args` apart. A path may hold `=`; an option does not begin with a slash."""
    try:
        words = shlex.split(text)
    except ValueError:
        words = text.split()
    options: dict[str, str] = {}
    for at, word in enumerate(words):
        if word.startswith("/") or "=" not in word:
            rest = [each for each in words[at:] if each not in _FLAGS]
            return Args(options, " ".join(rest))
        name, _, value = word.partition("=")
        options[name] = value
    return Args(options, "")


_FLAGS = frozenset({"-session"})
"""Words of old that are neither."""
