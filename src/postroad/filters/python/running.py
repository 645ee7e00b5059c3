"""The programs of one filter, as they run: loaded, started, called, stopped.

What they are asked, and what becomes of their answers, is told elsewhere: of a session in
`listening`, of a message in `showing`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from postroad.filters.failure import failed, refusal
from postroad.filters.python.calling import Calls, Failure
from postroad.filters.python.program import Program
from postroad.filters.settings import FilterSettings
from postroad.model import Reply
from postroad.model.journal import Journal, Level, Notice
from postroad.model.letter import Opinion
from postroad.model.printable import printable

__all__ = ["BROKEN", "LOGGED", "RunningPrograms"]

BROKEN = Reply.of(451, "4.3.0", "Error: internal error in a filter")
"""Whoever mends the program finds the mail still to come."""

LOGGED = 500
"""Characters of a line that a program writes into the log."""

_EARLY = 0.9
"""Of the filter's time, what programs have: who of them used it up is to be said, before the frame
around all filters says only that the filter is late."""


class RunningPrograms:
    """Those of one filter, in the order in which they are asked."""

    def __init__(
        self,
        name: str,
        settings: FilterSettings,
        programs: Sequence[Program],
        journal: Journal,
        *,
        trouble: str = "",
    ) -> None:
        """A filter.

        Args:
            name: how configuration and log name it.
            settings: its settings.
            programs: in the order in which they are asked.
            journal: where events go.
            trouble: why they could not be loaded; all mail fails until they can.
        """
        self.name = name
        self.settings = settings
        self.programs = tuple(programs)
        self.trouble = trouble
        self.calls = Calls(lambda words: self.tell(words, Level.WARNING))
        self._journal = journal
        self._starting = asyncio.Lock()
        self._started: set[Path] = set()

    @property
    def seconds(self) -> float:
        """What programs may take for a step, and for a message."""
        return self.settings.timeout * _EARLY

    async def ready(self) -> Failure | None:
        """Have every program's `start` done, once; why it is not."""
        if self.trouble:
            return Failure(self.trouble)
        if len(self._started) == len(self.programs):
            return None
        async with self._starting:
            for program in self.programs:
                if program.path in self._started:
                    continue
                hook = program.hooks.get("start")
                if hook is not None:
                    outcome = await self.calls.call(hook, seconds=self.seconds)
                    if isinstance(outcome, Failure):
                        return outcome
                self._started.add(program.path)
        return None

    async def close(self) -> None:
        """Have `stop` done in those that were started."""
        for program in self.programs:
            hook = program.hooks.get("stop")
            if hook is not None and program.path in self._started:
                outcome = await self.calls.call(hook, seconds=self.seconds)
                if isinstance(outcome, Failure):
                    self.tell(outcome.words, Level.WARNING)
        self._started.clear()

    def tell(self, words: str, level: Level = Level.INFO) -> None:
        """Write a line of the log."""
        line = printable(" ".join(words.split()))
        self._journal(Notice(f"filters/{self.name}", line[:LOGGED], level))

    def refusal(self) -> Reply | None:
        """What a client is told at a step where a program failed."""
        on_failure = self.settings.on_failure
        return BROKEN if on_failure == "defer" else refusal(on_failure)

    def failed(self, words: str) -> Opinion:
        """What becomes of a message that a program failed at."""
        opinion = failed(self.name, self.settings.on_failure, words)
        return replace(opinion, reply=BROKEN) if self.settings.on_failure == "defer" else opinion
