"""Changes to the queue: asked of the workers that own its shards, made here where none does.

A change of many messages goes in portions, so that no request is too large and none takes long.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from postroad.admin.change import CHANGES, Change, Changed, Delete, Flush, Hold, Release
from postroad.admin.control import Answer, Command, ControlError, Request, ask, sockets
from postroad.model.journal import Journal, Notice
from postroad.queue import Runner
from postroad.spool import (
    Choice,
    Selector,
    Shard,
    ShardBusy,
    SpoolError,
    SpoolSettings,
    shard_directories,
)

__all__ = ["Changed", "QueueControl", "delete", "flush", "hold", "release"]

PORTION = 1000  # queue IDs in one request, which is far below its limit and soon answered

Progress = Callable[[int], None]
"""Told from time to time how many messages were changed so far."""


@dataclass(slots=True)
class _Tally:
    """What was changed so far, and who wants to know."""

    progress: Progress
    changed: Changed = field(default_factory=lambda: Changed(0))

    def add(self, changed: Changed) -> None:
        self.changed += changed
        self.progress(self.changed.count)


class QueueControl:
    """A worker's side: the commands that its control socket answers."""

    def __init__(
        self,
        shards: Mapping[int, Shard],
        runners: Sequence[Runner],
        journal: Journal = lambda _: None,
    ) -> None:
        """Commands over the shards that a worker owns.

        Args:
            shards: by number.
            runners: of the same shards.
            journal: told what an operator did to the mail of others.
        """
        self._shards = shards
        self._runners = runners
        self._journal = journal

    @property
    def commands(self) -> dict[str, Command]:
        """By name."""
        return {name: partial(self._answer, name) for name in CHANGES}

    async def _answer(self, name: str, request: Request) -> Answer:
        change, done = CHANGES[name](request), Changed(0)
        for shard in self._shards.values():
            done += await change.on(shard)
        for runner in self._runners:
            if isinstance(change, Flush):
                runner.flush()
            elif isinstance(change, Release):
                runner.wake()
        if done.count:
            self._journal(Notice("qmgr", f"{change}: {done.count}"))
        return done.answer | {"shards": list(self._shards)}


def flush(state: Path, selector: Selector) -> Changed:
    """Make deferred mail due now, but for what is held.

    Args:
        state: the server's state directory.
        selector: which.

    Returns:
        How many recipients it touched, and how many stay as they are, and why.

    Raises:
        ControlError: a worker or a shard cannot be reached.
    """
    if selector.queue_ids is None:
        return _everywhere(state, [Flush(selector)])
    portions = _portions(sorted(selector.queue_ids))
    selectors = [replace(selector, queue_ids=frozenset(each)) for each in portions]
    return _everywhere(state, [Flush(each) for each in selectors])


def delete(state: Path, queue_ids: Sequence[str], progress: Progress | None = None) -> int:
    """Remove messages; nobody is told.

    Args:
        state: the server's state directory.
        queue_ids: which; any number.
        progress: told how many were removed so far.

    Returns:
        How many there were.

    Raises:
        ControlError: a worker or a shard cannot be reached. Some may have been removed.
    """
    steps = [Delete(tuple(portion)) for portion in _portions(queue_ids)]
    return _everywhere(state, steps, progress).count


def hold(state: Path, choice: Choice, reason: str, progress: Progress | None = None) -> Changed:
    """Keep messages back until they are released. Deliveries under way end as they will.

    Args:
        state: the server's state directory.
        choice: which.
        reason: why, for the queue listing; not empty.
        progress: told how many were held so far.

    Returns:
        How many are held now that were not, and how many were.

    Raises:
        ControlError: a worker or a shard cannot be reached. Some may be held.
    """
    return _everywhere(state, [Hold(each, reason) for each in _choices(choice)], progress)


def release(state: Path, choice: Choice, progress: Progress | None = None) -> Changed:
    """Let held messages go on; those never tried at once, the others when they are due.

    Args:
        state: the server's state directory.
        choice: which of them.
        progress: told how many were released so far.

    Returns:
        How many were released, and how many of those that were meant were not held.

    Raises:
        ControlError: a worker or a shard cannot be reached. Some may be released.
    """
    return _everywhere(state, [Release(each) for each in _choices(choice)], progress)


def _choices(choice: Choice) -> list[Choice]:
    """A choice in portions, where messages are named."""
    if choice.queue_ids is None:
        return [choice]
    portions = _portions(sorted(choice.queue_ids))
    return [replace(choice, queue_ids=frozenset(each)) for each in portions]


def _portions(queue_ids: Sequence[str]) -> list[Sequence[str]]:
    return [queue_ids[at : at + PORTION] for at in range(0, len(queue_ids), PORTION)]


def _silent(_: int) -> None:
    """Nobody watches."""


def _everywhere(state: Path, steps: Sequence[Change], progress: Progress | None = None) -> Changed:
    """Ask every worker for all steps, then take them in the shards that none of them owns."""
    tally = _Tally(progress or _silent)
    if not steps:
        return tally.changed
    owned: set[str] = set()
    for path in sockets(state):
        owned |= _asked(path, steps, tally)
    for directory in shard_directories(state / "spool"):
        if directory.name not in owned:
            asyncio.run(_alone(directory, steps, tally))
    return tally.changed


def _asked(path: Path, steps: Sequence[Change], tally: _Tally) -> set[str]:
    """The shards in which a worker took every step; none when it is not there (any more)."""
    owned: set[str] = set()
    for step in steps:
        answer = ask(path, step.request)
        if answer is None:
            return set()
        shards = answer["shards"]
        assert isinstance(shards, list)
        tally.add(Changed.of(answer))
        owned = {str(number) for number in shards}
    return owned


async def _alone(directory: Path, steps: Sequence[Change], tally: _Tally) -> None:
    try:
        shard = await Shard.open(directory, int(directory.name), SpoolSettings(), time.time)
    except ShardBusy:
        raise ControlError(
            f"{directory}: a worker that is starting or ending has it: try again"
        ) from None
    except SpoolError as error:
        raise ControlError(str(error)) from None
    try:
        for step in steps:
            tally.add(await step.on(shard))
    except SpoolError as error:
        raise ControlError(str(error)) from None
    finally:
        await shard.close()
