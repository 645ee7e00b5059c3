"""A worker's history: takes records at once, writes them by and by.

Theory of operation. `put` appends to a queue and returns; it wakes the writer only when that
sleeps, so that a busy server makes no system call for a record. The writer collects for a second,
turns what came into JSON, a few records at a time so that the event loop never waits long for the
interpreter, and writes it as one transaction. The queue has a bound: when the disk does not keep
up, the oldest records that wait are dropped and counted. Nothing that goes wrong here is told to a
session; the log gets a line, at most one a minute.

The queue belongs to both threads, its counters each to one: `_came` and `_dropped` to the event
loop's, `_gone` to the writer's. Each operation on the queue is atomic in itself.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from postroad.history.database import Book, DamagedBook, HistoryUnavailable, files_of
from postroad.history.page import Line
from postroad.history.recorder import Memory, Recordable
from postroad.history.session_id import MARGIN, SessionIds
from postroad.history.settings import HistorySettings

__all__ = ["MOST_WAITING", "History"]

MOST_WAITING = 20_000
"""Decisions that wait for the disk, some 20 MB: what some seconds at full speed make."""

PAUSE = 1.0  # seconds for which records are collected
PRUNE_PAUSE = 600.0  # seconds until the writer of a quiet server looks for what is too old
COMPLAINT_PAUSE = 60.0  # seconds
IN_ONE_GO = 8  # records turned into JSON before others may use the interpreter

STEPS_IN_TURN = 8
"""Steps of forgetting after each writing: more than it added, and soon over."""

LEAST_SHARE = 1_048_576
"""Octets of each worker, however many share `size`: room for the last page and the file's own."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a worker writes.

    Attributes:
        folder: of all workers' files.
        worker: the worker's number.
        workers: how many there are; they share the disk space.
    """

    folder: Path
    worker: int = 0
    workers: int = 1

    @property
    def file(self) -> Path:
        """The worker's own."""
        return self.folder / f"{self.worker}.db"

    @property
    def orphans(self) -> list[Path]:
        """Files of workers that exist no more, dealt out evenly to those that do."""
        numbered = ((int(path.stem), path) for path in files_of(self.folder))
        return [
            path
            for number, path in numbered
            if number >= self.workers and number % self.workers == self.worker
        ]


