"""Gates for the spool's durable steps: disks that fill up, and worlds that end."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from postroad.spool import Operation

T = TypeVar("T")


class Crash(BaseException):
    """The machine stops here. Nothing may catch it and go on."""


class CrashingGate:
    """Lets a number of steps pass, then ends the world: no later step happens at all.

    It also remembers what a power cut would take away: octets that were not synced, and names
    whose directory was not.
    """

    def __init__(self, steps: int) -> None:
        self.steps = steps
        self.taken: list[Operation] = []
        self.unsynced: set[Path] = set()
        self.unnamed: dict[Path, Path] = {}
        self._lock = threading.Lock()

    @property
    def is_over(self) -> bool:
        return len(self.taken) >= self.steps

    def perform(self, operation: Operation, path: Path, action: Callable[[], T]) -> T:
        with self._lock:
            if self.is_over:
                raise Crash
            result = action()
            self.taken.append(operation)
            self._remember(operation, path)
            if self.is_over:
                raise Crash
            return result

    def _remember(self, operation: Operation, path: Path) -> None:
        if operation in (Operation.CREATE, Operation.WRITE):
            self.unsynced.add(path)
        elif operation is Operation.SYNC_FILE:
            self.unsynced.discard(path)
        elif operation is Operation.RENAME:
            new = path.with_name(path.name.removesuffix(".part"))
            self.unnamed[new] = path
            if path in self.unsynced:
                self.unsynced.add(new)
        elif operation is Operation.SYNC_DIRECTORY:
            self.unnamed.clear()

    def copy(self, directory: Path, target: Path, *, power_cut: bool) -> None:
        """The directory as the next start finds it.

        Args:
            power_cut: what was not synced is lost; otherwise only the process died.
        """
        shutil.copytree(directory, target)
        if not power_cut:
            return
        for path in self.unsynced:
            left = target / path.relative_to(directory)
            if left.exists():
                left.write_bytes(b"")
        for new, old in self.unnamed.items():
            (target / new.relative_to(directory)).rename(target / old.relative_to(directory))


class FailingGate:
    """Fails chosen steps with a given error, before they happen or after."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.operations: frozenset[Operation] = frozenset(Operation)
        self.times = 1_000_000
        self.late = False
        self.commits = 0

    def fail(
        self, error: Exception, *operations: Operation, times: int = 1_000_000, late: bool = False
    ) -> None:
        self.error, self.times, self.late = error, times, late
        self.operations = frozenset(operations or Operation)

    def heal(self) -> None:
        self.error = None

    def perform(self, operation: Operation, path: Path, action: Callable[[], T]) -> T:
        self.commits += operation is Operation.COMMIT
        if self.error is None or operation not in self.operations or self.times <= 0:
            return action()
        self.times -= 1
        if self.late:
            action()
        raise self.error


class HoldingGate:
    """Keeps commits waiting until they are let go."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.open.set()
        self.entered = threading.Semaphore(0)
        self.commits = 0

    def perform(self, operation: Operation, path: Path, action: Callable[[], T]) -> T:
        if operation is Operation.COMMIT:
            self.entered.release()
            self.open.wait()
            self.commits += 1
        return action()
