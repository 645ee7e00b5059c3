"""The history of a worker: opened with it, told to the log when it cannot be written."""

from __future__ import annotations

import asyncio
import contextlib

from postroad.app.running import Running
from postroad.history import History
from postroad.history.history import Place
from postroad.model.journal import Journal, Level, Notice

__all__ = ["open_history"]


def open_history(running: Running, worker: int, journal: Journal) -> History:
    """Open a worker's history, in its event loop. Close it there.

    Args:
        running: what to serve.
        worker: the worker's number.
        journal: told what could not be written.
    """
    loop = asyncio.get_running_loop()

    def complain(words: str) -> None:
        notice = Notice("history", words, Level.WARNING)
        with contextlib.suppress(RuntimeError):  # the loop has ended before the writer
            loop.call_soon_threadsafe(journal, notice)

    configuration = running.configuration
    place = Place(configuration.history_directory, worker, running.workers)
    return History(place, configuration.history, complain=complain)
