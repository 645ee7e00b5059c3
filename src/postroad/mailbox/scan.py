"""What is in the folders of a mailbox, found by reading directories: nothing is written here.

Two questions: how much mail there is, for the quota, and whether a delivery is there already,
wherever a mail program has put it since. Both look at names only; the size of a message is in its
name (`,S=`), and only a file whose name does not tell it is looked at itself.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from postroad.mailbox.location import Whereabouts
from postroad.mailbox.quota import Usage

__all__ = ["all_folders", "count", "earlier", "holds"]

MAX_NESTED = 16  # levels of LAYOUT=fs that are walked
CLOCK_MARGIN = 2.0  # seconds a folder's time stamp may lag behind the clock

_SIZE = re.compile(r",S=([0-9]{1,18})(?=[:,]|\Z)")
_OWN = ("cur", "new", "tmp")


def all_folders(where: Whereabouts) -> list[Path]:
    """Every Maildir of an account, its inbox first.

    Raises:
        OSError: a folder cannot be read.
    """
    found = [where.inbox] if (where.inbox / "cur").is_dir() else []
    below = _nested(where.root, 0) if where.nested else _beside(where.root)
    return found + [each for each in sorted(below) if each != where.inbox]


def count(folders: Iterable[Path], *, changed_after: float | None = None) -> tuple[Usage, float]:
    """How much mail is in these folders.

    Args:
        folders: Maildirs.
        changed_after: where it is given, nothing is counted, and only times are compared.

    Returns:
        The sum, and when the last of the directories was changed.

    Raises:
        OSError: a folder cannot be read.
    """
    octets = messages = 0
    latest = 0.0
    for folder in folders:
        for name in ("new", "cur"):
            directory = folder / name
            try:
                latest = max(latest, directory.stat().st_mtime)
                if changed_after is not None:
                    continue
                with os.scandir(directory) as entries:
                    for entry in entries:
                        if not entry.name.startswith("."):
                            size = _size(entry)
                            octets += size or 0
                            messages += size is not None
            except FileNotFoundError:
                continue  # removed meanwhile, or not a whole Maildir
    return Usage(octets, messages), latest


def earlier(where: Whereabouts, name: str, queued: float) -> Path | None:
    """The directory in which a delivery lies already, in whatever folder of an account.

    Directories that were not changed since the message came are not read.

    Args:
        where: the account's mail.
        name: the delivery's unique name.
        queued: when the message entered the queue, seconds since the epoch.
    """
    for folder in all_folders(where):
        for part in ("cur", "new"):
            with suppress(FileNotFoundError):  # not a whole Maildir, as a crash leaves it
                if holds(folder / part, name, queued):
                    return folder / part
    return None


def holds(directory: Path, name: str, queued: float) -> bool:
    """Whether a delivery lies in one directory, with whatever fields and flags.

    Raises:
        FileNotFoundError: there is no such directory.
    """
    if directory.stat().st_mtime < queued - CLOCK_MARGIN:
        return False
    # Fields (",S=…") and flags (":2,…") may follow the name.
    fields, flags = f"{name},", f"{name}:"
    with os.scandir(directory) as entries:
        return any(entry.name.startswith((fields, flags)) for entry in entries)


def _size(entry: os.DirEntry[str]) -> int | None:
    """The octets of a message; `None` where it is gone by now."""
    match = _SIZE.search(entry.name)
    if match is not None:
        return int(match[1])
    try:
        return entry.stat(follow_symlinks=False).st_size
    except FileNotFoundError:
        return None


def _beside(root: Path) -> list[Path]:
    try:
        with os.scandir(root) as entries:
            names = [each.name for each in entries if each.name.startswith(".")]
    except FileNotFoundError:
        return []
    return [root / name for name in names if name != ".." and (root / name / "cur").is_dir()]


def _nested(root: Path, depth: int) -> list[Path]:
    found: list[Path] = []
    try:
        with os.scandir(root) as entries:
            below = [
                Path(each.path)
                for each in entries
                if each.is_dir(follow_symlinks=False) and each.name not in _OWN
            ]
    except FileNotFoundError:
        return found
    for folder in below:
        if (folder / "cur").is_dir():
            found.append(folder)
        if depth < MAX_NESTED:
            found += _nested(folder, depth + 1)
    return found