class History:
    """Implements `Recorder` by a thread and a file. Close it in the event loop."""

    def __init__(
        self,
        place: Place,
        settings: HistorySettings,
        *,
        complain: Callable[[str], None],
        clock: Callable[[], float] = time.time,
        elapsed: Callable[[], float] = time.monotonic,
        pause: float = PAUSE,
    ) -> None:
        """Open the worker's file and start its writer. A file that cannot be had stops nothing.

        Args:
            place: where to write.
            settings: `[history]`.
            complain: told, in either thread, what could not be written.
            clock: seconds since the epoch.
            elapsed: seconds since some moment.
            pause: seconds for which records are collected.
        """
        self._place = place
        self._settings = settings
        self._complain = complain
        self._clock = clock
        self._elapsed = elapsed
        self._pause = pause
        self._book: Book | None = None
        self._waiting: deque[Recordable] = deque()
        self._came = self._gone = self._dropped = 0
        self._told_dropped = self._lost = 0  # the writer's
        self._complained = -COMPLAINT_PAUSE
        self._marked = 0
        self._memory: Memory = {}
        self._ids = SessionIds(place.worker, clock, self._first_mark())
        self._work = threading.Event()
        self._closing = threading.Event()
        self._asleep = True
        self._thread = threading.Thread(target=self._run, name="history")
        self._thread.start()

    @property
    def in_replies(self) -> bool:
        """See `Recorder.in_replies`."""
        return self._settings.in_replies

    def session_id(self) -> str:
        """See `Recorder.session_id`."""
        return self._ids()

    def put(self, what: Recordable) -> None:
        """See `Recorder.put`."""
        if not self._settings.keep:
            return
        self._came += what.weight
        self._waiting.append(what)
        while self._came - self._gone > MOST_WAITING and self._drop():
            pass
        if self._asleep:
            self._asleep = False
            self._work.set()

    def replace(self, settings: HistorySettings) -> None:
        """Go by other settings from now on."""
        self._settings = settings
        self._work.set()  # what is too old now, goes now

    def close(self) -> None:
        """Write what waits, and end the thread."""
        self._closing.set()
        self._work.set()
        self._thread.join()

    def _drop(self) -> bool:
        """Forget the oldest record that waits, if the writer has not just taken the last."""
        try:
            oldest = self._waiting.popleft()
        except IndexError:
            return False
        self._came -= oldest.weight
        self._dropped += 1
        return True

    # The writer --------------------------------------------------------------------------------

    def _run(self) -> None:
        more = True  # at the start, what became too old while the server was down
        while not self._closing.is_set():
            self._asleep = True
            if not self._waiting:
                self._work.wait(self._pause if more else PRUNE_PAUSE)
            self._asleep = False
            self._work.clear()
            self._closing.wait(self._pause)
            more = self._turn_and_go_on()
        self._turn_and_go_on(last=True)
        if self._book is not None:
            self._book.close()

    def _turn_and_go_on(self, *, last: bool = False) -> bool:
        """A turn, whatever happens in it: a writer that died would be missed by nobody."""
        try:
            return self._turn(last=last)
        except Exception as error:  # noqa: BLE001 - the thread has nobody else to tell
            self._warn(f"the history's writer failed: {type(error).__name__}: {error}")
            return False

    def _turn(self, *, last: bool = False) -> bool:
        """Write what waits and forget what is old; whether there is more of that."""
        lines = list(self._lines())
        dropped, self._told_dropped = self._dropped - self._told_dropped, self._dropped
        self._lost += dropped
        try:
            more = self._store(lines, last=last)
        except (HistoryUnavailable, OSError) as error:
            self._lost += len(lines)
            self._put_down(error)
            self._warn(f"the history could not be written: {error}")
            return False
        if self._lost:
            self._warn("the history could not be written fast enough")
        return more

    def _store(self, lines: list[Line], *, last: bool) -> bool:
        settings = self._settings
        if not settings.keep and self._book is None and not self._place.file.exists():
            return False
        book = self._book = self._book or self._opened()
        mark = self._next_mark(last=last)
        if lines or mark:
            book.write(lines, mark)
            self._marked = mark or self._marked
        before, share = self._clock() - settings.keep, self._forget_orphans()
        return all(book.prune(before, share) for _ in range(STEPS_IN_TURN))

    def _lines(self) -> Iterator[Line]:
        """What waits, as JSON."""
        for count in range(1, len(self._waiting) + 1):
            try:
                what = self._waiting.popleft()
            except IndexError:  # dropped meanwhile
                return
            self._gone += what.weight
            try:
                yield what.line(self._memory)
            except Exception as error:  # noqa: BLE001 - a bug of ours; the other records are kept
                self._lost += 1
                self._warn(f"a record could not be made: {type(error).__name__}: {error}")
            if count % IN_ONE_GO == 0:
                time.sleep(0)

    def _forget_orphans(self) -> int:
        """Remove files of workers that are no more, when they are too old or take too much room.

        Returns:
            The octets that are left for our own; 0 for any number.
        """
        settings, taken = self._settings, 0
        share = max(settings.size // self._place.workers, LEAST_SHARE) if settings.size else 0
        for path in self._place.orphans:
            with contextlib.suppress(OSError):
                about = path.stat()
                old = about.st_mtime < self._clock() - settings.keep
                if old or (share and taken + about.st_size > share - LEAST_SHARE):
                    _remove(path)
                else:
                    taken += about.st_size
        return max(share - taken, LEAST_SHARE) if share else 0

    def _first_mark(self) -> int:
        if not self._settings.keep:
            return 0
        try:
            self._book = self._opened()
            return self._book.mark
        except HistoryUnavailable as error:
            self._warn(f"the history cannot be opened: {error}")
            return 0

    def _next_mark(self, *, last: bool) -> int:
        """The mark to write; 0 while the old one is far enough ahead."""
        given = self._ids.last
        if last:
            return given
        return given + MARGIN if given + MARGIN // 2 > self._marked else 0

    def _opened(self) -> Book:
        """The worker's file, open; a damaged one is put aside for a new one.

        Raises:
            HistoryUnavailable: there can be none.
        """
        try:
            return Book(self._place.file)
        except DamagedBook as error:
            self._put_down(error)
            self._warn(f"the history begins anew: {error}")
            return Book(self._place.file)

    def _put_down(self, error: Exception) -> None:
        """Close the file after an error; the next turn opens it again, or a new one."""
        if self._book is not None:
            self._book.close()
            self._book = None
        if isinstance(error, DamagedBook):
            file = self._place.file
            with contextlib.suppress(OSError):
                file.replace(file.with_name(f"{file.name}.damaged"))
                _remove(file)

    def _warn(self, words: str) -> None:
        now = self._elapsed()
        if now - self._complained < COMPLAINT_PAUSE:
            return
        self._complained = now
        lost, self._lost = self._lost, 0
        if lost:
            words += f"; {lost} record{'' if lost == 1 else 's'} lost"
        self._complain(words)


def _remove(path: Path) -> None:
    """Remove a file, and what SQLite keeps beside it."""
    for each in (path, path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-shm")):
        each.unlink(missing_ok=True)
