"""Changes to the queue: asked of the workers that own its shards, made here where none does.

A change of many messages goes in portions, so that no request is too large and none takes long.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from postroad.admin.control import Answer, Command, ControlError, Request, ask, sockets
from postroad.queue import Runner
from postroad.spool import Selector, Shard, ShardBusy, SpoolError, SpoolSettings, shard_directories

__all__ = ["Changed", "QueueControl", "delete", "flush"]

PORTION = 1000  # queue IDs in one request, which is far below its limit and soon answered


@dataclass(frozen=True, slots=True)
class Changed:
    """What a change did.

    Attributes:
        count: how many messages or recipients it touched.
        held: recipients that a flush leaves as they are, because their sender asked for a later
            release (RFC 4865).
    """

    count: int
    held: int = 0


@dataclass(frozen=True, slots=True)
class _Step:
    """A part of a change: how a worker is asked for it, and how it is made without one."""

    request: Request
    change: Callable[[Shard], Awaitable[Changed]]


@dataclass(slots=True)
class _Tally:
    """What was changed so far, and who wants to know."""

    progress: Callable[[int], None]
    changed: Changed = field(default_factory=lambda: Changed(0))

    def add(self, changed: Changed) -> None:
        so_far = self.changed
        self.changed = Changed(so_far.count + changed.count, so_far.held + changed.held)
        self.progress(self.changed.count)


class QueueControl:
    """A worker's side: the commands that its control socket answers."""

    def __init__(self, shards: Mapping[int, Shard], runners: Sequence[Runner]) -> None:
        """Commands over the shards that a worker owns.

        Args:
            shards: by number.
            runners: of the same shards.
        """
        self._shards = shards
        self._runners = runners

    @property
    def commands(self) -> dict[str, Command]:
        """By name."""
        return {"flush": self._flush, "delete": self._delete}

    async def _flush(self, request: Request) -> Answer:
        selector = _selector_of(request)
        done = [await shard.hasten(selector) for shard in self._shards.values()]
        for runner in self._runners:
            runner.flush()
        count, held = sum(each.count for each in done), sum(each.held for each in done)
        return self._counted(count) | {"held": held}

    async def _delete(self, request: Request) -> Answer:
        queue_ids = _strings(request, "queue_ids")
        return self._counted(sum([await each.delete(queue_ids) for each in self._shards.values()]))

    def _counted(self, count: int) -> Answer:
        return {"count": count, "shards": list(self._shards)}


def flush(state: Path, selector: Selector) -> Changed:
    """Make deferred mail due now, but for what is held until a time its sender chose.

    Args:
        state: the server's state directory.
        selector: which.

    Returns:
        How many recipients it touched, and how many stay held.

    Raises:
        ControlError: a worker or a shard cannot be reached.
    """
    if selector.queue_ids is None:
        return _everywhere(state, [_flushing(selector)], _silent)
    portions = _portions(sorted(selector.queue_ids))
    selectors = [replace(selector, queue_ids=frozenset(each)) for each in portions]
    return _everywhere(state, [_flushing(each) for each in selectors], _silent)


def delete(
    state: Path, queue_ids: Sequence[str], progress: Callable[[int], None] | None = None
) -> int:
    """Remove messages; nobody is told.

    Args:
        state: the server's state directory.
        queue_ids: which; any number.
        progress: told from time to time how many were removed so far.

    Returns:
        How many there were.

    Raises:
        ControlError: a worker or a shard cannot be reached. Some may have been removed.
    """
    steps = [_deleting(portion) for portion in _portions(queue_ids)]
    return _everywhere(state, steps, progress or _silent).count


def _portions(queue_ids: Sequence[str]) -> list[Sequence[str]]:
    return [queue_ids[at : at + PORTION] for at in range(0, len(queue_ids), PORTION)]


def _flushing(selector: Selector) -> _Step:
    chosen = None if selector.queue_ids is None else sorted(selector.queue_ids)
    request = {"command": "flush", "queue_ids": chosen, "domain": selector.domain}
    return _Step(request, lambda shard: _hastened(shard, selector))


def _deleting(queue_ids: Sequence[str]) -> _Step:
    request = {"command": "delete", "queue_ids": list(queue_ids)}
    return _Step(request, lambda shard: _deleted(shard, queue_ids))


async def _hastened(shard: Shard, selector: Selector) -> Changed:
    done = await shard.hasten(selector)
    return Changed(done.count, done.held)


async def _deleted(shard: Shard, queue_ids: Sequence[str]) -> Changed:
    return Changed(await shard.delete(queue_ids))


def _silent(_: int) -> None:
    """Nobody watches."""


def _everywhere(state: Path, steps: Sequence[_Step], progress: Callable[[int], None]) -> Changed:
    """Ask every worker for all steps, then take them in the shards that none of them owns."""
    tally = _Tally(progress)
    if not steps:
        return tally.changed
    owned: set[str] = set()
    for path in sockets(state):
        owned |= _asked(path, steps, tally)
    for directory in shard_directories(state / "spool"):
        if directory.name not in owned:
            asyncio.run(_alone(directory, steps, tally))
    return tally.changed


def _asked(path: Path, steps: Sequence[_Step], tally: _Tally) -> set[str]:
    """The shards in which a worker took every step; none when it is not there (any more)."""
    owned: set[str] = set()
    for step in steps:
        answer = ask(path, step.request)
        if answer is None:
            return set()
        shards, count, held = answer["shards"], answer["count"], answer.get("held", 0)
        assert isinstance(shards, list)
        assert isinstance(count, int)
        assert isinstance(held, int)
        tally.add(Changed(count, held))
        owned = {str(number) for number in shards}
    return owned


async def _alone(directory: Path, steps: Sequence[_Step], tally: _Tally) -> None:
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
            tally.add(await step.change(shard))
    except SpoolError as error:
        raise ControlError(str(error)) from None
    finally:
        await shard.close()


def _selector_of(request: Request) -> Selector:
    chosen, domain = request.get("queue_ids"), request.get("domain")
    if domain is not None and not isinstance(domain, str):
        raise ValueError("domain must be a string")
    if chosen is None:
        return Selector(None, domain)
    return Selector(frozenset(_strings(request, "queue_ids")), domain)


def _strings(request: Request, key: str) -> list[str]:
    value = request.get(key)
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise ValueError(f"{key} must be a list of strings")
    return value
