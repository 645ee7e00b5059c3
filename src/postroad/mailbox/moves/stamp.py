"""When a folder for junk was changed last: two questions to the file system, as a rule.

That is the stamp of a look: as long as it is the same, nothing was moved in or out. It has no
knowledge of messages. Only where the folder is not there by its name are other names looked at.
"""

from __future__ import annotations

import os
from contextlib import suppress
from itertools import islice
from pathlib import Path

from postroad.mailbox.errand import spelt_otherwise
from postroad.mailbox.folder import FolderName, folder_path
from postroad.mailbox.location import Whereabouts

__all__ = ["MOST_ENTRIES", "NO_FOLDER", "glance", "in_other_letters", "stamp_of"]

MOST_ENTRIES = 50_000
"""Names that are read at one look at an account: some 50 ms."""

MOST_GLANCED = 1_000
"""Names likewise at a glance at mail of somebody else's: half a millisecond."""

NO_FOLDER = "-"
"""The stamp of an account that has no folder for junk."""

RACY = 2.0
"""Seconds within which a folder may be changed again without another time stamp."""


def stamp_of(where: Whereabouts, junk: FolderName, now: float) -> str:
    """When an account's folder for junk was changed, and which one it is; blocks.

    Args:
        where: the account's mail.
        junk: the folder.
        now: seconds since the epoch.

    Returns:
        A text to be compared; empty: it has to be looked at, as it may still change unnoticed.

    Raises:
        OSError: it cannot be looked at.
    """
    try:
        return _time_of(folder_path(where, junk), now)
    except (FileNotFoundError, NotADirectoryError):
        there = in_other_letters(where, junk)
        return NO_FOLDER if there is None else _time_of(there, now)


def glance(where: Whereabouts, junk: FolderName, now: float) -> str:
    """The same where a moment tells it, for who is not the owner of the mail; blocks.

    Who owns mail can have folders without number in it, and none of them is looked through here.

    Args:
        where: the account's mail.
        junk: the folder.
        now: seconds since the epoch.

    Returns:
        A text to be compared; empty: it has to be looked at.

    Raises:
        OSError: it cannot be looked at.
    """
    try:
        return _time_of(folder_path(where, junk), now)
    except (FileNotFoundError, NotADirectoryError):
        names = _names_at_top(where, MOST_GLANCED + 1)
        is_clear = len(names) <= MOST_GLANCED and _at_top(where, junk) not in names
        return NO_FOLDER if is_clear else ""


def in_other_letters(where: Whereabouts, junk: FolderName) -> Path | None:
    """The folder for junk where its name differs in case only, as mail goes there too."""
    # Most accounts without one have none of any spelling: names alone show that quickly.
    if _at_top(where, junk) not in _names_at_top(where, MOST_ENTRIES):
        return None
    return spelt_otherwise(where, junk)


def _at_top(where: Whereabouts, junk: FolderName) -> str:
    """What the folder, or the one that it is in, is called in the top folder; in small letters."""
    return folder_path(where, junk).relative_to(where.root).parts[0].casefold()


def _names_at_top(where: Whereabouts, most: int) -> set[str]:
    with os.scandir(where.root) as entries:
        return {entry.name.casefold() for entry in islice(entries, most)}


def _time_of(folder: Path, now: float) -> str:
    path = os.fspath(folder)
    cur = os.stat(f"{path}/cur")
    latest, new = cur.st_mtime, 0
    with suppress(FileNotFoundError):
        status = os.stat(f"{path}/new")
        latest, new = max(latest, status.st_mtime), status.st_mtime_ns
    return "" if latest > now - RACY else f"{cur.st_ino}.{cur.st_mtime_ns}.{new}"
