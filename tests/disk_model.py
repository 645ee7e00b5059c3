"""A disk as a power cut leaves it: what was synced is there, and of the rest what chance kept.

`DiskModel` is a gate for durable steps. It lets a number of them pass, then ends the world, and
knows of each file which octets were synced, and of each directory which names. `left` makes the
directory that the next start finds, for each fate a machine may meet:

- KILLED: only the process died; all that it wrote is there.
- POWER_CUT: nothing is there that was not synced, neither octets nor names.
- REORDERED: the names are there, and the octets of what was not synced are not.
- TORN: every other sector of what was not synced is there. A commit that was under way has left
  half of its log, or has left the log whole and half of the pages it was bringing to the database.

SQLite takes its own steps. A commit syncs the log, and with its first sync the directory; what it
brings into the database is synced before the log is used again.
"""

from __future__ import annotations

import enum
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from postroad.model.durable import Operation

T = TypeVar("T")

SECTOR = 512
PAGE = 4096
IN_DATABASE = (Operation.COMMIT, Operation.CHECKPOINT)


class Crash(BaseException):
    """The machine stops here. Nothing may catch it and go on."""


class Fate(enum.Enum):
    KILLED = "killed"
    POWER_CUT = "power cut"
    REORDERED = "reordered"
    TORN = "torn"


class DiskModel:
    """Lets `steps` durable steps pass under `root`, then ends the world.

    Steps before `arm` do not count, if it is made unarmed.
    """

    def __init__(self, root: Path, steps: int = 1_000_000, *, armed: bool = True) -> None:
        self.root = root
        self.steps = steps
        self.armed = armed
        self.taken: list[tuple[Operation, Path]] = []
        self._lock = threading.Lock()
        self._octets: dict[int, bytes] = {}  # by inode: what was synced
        self._names: dict[Path, dict[str, int]] = {}  # by directory: what was synced
        self._torn: dict[str, tuple[bytes, bytes]] = {}  # of the last commit: before and after
        below = [path for path in root.rglob("*") if path.is_dir()]
        for directory in (root, *below) if root.exists() else ():
            self._sync_names(directory)
            for path in directory.iterdir():
                self._sync_octets(path)

    @property
    def is_over(self) -> bool:
        return len(self.taken) >= self.steps

    def perform(self, operation: Operation, path: Path, action: Callable[[], T]) -> T:
        with self._lock:
            if self.is_over:
                raise Crash
            before = _database(path) if operation in IN_DATABASE else {}
            if operation is Operation.UNLINK:
                self._keep_inode(path)
            result = action()
            if self.armed:
                self.taken.append((operation, path))
            self._remember(operation, path, before)
            if self.is_over:
                raise Crash
            return result

    def arm(self) -> None:
        self.armed = True

    def left(self, fate: Fate, target: Path) -> Path:
        """The root as the next start finds it."""
        if fate is Fate.KILLED:
            shutil.copytree(self.root, target)
        elif fate is Fate.REORDERED:
            shutil.copytree(self.root, target)
            self._lose(target)
        else:
            self._rebuild(self.root, target, torn=fate is Fate.TORN)
        return target

    def _remember(self, operation: Operation, path: Path, before: dict[str, bytes]) -> None:
        self._torn = {}
        match operation:
            case Operation.SYNC_FILE:
                self._sync_octets(path)
            case Operation.SYNC_DIRECTORY:
                self._sync_names(path)
            case Operation.COMMIT | Operation.CHECKPOINT:
                after = _database(path)
                ends = before.keys() | after.keys()
                self._torn = {end: (before.get(end, b""), after.get(end, b"")) for end in ends}
                for end in ("", "-wal"):
                    self._sync_octets(path.with_name(path.name + end))
                if operation is Operation.COMMIT:  # the first one syncs the log's name
                    self._sync_names(path.parent)

    def _keep_inode(self, path: Path) -> None:
        """No other file is to get its number: the name may come back with the power."""
        graves = self.root.parent / f"{self.root.name}-unlinked"
        graves.mkdir(exist_ok=True)
        graves.joinpath(str(len(list(graves.iterdir())))).hardlink_to(path)

    def _sync_octets(self, path: Path) -> None:
        if path.is_file():
            self._octets[path.stat().st_ino] = path.read_bytes()

    def _sync_names(self, directory: Path) -> None:
        if directory.is_relative_to(self.root):
            self._names[directory] = {each.name: each.stat().st_ino for each in directory.iterdir()}

    def _lose(self, target: Path) -> None:
        for path in self.root.rglob("*"):
            if path.is_file() and not path.name.startswith("spool.db"):
                known = self._octets.get(path.stat().st_ino, b"")
                (target / path.relative_to(self.root)).write_bytes(known)

    def _rebuild(self, directory: Path, target: Path, *, torn: bool) -> None:
        target.mkdir()
        for name, inode in self._names.get(directory, {}).items():
            path = directory / name
            if path in self._names:
                self._rebuild(path, target / name, torn=torn)
            elif path.is_dir():
                (target / name).mkdir()
            elif not name.endswith("-shm"):
                (target / name).write_bytes(self._kept(path, inode, torn=torn))

    def _kept(self, path: Path, inode: int, *, torn: bool) -> bytes:
        known = self._octets.get(inode, b"")
        if not torn:
            return known
        end = path.name.removeprefix("spool.db")
        if path.name.startswith("spool.db") and self._torn:
            return self._half_committed(end)
        if path.is_file() and path.stat().st_ino == inode:
            return _mixed(known, path.read_bytes(), SECTOR)
        return known

    def _half_committed(self, end: str) -> bytes:
        """At odd steps the log is torn, at even ones the pages that it brings to the database."""
        before, after = self._torn.get(end, (b"", b""))
        if end == "-wal":
            if len(self.taken) % 2 and len(after) > len(before):
                return _mixed(before, after, SECTOR)
            return after or before  # it goes only when all of it is in the database
        if end == "" and len(self.taken) % 2 == 0:
            return _mixed(before, after, PAGE)
        return before


def _database(path: Path) -> dict[str, bytes]:
    """The files of a database, by the ends of their names."""
    found = {}
    for end in ("", "-wal"):
        each = path.with_name(path.name + end)
        if each.exists():
            found[end] = each.read_bytes()
    return found


def _mixed(old: bytes, new: bytes, size: int) -> bytes:
    """Every other piece of `new`; `old` where that reaches, and zeros behind it."""
    mixed = bytearray(new)
    for start in range(0, len(new), 2 * size):
        piece = old[start : start + size]
        length = min(size, len(new) - start)
        mixed[start : start + length] = piece[:length].ljust(length, b"\0")
    return bytes(mixed)
