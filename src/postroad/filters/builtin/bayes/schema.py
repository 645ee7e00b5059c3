"""The tables of one memory."""

from __future__ import annotations

from postroad.limits.state_file import Shape, StateUnavailable

__all__ = ["LEARNED_MAIL", "StoreUnavailable"]


class StoreUnavailable(StateUnavailable):
    """A memory cannot be opened, read or written; the message says why."""


LEARNED_MAIL = Shape(
    noun="learned mail",
    application_id=0x50526279,  # "PRby"
    version=1,
    tables="""
    CREATE TABLE token (
        id INTEGER PRIMARY KEY,         -- keyed hash
        spam INTEGER NOT NULL,
        ham INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE learned (
        mark BLOB PRIMARY KEY,
        is_spam INTEGER NOT NULL,
        number INTEGER NOT NULL         -- counts up: the lowest are the oldest
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE about (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        key BLOB NOT NULL,              -- of the hashes
        owner TEXT NOT NULL,
        spam INTEGER NOT NULL,          -- messages ever learned
        ham INTEGER NOT NULL,
        weight_spam INTEGER NOT NULL,   -- the same as they count
        weight_ham INTEGER NOT NULL,
        number INTEGER NOT NULL
    ) STRICT;
    INSERT INTO about VALUES (1, randomblob(32), '', 0, 0, 0, 0, 0);
    """,
    error=StoreUnavailable,
)
