"""The name an operator may have meant, for the messages about one that is not there.

Only rows that are near by are looked at: the same name in other domains, and names of the same
domain that begin alike, so that a directory with very many accounts answers as fast as a small one.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from difflib import get_close_matches

__all__ = ["hint", "near_domain", "near_source", "near_user", "near_word"]

MOST = 500  # rows that are compared
CLOSE = 0.7  # difflib's ratio

_USERS = """
SELECT name FROM (SELECT name FROM users WHERE name >= ?1 AND name < ?2 LIMIT ?4)
UNION SELECT name FROM (SELECT name FROM users WHERE domain = ?3 LIMIT ?4)
"""
_SOURCES = """
SELECT source FROM (SELECT source FROM aliases WHERE source >= ?1 AND source < ?2 LIMIT ?4)
UNION SELECT source FROM (SELECT source FROM aliases WHERE domain = ?3 LIMIT ?4)
"""


def near_user(connection: sqlite3.Connection, name: str) -> str:
    """The account whose name is most like this one; empty if none is near."""
    return _near(connection, _USERS, name)


def near_source(connection: sqlite3.Connection, source: str) -> str:
    """The alias or group whose address is most like this one; empty if none is near."""
    return _near(connection, _SOURCES, source)


def near_domain(connection: sqlite3.Connection, name: str, configured: tuple[str, ...]) -> str:
    """The domain of ours that is most like this one; empty if none is near."""
    rows = connection.execute("SELECT name FROM domains LIMIT ?", (MOST,))
    return _closest(name, [*configured, *(str(row[0]) for row in rows)])


def near_word(word: str, candidates: Iterable[str]) -> str:
    """The word that is most like this one; empty if none is near."""
    return _closest(word, list(candidates))


def hint(name: str) -> str:
    """What to say about the nearest name, at the end of a line."""
    return f"; did you mean {name}?" if name else ""


def _near(connection: sqlite3.Connection, sql: str, name: str) -> str:
    local, _, domain = name.rpartition("@")
    start = local[:2] if local else f"@{domain[:2]}"
    rows = connection.execute(sql, (start, f"{start}\U0010ffff", domain, MOST))
    near: dict[str, str] = {}
    for (candidate,) in rows:
        # One half has to be the same: what whole addresses have in common is mostly a domain.
        other, _, elsewhere = str(candidate).rpartition("@")
        if elsewhere == domain:
            near[other] = str(candidate)
        elif other == local:
            near[elsewhere] = str(candidate)
    found = _closest(local, list(near)) or _closest(domain, list(near))
    return near.get(found, "")


def _closest(name: str, candidates: list[str]) -> str:
    return next(iter(get_close_matches(name, candidates, n=1, cutoff=CLOSE)), "")
