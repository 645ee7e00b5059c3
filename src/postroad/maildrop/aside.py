"""What of the drop cannot be queued: kept for an operator to look at, within bounds.

Anybody of this machine can leave what is no message, as fast as files can be made. So of each user
so many files and octets are kept, and what is beyond is removed: whoever looks at the first
thousand knows. A file's length counts, not the disk that it takes: what copies such a folder
elsewhere goes by that. Nothing is ever removed again that was kept; that is the operator's to do.

All functions block, and are called in threads, several at a time.
"""

from __future__ import annotations

import os
import stat
import threading

__all__ = ["MOST_FILES", "MOST_OCTETS", "Aside"]

MOST_FILES = 1000
"""Files of one user: a morning of mail that a new rule refuses, and soon listed."""

MOST_OCTETS = 1 << 30
"""Octets of one user, by the length of the files: some of the largest messages."""


class Aside:
    """A folder of the drop."""

    def __init__(self, folder: str) -> None:
        """Nothing is looked at yet.

        Args:
            folder: its path.
        """
        self._folder = folder
        self._kept: dict[int, tuple[int, int]] | None = None
        self._turn = threading.Lock()

    def look_anew(self) -> None:
        """Somebody may have emptied it: count what is there before the next decision."""
        with self._turn:
            self._kept = None

    def take(self, path: str, name: str) -> str:
        """Move a file here, or remove it where its owner has enough here.

        Args:
            path: the file; a directory is always moved.
            name: what it is to be called.

        Returns:
            Its path here; empty where it was removed.

        Raises:
            OSError: neither could be done.
        """
        about = os.lstat(path)
        with self._turn:
            if not self._has_room(about):
                os.unlink(path)
                return ""
            kept = os.path.join(self._folder, name)
            os.rename(path, kept)
            return kept

    def _has_room(self, about: os.stat_result) -> bool:
        """Whether one more may come; it is counted then."""
        if self._kept is None:
            self._kept = self._count()
        files, octets = self._kept.get(about.st_uid, (0, 0))
        files, octets = files + 1, octets + about.st_size
        if not stat.S_ISDIR(about.st_mode) and (files > MOST_FILES or octets > MOST_OCTETS):
            return False
        self._kept[about.st_uid] = (files, octets)
        return True

    def _count(self) -> dict[int, tuple[int, int]]:
        """Files and octets of each user."""
        found: dict[int, tuple[int, int]] = {}
        with os.scandir(self._folder) as entries:
            for entry in entries:
                try:
                    about = entry.stat(follow_symlinks=False)
                except FileNotFoundError:
                    continue  # an operator is emptying it
                files, octets = found.get(about.st_uid, (0, 0))
                found[about.st_uid] = (files + 1, octets + about.st_size)
        return found
