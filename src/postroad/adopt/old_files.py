"""The files of the old installation: read, never written.

Every reader of this package opens files through `OldFiles`, which knows where the old file system
is rooted, leaves that root neither by `..` nor by a link, bounds what it reads, and has no way to
write. A file that is not there or cannot be
read is a value, `None`, for the reader to make a finding of.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

__all__ = ["MAX_FILE", "OldFiles"]

MAX_FILE = 64 * 1024 * 1024
"""Octets of one file. Tables of Postroad have the same bound; a larger one is no configuration."""

_MOST_LINKS = 40  # of one path; Linux has the same bound
_NOWHERE = "a-circle-of-links"


class OldFiles:
    """What is below the root of the old file system.

    A path in the old configuration (`/etc/postfix/virtual`) is looked for below the root, and
    the new configuration names it there.
    """

    def __init__(self, root: Path = Path("/")) -> None:
        self.root = root.absolute()

    def place(self, path: str | Path) -> Path:
        """Where a file that the old configuration names really is."""
        text = str(path)
        if self.root == Path("/"):
            return Path(text)
        whole = os.path.normpath(f"/{text.lstrip('/')}")  # above a root is the root, as in a chroot
        is_placed = text.startswith("/") and self._below(whole)
        place = Path(whole) if is_placed else self.root / whole.lstrip("/")
        if "\0" in text or self._is_within(place):
            return place
        return self._followed(place)

    def _is_within(self, place: Path) -> bool:
        return Path(os.path.realpath(place)).is_relative_to(os.path.realpath(self.root))

    def _followed(self, place: Path) -> Path:
        """Where links lead that would leave the root: their paths are those of the old system."""
        current, links = self.root, 0
        ahead = list(reversed(place.relative_to(self.root).parts))
        while ahead:
            part = ahead.pop()
            if part == "..":
                current = self.root if current == self.root else current.parent
                continue
            try:
                target = os.readlink(current / part)
            except OSError:  # no link, or nothing
                current /= part
                continue
            links += 1
            if links > _MOST_LINKS:
                return self.root / _NOWHERE
            current = self.root if target.startswith("/") else current
            ahead += [each for each in reversed(target.split("/")) if each not in ("", ".")]
        return current

    def named(self, place: Path) -> str:
        """What the old configuration would call a file."""
        if self.root == Path("/") or not self._below(str(place)):
            return str(place)
        return "/" + str(place.relative_to(self.root))

    def _below(self, text: str) -> bool:
        return text == str(self.root) or text.startswith(f"{self.root}/")

    def exists(self, path: str | Path) -> bool:
        """Whether there is such a file, folder or socket."""
        try:
            return self.place(path).exists()
        except OSError:
            return False

    def is_private(self, path: str | Path) -> bool:
        """Whether not everybody may read a file that is there."""
        try:
            return not self.place(path).stat().st_mode & stat.S_IROTH
        except OSError:
            return False

    def octets(self, path: str | Path) -> bytes | None:
        """The content; `None` if there is none to be had, or it is over `MAX_FILE`."""
        place = self.place(path)
        try:
            if not place.is_file() or place.stat().st_size > MAX_FILE:
                return None
            return place.read_bytes()
        except OSError:
            return None

    def text(self, path: str | Path) -> str | None:
        """The content as text; octets that are no UTF-8 become U+FFFD."""
        octets = self.octets(path)
        return None if octets is None else octets.decode("utf-8", "replace")

    def listing(self, path: str | Path) -> list[Path]:
        """The files of a folder, sorted by name; empty if there is none."""
        try:
            return sorted(self.place(path).iterdir())
        except OSError:
            return []
