"""Changes to the queue: asked of the workers that own its shards, made here where none does."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

from postroad.admin.control import Answer, Command, ControlError, Request, ask, sockets
from postroad.queue import Runner
from postroad.spool import Selector, Shard, ShardBusy, SpoolError, SpoolSettings, shard_directories

__all__ = ["QueueControl", "delete", "flush"]

Change = Callable[[Shard], Awaitable[int]]


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
        count = sum([await shard.flush(selector) for shard in self._shards.values()])
        for runner in self._runners:
            runner.flush()
        return self._counted(count)

    async def _delete(self, request: Request) -> Answer:
        queue_ids = _strings(request, "queue_ids")
        return self._counted(sum([await each.delete(queue_ids) for each in self._shards.values()]))

    def _counted(self, count: int) -> Answer:
        return {"count": count, "shards": list(self._shards)}


def flush(state: Path, selector: Selector) -> int:
    """Make deferred mail due now.

    Args:
        state: the server's state directory.
        selector: which.

    Returns:
        How many recipients it touched.

    Raises:
        ControlError: a worker or a shard cannot be reached.
    """
    chosen = None if selector.queue_ids is None else sorted(selector.queue_ids)
    request = {"command": "flush", "queue_ids": chosen, "domain": selector.domain}
    return _everywhere(state, request, lambda shard: shard.flush(selector))


def delete(state: Path, queue_ids: Sequence[str]) -> int:
    """Remove messages; nobody is told.

    Args:
        state: the server's state directory.
        queue_ids: which.

    Returns:
        How many there were.

    Raises:
        ControlError: a worker or a shard cannot be reached.
    """
    request = {"command": "delete", "queue_ids": list(queue_ids)}
    return _everywhere(state, request, lambda shard: shard.delete(queue_ids))


def _everywhere(state: Path, request: Request, change: Change) -> int:
    """Ask every worker, then make the change in the shards that none of them owns."""
    count = 0
    owned: set[str] = set()
    for path in sockets(state):
        answer = ask(path, request)
        if answer is not None:
            shards, changed = answer["shards"], answer["count"]
            assert isinstance(shards, list)
            assert isinstance(changed, int)
            owned.update(str(number) for number in shards)
            count += changed
    for directory in shard_directories(state / "spool"):
        if directory.name not in owned:
            count += asyncio.run(_alone(directory, change))
    return count


async def _alone(directory: Path, change: Change) -> int:
    try:
        shard = await Shard.open(directory, int(directory.name), SpoolSettings(), time.time)
    except ShardBusy:
        raise ControlError(
            f"{directory}: a worker that is starting or ending has it: try again"
        ) from None
    except SpoolError as error:
        raise ControlError(str(error)) from None
    try:
        return await change(shard)
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
