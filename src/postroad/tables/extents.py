"""How much was in files when they were last taken, kept where every process of a server sees it.

A worker that is started anew has not seen the whole file that a cut one is compared with; its
siblings have, and so had those before a restart. So that is written down: a small file for each
name, with numbers and paths, and nothing of the content. It knows no rule of what is doubtful
(`shrinking`). Where nothing can be written, as on a full disk, a process goes by what it saw itself
beside what was written before.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from postroad.tables.source import Signature

__all__ = ["Extent", "Extents", "Known"]


@dataclass(frozen=True, slots=True)
class Extent:
    """How much a content is.

    Attributes:
        entries: how many it has.
        unended: the files whose last line has no end.
    """

    entries: int
    unended: frozenset[Path] = frozenset()


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a name.

    Attributes:
        taken: what was taken last.
        held: what came after it and was not taken; `None`: nothing.
        since: when that was first seen, in seconds since the epoch.
        trusted: what the files looked like that an operator wants as they are; empty: none.
    """

    taken: Extent
    held: Extent | None = None
    since: float = 0.0
    trusted: tuple[Signature, ...] = ()


class Extents:
    """What is known of files.

    Args:
        wall: seconds since the epoch.
        directory: where it is kept; `None`: in this object only.
        is_read_only: whether what is there is read and never written: for commands.
    """

    def __init__(
        self,
        wall: Callable[[], float],
        directory: Path | None = None,
        *,
        is_read_only: bool = False,
    ) -> None:
        self.wall = wall
        self._directory = directory
        self._is_read_only = is_read_only
        self._unwritten: dict[str, Known] = {}

    def known(self, name: str) -> Known | None:
        """What is known of a name; `None`: it was never taken. Blocks shortly."""
        if name in self._unwritten or self._directory is None:
            return self._unwritten.get(name)
        with suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
            return _known(json.loads(self._path(self._directory, name).read_text()))
        return None

    def keep(self, name: str, known: Known) -> None:
        """Write down what is known of a name from now on. Blocks shortly."""
        self._unwritten[name] = known
        if self._directory is None or self._is_read_only:
            return
        path = self._path(self._directory, name)
        fresh = path.with_suffix(f".{os.getpid()}")
        with suppress(OSError):
            self._directory.mkdir(mode=0o700, exist_ok=True)
            try:
                fresh.write_text(_text(name, known))
                fresh.replace(path)
            except OSError:
                fresh.unlink(missing_ok=True)
                raise
            del self._unwritten[name]

    @staticmethod
    def _path(directory: Path, name: str) -> Path:
        return directory / f"{hashlib.sha256(name.encode()).hexdigest()[:32]}.json"


def _text(name: str, known: Known) -> str:
    written = {
        "name": name,
        "taken": _numbers(known.taken),
        "held": None if known.held is None else _numbers(known.held),
        "since": known.since,
        "trusted": known.trusted,
    }
    return json.dumps(written) + "\n"


def _numbers(extent: Extent) -> dict[str, object]:
    return {"entries": extent.entries, "unended": sorted(map(str, extent.unended))}


def _known(written: dict[str, object]) -> Known:
    held, trusted, since = written["held"], written["trusted"], written["since"]
    if not isinstance(trusted, list) or not isinstance(since, int | float):
        raise TypeError
    return Known(
        _extent(written["taken"]),
        None if held is None else _extent(held),
        float(since),
        tuple((int(at), int(size), int(inode)) for at, size, inode in trusted),
    )


def _extent(written: object) -> Extent:
    if not isinstance(written, dict):
        raise TypeError
    return Extent(int(written["entries"]), frozenset(map(Path, written["unended"])))
