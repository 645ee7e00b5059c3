"""Records for tests of the history, and a history that writes without waiting."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from postroad.history.history import History, Place
from postroad.history.page import Line
from postroad.history.recorder import Memory
from postroad.history.settings import HistorySettings


class Note(NamedTuple):
    """Implements `Recordable`: anything that JSON can hold."""

    record: dict[str, object]
    names: tuple[str, ...] = ()
    at: float = 0.0
    weight: int = 1

    def line(self, _memory: Memory) -> Line:
        return Line(json.dumps(self.record), self.names, self.at)


def note(number: int, *, at: float | None = None, session: str = "", size: int = 0) -> Note:
    """A record with a number, and some octets that cannot be compressed."""
    when = float(number) if at is None else at
    record: dict[str, object] = {"kind": "test", "number": number, "at": when}
    names = ()
    if session:
        record["session"], names = session, (session,)
    if size:
        record["ballast"] = f"{pow(7, number + 3 * size, 1 << (4 * size)):x}"
    return Note(record, names, when)


class Clock:
    """A clock that stands still."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def history(
    folder: Path,
    settings: HistorySettings | None = None,
    *,
    worker: int = 0,
    workers: int = 1,
    clock: Callable[[], float] | None = None,
    complain: Callable[[str], None] | None = None,
) -> History:
    """A history that writes at once; close it."""
    return History(
        Place(folder, worker, workers),
        settings or HistorySettings(),
        complain=complain or _must_not_complain,
        clock=clock or Clock(),
        elapsed=Clock(),
        pause=0.0,
    )


def _must_not_complain(words: str) -> None:
    raise AssertionError(words)
