"""An error that nobody expected, as one line of the log has it."""

from __future__ import annotations

import traceback

__all__ = ["place_of"]

MOST_WORDS = 500
"""Characters of what it says; the place comes behind them."""


def place_of(error: BaseException) -> str:
    """What went wrong and where, in one line.

    Args:
        error: with its traceback.
    """
    frames = traceback.extract_tb(error.__traceback__)
    where = f" ({frames[-1].filename}:{frames[-1].lineno})" if frames else ""
    return " ".join(f"{type(error).__name__}: {error}".split())[:MOST_WORDS] + where
