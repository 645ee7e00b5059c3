"""`quarantine/`: what is damaged, kept for an operator and out of the server's way.

`quarantine/QUEUE_ID` is the content of a message that is marked as damaged, as far as there is one.
`quarantine/database-N/` is a broken database as it was found, with what could not be joined to any
message. Nothing here is ever read again by the server, and nothing is deleted by it.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from postroad.model.durable import Durable, Operation

__all__ = ["Quarantine", "sync_directory"]

NAME = "quarantine"
DATABASES = 10_000  # broken ones in a shard; more is a disk that nobody should use


class Quarantine:
    """The quarantine of one shard.

    Args:
        shard: the shard's directory.
        durable: the gate for every step.

    Attributes:
        directory: made when it is needed.
    """

    def __init__(self, shard: Path, durable: Durable) -> None:
        self.directory = shard / NAME
        self._durable = durable

    def take(self, path: Path) -> Path | None:
        """Move a file here, under its own name; one that is here already is written over.

        Returns:
            Where it is; `None` when it is not there.

        Raises:
            OSError: it cannot be moved.
        """
        self._make(self.directory)
        place = self.directory / path.name
        with contextlib.suppress(FileNotFoundError):
            self._durable.perform(Operation.RENAME, path, lambda: path.rename(place))
            self._sync(self.directory)
            self._sync(path.parent)
            return place
        return None

    def new_place(self) -> Path:
        """A new directory, for a broken database.

        Raises:
            OSError: it cannot be made.
        """
        self._make(self.directory)
        for number in range(1, DATABASES):
            place = self.directory / f"database-{number}"
            if not place.exists():
                self._make(place)
                return place
        raise FileExistsError(f"{self.directory} holds {DATABASES} broken databases")

    def _make(self, directory: Path) -> None:
        if not directory.is_dir():
            self._durable.perform(Operation.CREATE, directory, lambda: directory.mkdir(mode=0o700))
            self._sync(directory.parent)

    def _sync(self, directory: Path) -> None:
        perform = self._durable.perform
        perform(Operation.SYNC_DIRECTORY, directory, lambda: sync_directory(directory))


def sync_directory(path: Path) -> None:
    """Bring a directory's entries to stable storage.

    Raises:
        OSError: they may not be there.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
