"""Mail for an address of reports that brought none, and that has no mailbox: set aside, as a file.

It may be a report that this release cannot read, so an operator should be able to look at it; it
may as well be spam, so there is little room, and the oldest goes first. Sending it back would only
reach those whom a spammer names.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from pathlib import Path

from postroad.limits.whole_file import write_whole
from postroad.model import Content

__all__ = ["Aside"]

MOST_FILES = 50
"""Mails that are kept."""

MOST_SIZE = 52_428_800
"""Octets of all of them."""

_NAME = re.compile(r"[A-Za-z0-9]{1,64}\Z")


class Aside:
    """A folder of such mail. Implements `report_taking.SettingAside`."""

    def __init__(self, folder: Path, warn: Callable[[str], None]) -> None:
        """Nothing is made before there is something to keep.

        Args:
            folder: where mail is kept, as one file each.
            warn: takes a line for the log.
        """
        self._folder = folder
        self._warn = warn

    async def keep(self, queue_id: str, content: Content) -> bool:
        """Keep a mail; whether it is on the disk now.

        Args:
            queue_id: the file's name.
            content: the mail.
        """
        if content.size > MOST_SIZE or not _NAME.match(queue_id):
            return False
        path = self._folder / f"{queue_id}.eml"
        try:
            await asyncio.to_thread(self._write, path, content)
        except OSError as error:
            self._warn(f"{queue_id}: {path}: {(error.strerror or '').lower()}")
            return False
        self._warn(f"{queue_id}: it has no mailbox to go to, and is in {path}")
        return True

    def _write(self, path: Path, content: Content) -> None:
        """In a thread: all of it, or nothing."""
        self._folder.mkdir(mode=0o700, exist_ok=True)
        self._make_room(content.size)
        write_whole(path, content.chunks())

    def _make_room(self, size: int) -> None:
        """Remove the oldest, and what a crash left half written."""
        files = []
        for each in self._folder.iterdir():
            try:
                found = each.stat()
            except FileNotFoundError:  # another worker removed it
                continue
            files.append((each.suffix == ".eml", found.st_mtime, found.st_size, each))
        files.sort()
        used = sum([found for _, _, found, _ in files])
        while files and (len(files) >= MOST_FILES or used + size > MOST_SIZE):
            _, _, freed, oldest = files.pop(0)
            oldest.unlink(missing_ok=True)
            used -= freed
