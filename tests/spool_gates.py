"""Gates for the spool's durable steps: disks that fill up, and commits that take their time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from postroad.spool import Operation

T = TypeVar("T")


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
