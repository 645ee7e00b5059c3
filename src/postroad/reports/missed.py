"""What a file of counts had no room for, by days: the table `missed` of both kinds of reports.

All of these run within a transaction.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping

__all__ = ["add_missed", "missed", "sweep_missed"]

_ADD = """
INSERT INTO missed VALUES (?, ?) ON CONFLICT (day) DO UPDATE SET count = count + excluded.count
"""


def add_missed(connection: sqlite3.Connection, lost: Mapping[int, int]) -> None:
    """Note how much was lost, by the number of the day since the epoch."""
    connection.executemany(_ADD, lost.items())


def missed(connection: sqlite3.Connection) -> int:
    """How much was lost on all days that are remembered."""
    (count,) = connection.execute("SELECT coalesce(sum(count), 0) FROM missed").fetchone()
    return int(count)


def sweep_missed(connection: sqlite3.Connection, before: int) -> None:
    """Forget the days before this one."""
    connection.execute("DELETE FROM missed WHERE day < ?", (before,))
