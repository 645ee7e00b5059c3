"""What is damaged in a spool, for whoever looks before a start or beside the running server.

Only what is known already is told: what was marked, and what is in quarantine. Nothing is checked.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from postroad.spool.errors import SpoolError
from postroad.spool.inventory import shard_directories
from postroad.spool.opening import DATABASE
from postroad.spool.quarantine import NAME as QUARANTINE
from postroad.spool.salvage import REPORT
from postroad.spool.schema import connect_reader

__all__ = ["inspect"]

COUNT = "SELECT count(*), min(queue_id) FROM message WHERE damage IS NOT NULL"


def inspect(spool: Path) -> Iterator[str]:
    """A line for each shard with something that is damaged.

    Args:
        spool: the directory of all shards.

    Raises:
        OSError: a directory cannot be read.
    """
    for shard in shard_directories(spool):
        yield from _damaged(shard / DATABASE)
        for place in sorted((shard / QUARANTINE).glob("database-*")):
            yield f"{place} is a broken database, {REPORT} there says what became of it"


def _damaged(database: Path) -> Iterator[str]:
    if not database.exists():
        return
    try:
        with closing(connect_reader(database)) as connection:
            count, first = connection.execute(COUNT).fetchone()
    except SpoolError as error:
        yield str(error)
    except sqlite3.Error as error:
        yield f"{database}: {error}"
    else:
        if count:
            yield (
                f"{database.parent}: damaged messages on hold: {count}, the oldest {first};"
                ' "postroad queue list --status damaged" shows them'
            )
