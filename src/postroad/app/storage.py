"""The shards of a worker: which it has, how they are opened, and whether there is room for more.

A worker owns the shard with its number. Those of workers that exist no more it drains; one of them
that cannot be opened is said, and holds nothing else up: mail comes and goes in the others.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

from postroad.config import Configuration
from postroad.model.journal import Journal, Level, Notice
from postroad.spool import Ballast, Room, Shard, ShardBusy, SpoolError, file_systems

__all__ = ["ShardNameError", "Storage", "shards_of"]

BALLAST = "ballast"
SERVICE = "qmgr"  # how the log names who speaks of the queue, as Postfix's does

PATIENCE = 10.0
"""Seconds to wait for a shard whose last owner is still ending."""


class ShardNameError(Exception):
    """A directory in the spool is named so that two would be one shard."""


def shards_of(worker: int, workers: int, spool: Path) -> list[int]:
    """A worker's own shard, and those whose worker exists no more, dealt out evenly.

    Raises:
        ShardNameError: a directory has a number for a name that is not spelt as ours are.
    """
    found = set()
    for each in spool.glob("[0-9]*"):
        if not each.name.isdecimal() or not each.is_dir():
            continue
        number = int(each.name)
        if each.name != str(number):
            raise ShardNameError(
                f"{each}: the directory of shard {number} is {spool / str(number)}, and there can"
                " be only one; move this one out of the spool"
            )
        found.add(number)
    adopted = sorted(n for n in found if n >= workers and n % workers == worker)
    return [worker, *adopted]


class Storage:
    """Opens the shards of a worker.

    Args:
        configuration: where they are and how they are kept.
        journal: where events go.
        give_up: called when a shard broke in a way that only a new start can mend.
    """

    def __init__(
        self, configuration: Configuration, journal: Journal, give_up: Callable[[], None]
    ) -> None:
        self._configuration = configuration
        self._journal = journal
        self._give_up = give_up
        self._exits = AsyncExitStack()
        self._room: Room | None = None
        path = configuration.spool_directory / BALLAST
        self._ballast = Ballast(path, configuration.spool.min_free)

    async def open(self, numbers: Sequence[int]) -> dict[int, Shard]:
        """Open shards; the first of them has to be had.

        Returns:
            Shards by number, in the order asked for.

        Raises:
            ShardBusy: another process has one of them.
            SpoolError: the first cannot be opened.
        """
        first, *others = numbers
        shards = {first: await self._open(first)}
        await asyncio.to_thread(self._ballast.lay)
        for number in others:
            try:
                shards[number] = await self._open(number)
            except ShardBusy:
                raise
            except SpoolError as error:
                words = f"shard {number} is left alone, with all mail in it: {error}"
                self._journal(Notice(SERVICE, words, Level.ERROR))
        return shards

    def room(self) -> Room:
        """What watches the disks; after `open`, which makes the directories."""
        configuration = self._configuration
        places = file_systems(configuration.spool_directory, configuration.state_directory)
        loop = asyncio.get_running_loop()

        def again() -> None:
            loop.run_in_executor(None, self._ballast.lay)

        self._room = Room(
            configuration.spool,
            places,
            time.monotonic,
            self._warn,
            wanted=lambda: self._ballast.wanted,
            again=again,
        )
        return self._room

    async def close(self) -> None:
        """Close all shards."""
        await self._exits.aclose()

    async def _open(self, number: int) -> Shard:
        configuration = self._configuration
        directory = configuration.spool_directory / str(number)
        end = time.monotonic() + PATIENCE
        while True:
            try:
                shard = await Shard.open(
                    directory,
                    number,
                    configuration.spool,
                    time.time,
                    broken=self._broke,
                    report=self._complain,
                    relieve=self._relieve,
                )
            except ShardBusy:
                if time.monotonic() >= end:
                    raise
                await asyncio.sleep(0.1)
            else:
                self._exits.push_async_callback(shard.close)
                return shard

    def _relieve(self) -> bool:
        relieved = self._ballast.drop()
        if relieved:
            if self._room is not None:
                self._room.doubt()
            self._complain("the disk of the spool is full; some room was kept for deliveries")
        return relieved

    def _complain(self, words: str) -> None:
        self._journal(Notice(SERVICE, words, Level.ERROR))

    def _warn(self, words: str) -> None:
        self._journal(Notice(SERVICE, words, Level.WARNING))

    def _broke(self, error: BaseException) -> None:
        words = f"the spool cannot go on, and is opened anew: {type(error).__name__}: {error}"
        self._complain(words)
        self._give_up()
