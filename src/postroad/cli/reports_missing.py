"""Why a listing of reports is empty: said on standard error, so that silence is no riddle."""

from __future__ import annotations

import sys
from collections.abc import Sequence

__all__ = ["say_none"]


def say_none(section: str, receive: Sequence[str]) -> None:
    """Say that there are no reports to show, and where they would come from.

    Args:
        section: of the configuration, which is about them.
        receive: its addresses that take reports.
    """
    if receive:
        why = f"those that come to {', '.join(receive)} are read"
    else:
        why = f"[{section}] receive names nobody, so none is read"
    print(f"no reports to show: {why}", file=sys.stderr)
