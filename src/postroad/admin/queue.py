"""Changes to the queue: asked of the workers that own its shards, made here where none does.

A change of messages that are named goes in portions, so that no request is too large. What fails in
one worker or shard is told beside what was done in all others; it keeps nobody from the rest.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from postroad.admin.change import (
    CHANGES,
    Bounce,
    Change,
    Changed,
    Delete,
    Flush,
    Hold,
    Release,
    Requeue,
)
from postroad.admin.control import Answer, Command, ControlError, Request, ask, sockets
from postroad.model.journal import Journal, Notice
from postroad.queue import Runner
from postroad.spool import (
    Choice,
    Shard,
    ShardBusy,
    SpoolError,
    SpoolSettings,
    shard_directories,
)

__all__ = [
    "Changed",
    "Failure",
    "QueueControl",
    "Result",
    "carry_out",
    "delete",
    "flush",
    "hold",
    "release",
]

PORTION = 1000  # queue IDs in one request, which is far below its limit and soon answered

Progress = Callable[[int], None]
"""Told from time to time how many messages were changed so far."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Where a change was not made, or not wholly.

    Attributes:
        place: a worker or a shard, as its path.
        why: one line.
    """

    place: str
    why: str


@dataclass(slots=True)
class Result:
    """What became of a change.

    Attributes:
        changed: what was done in all.
        failures: where it was not, in the order in which they were met.
        offline: shards that no worker has, in which it was made by this process.
    """

    changed: Changed = field(default_factory=lambda: Changed(0))
    failures: list[Failure] = field(default_factory=list)
    offline: int = 0

    def require(self) -> Changed:
        """What was done, everywhere.

        Raises:
            ControlError: it failed somewhere.
        """
        if self.failures:
            raise ControlError("; ".join(failure.why for failure in self.failures))
        return self.changed


@dataclass(slots=True)
class _Tally:
    """What became of a change so far, and who wants to know."""

    progress: Progress
    result: Result = field(default_factory=Result)

    def add(self, changed: Changed) -> None:
        self.result.changed += changed
        self.progress(self.result.changed.count)

    def fail(self, place: Path, why: object) -> None:
        self.result.failures.append(Failure(str(place), str(why)))


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
        failures = []
        for number, shard in self._shards.items():
            try:
                done += await change.on(shard)
            except SpoolError as error:
                failures.append(f"shard {number}: {error}")
        for runner in self._runners:
            if isinstance(change, Flush | Requeue):
                runner.flush()
            elif isinstance(change, Release | Bounce):
                runner.wake()
        if done.count:
            self._journal(Notice("qmgr", f"{change}: {done.count}"))
        return done.answer | {"shards": list(self._shards), "failures": failures}


def flush(state: Path, choice: Choice) -> Changed:
    """Make deferred mail due now, but for what is held.

    Args:
        state: the server's state directory.
        choice: which.

    Returns:
        How many recipients it touched, and how many stay as they are, and why.

    Raises:
        ControlError: a worker or a shard cannot be reached.
    """
    return carry_out(state, Flush(choice)).require()


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
    change = Delete(Choice(frozenset(queue_ids)))
    return carry_out(state, change, progress).require().count


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
    return carry_out(state, Hold(choice, reason), progress).require()


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
    return carry_out(state, Release(choice), progress).require()


def carry_out(state: Path, change: Change, progress: Progress | None = None) -> Result:
    """Make a change wherever the queue lies: ask every worker, then do it in shards that none owns.

    Args:
        state: the server's state directory.
        change: what.
        progress: told how many messages were changed so far.
    """
    tally = _Tally(progress or _silent)
    steps = list(_portions(change))
    if not steps:
        return tally.result
    owned: set[str] = set()
    for path in sockets(state):
        owned |= _asked(path, steps, tally)
    for directory in shard_directories(state / "spool"):
        if directory.name not in owned:
            asyncio.run(_alone(directory, steps, tally))
    return tally.result


def _portions(change: Change) -> Iterator[Change]:
    """A change in several, where messages are named; none where no message is."""
    names = change.choice.queue_ids
    if names is None:
        yield change
        return
    sorted_ = sorted(names)
    for at in range(0, len(sorted_), PORTION):
        portion = replace(change.choice, queue_ids=frozenset(sorted_[at : at + PORTION]))
        yield replace(change, choice=portion)


def _silent(_: int) -> None:
    """Nobody watches."""


def _asked(path: Path, steps: Sequence[Change], tally: _Tally) -> set[str]:
    """The shards in which a worker took every step; none when it is not there (any more)."""
    owned: set[str] = set()
    for step in steps:
        try:
            answer = ask(path, step.request)
        except ControlError as error:
            tally.fail(path, error)
            return owned
        if answer is None:
            return set()
        shards, failures = answer["shards"], answer.get("failures", [])
        assert isinstance(shards, list)
        assert isinstance(failures, list)
        tally.add(Changed.of(answer))
        for why in failures:
            tally.fail(path, why)
        owned = {str(number) for number in shards}
    return owned


async def _alone(directory: Path, steps: Sequence[Change], tally: _Tally) -> None:
    try:
        shard = await Shard.open(directory, int(directory.name), SpoolSettings(), time.time)
    except ShardBusy:
        if not tally.result.failures:  # else its worker is known to be in trouble
            why = f"{directory}: a worker that is starting or ending has it: try again"
            tally.fail(directory, why)
        return
    except SpoolError as error:
        tally.fail(directory, error)
        return
    tally.result.offline += 1
    try:
        for step in steps:
            tally.add(await step.on(shard))
    except (SpoolError, ValueError) as error:
        tally.fail(directory, error)
    finally:
        await shard.close()
