"""The files of the old installation: read, never written.

Every reader of this package opens files through `OldFiles`, which knows where the old file system
is rooted, bounds what it reads, and has no way to write. A file that is not there or cannot be
read is a value, `None`, for the reader to make a finding of.
"""

from __future__ import annotations

from pathlib import Path

__all__ = ["MAX_FILE", "OldFiles"]

MAX_FILE = 64 * 1024 * 1024
"""Octets of one file. Tables of Postroad have the same bound; a larger one is no configuration."""


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
        if self.root == Path("/") or self._below(text):
            return Path(text)
        return self.root / text.lstrip("/")

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
