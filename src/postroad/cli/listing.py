"""Lists: columns for eyes, JSON for programs."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable, Mapping, Sequence

__all__ = ["local_time", "print_json", "print_json_lines", "print_json_stream", "print_table"]

GAP = "  "


def local_time(seconds: float) -> str:
    """A moment as lists show it, in the time of this machine; seconds since the epoch."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))


def print_table(header: Sequence[str], rows: Sequence[Sequence[str]], *, none: str) -> None:
    """Print rows in columns as wide as they need.

    Args:
        header: the names of the columns.
        rows: their cells.
        none: what is said on standard error where there are no rows, as silence is a riddle.
    """
    if not rows:
        print(none, file=sys.stderr)
        return
    lines = [header, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    for line in lines:
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        print(GAP.join(cells).rstrip())


def print_json(value: Sequence[Mapping[str, object]] | Mapping[str, object]) -> None:
    """Print a value as one JSON document."""
    print(json.dumps(value, indent=2, ensure_ascii=False))


def print_json_stream(values: Iterable[Mapping[str, object]]) -> None:
    """Print an array of values that come one by one, of which there may be very many."""
    mark = "["
    for value in values:
        print(mark)
        print(json.dumps(value, ensure_ascii=False), end="")
        mark = ","
    print("[]" if mark == "[" else "\n]")


def print_json_lines(values: Iterable[Mapping[str, object]]) -> None:
    """Print values that come one by one, each on a line of its own, as `jq` and `postqueue -j`."""
    encode = json.JSONEncoder(ensure_ascii=False).encode
    for value in values:
        print(encode(value))
