"""The operations that decide what survives a crash, each passed through one gate.

Every step by which the spool or a Maildir changes stable storage goes through `Durable.perform`. In
service it only takes the step. Tests put a gate there that fails one step as a full disk would, or
stops the world at the n-th one; so the list below is also the list of places where a crash is
tried. It is here because those who write to disk are strangers to each other.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from pathlib import Path
from typing import Protocol, TypeVar

__all__ = ["DISK", "Disk", "Durable", "Operation"]

T = TypeVar("T")


class Operation(Enum):
    """One step towards stable storage, or away from it."""

    CREATE = "create"  # a file, or a directory
    WRITE = "write"
    SYNC_FILE = "sync file"
    LINK = "link"  # a second name for a file
    RENAME = "rename"
    SYNC_DIRECTORY = "sync directory"
    COMMIT = "commit"
    CHECKPOINT = "checkpoint"  # a database closed, its log written back
    UNLINK = "unlink"


class Durable(Protocol):
    """The gate."""

    def perform(self, operation: Operation, path: Path, action: Callable[[], T], /) -> T:
        """Take the step and return what it returns; called from the loop and from threads.

        Args:
            operation: the kind of step.
            path: the file or directory it is about; the old name for a rename.
            action: the step itself.

        Raises:
            OSError: the step failed.
            sqlite3.Error: the commit failed.
        """
        ...


class Disk:
    """The gate in service: always open."""

    def perform(self, _: Operation, __: Path, action: Callable[[], T]) -> T:
        """Take the step."""
        return action()


DISK = Disk()
