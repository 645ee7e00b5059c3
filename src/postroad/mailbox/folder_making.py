"""Folders of a mailbox, made so that a power cut does not take them back.

A name is on stable storage when the folder that it stands in is synced. So whoever makes folders
syncs all above them in which this process could have made an entry. It knows no Maildirs.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from postroad.mailbox.rights import Rights
from postroad.model.durable import Durable, Operation

__all__ = ["make_folders", "sync_folder"]


def make_folders(
    folder: Path, rights: Rights, durable: Durable, inner: Sequence[Path] = ()
) -> None:
    """Make a folder, and those above it that are missing, each with its name on stable storage.

    Args:
        folder: its path.
        rights: of what is made.
        durable: the gate for every step.
        inner: folders in it that are made with it.

    Raises:
        OSError: one cannot be made or synced.
    """
    for each in (*reversed(folder.parents), folder, *inner):
        rights.make_folder(each, durable)
    for level in (folder, *folder.parents):
        if not os.access(level, os.W_OK):
            return
        sync_folder(level, durable)


def sync_folder(path: Path, durable: Durable) -> None:
    """Put the names in a folder on stable storage.

    Raises:
        OSError: they may not be there.
    """
    durable.perform(Operation.SYNC_DIRECTORY, path, lambda: _sync(path))


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
