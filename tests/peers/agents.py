"""The processes that write mail as its owners, found by the users that they are."""

from __future__ import annotations

import contextlib
from pathlib import Path

__all__ = ["agents_of", "is_alive", "parent_of"]


def agents_of(uid: int) -> list[int]:
    """All processes of a user that nobody else here is, without those that wait to be reaped."""
    found = []
    for each in Path("/proc").iterdir():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            if each.name.isdigit() and each.stat().st_uid == uid and is_alive(int(each.name)):
                found.append(int(each.name))
    return found


def is_alive(pid: int) -> bool:
    """Whether it runs."""
    try:
        return _fields(pid)[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def parent_of(pid: int) -> int:
    """Who started it; 0 if it is gone."""
    try:
        return int(_fields(pid)[1])
    except (FileNotFoundError, ProcessLookupError):
        return 0


def _fields(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
