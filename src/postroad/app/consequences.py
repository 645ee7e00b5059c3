"""What follows from a freeze: the queue is held, sessions end, the operator is told.

Theory of operation. The row of the freeze says which worker this is the business of, and how far it
got. That worker asks all workers over their control sockets, itself among them, to hold what they
have of the account and to end its sessions; then it brings a letter to the door and marks the row.
A worker that was killed in between finds the row when it starts again, and repeats what was not
marked: holding and ending twice do no harm, and a letter is repeated at worst, never lost.

In a worker the queue is held twice: at once, and when the sessions have ended, of which one may
have been making a message durable. After that nothing of the account comes in.

A worker that does not answer is being replaced. It is asked again for a while; if it stays silent,
the freeze stays unfinished, and is taken up at the next start.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from postroad.admin.containment import Contained, contain
from postroad.app import freeze_letter
from postroad.app.freeze_letter import Letter
from postroad.directory import DirectoryUnavailable, Freeze, FreezeAuthor, Freezes
from postroad.intake import Refusal
from postroad.model import Address, Envelope, Reply
from postroad.model.journal import Journal, Level, Notice
from postroad.server.containment import closing
from postroad.spool import SpoolError

__all__ = ["SERVICE", "Consequences", "Place", "Submitting"]

SERVICE = "containment"
"""Who speaks in the log."""

TRIES = 30
PAUSE = 2.0  # seconds between two tries: a worker that died is back by then, or after a few more

LETTER_PAUSE = 60.0
"""Seconds between two tries to bring a letter to a door that has no room for it now."""

LAST_COMMITS = 30.0
"""Seconds for the account's sessions to end: a commit on a busy disk takes far less."""


class Submitting(Protocol):
    """The door, for mail that is made here."""

    async def submit(
        self, envelope: Envelope, recipients: Sequence[Address], message: bytes
    ) -> str:
        """Take a message; returns its queue ID once it is durable. Raises `Refusal`."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a worker is, and what it can do.

    Attributes:
        worker: its number.
        workers: how many there are.
        state: the server's state directory.
        hostname: our name.
        hold: holds what the worker's shards have of an account; how many messages that are.
        release: lets what `hold` held go on.
        cut: ends the worker's sessions of an account with these last words; what to wait for.
        door: takes letters.
        clock: seconds since the epoch.
        pause: waits for so many seconds.
    """

    worker: int
    workers: int
    state: Path
    hostname: str
    hold: Callable[[str], Awaitable[int]]
    release: Callable[[str], Awaitable[None]]
    cut: Callable[[str, Reply], Sequence[asyncio.Task[None]]]
    door: Submitting
    clock: Callable[[], float]
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep


class Consequences:
    """Does what follows from freezes, in one worker and from it in all."""

    def __init__(
        self,
        place: Place,
        freezes: Freezes,
        recipients: Callable[[], Sequence[Address]],
        journal: Journal,
    ) -> None:
        """Nothing is under way.

        Args:
            place: where this is.
            freezes: as the directory has them.
            recipients: who is told, now.
            journal: where events go.
        """
        self._place = place
        self._freezes = freezes
        self._recipients = recipients
        self._journal = journal
        self._holding = asyncio.Lock()
        self._following: set[tuple[str, float]] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def contain(self, user: str) -> Contained:
        """Do in this worker what follows from the freeze of an account; none, nothing.

        Raises:
            DirectoryUnavailable, SpoolError: it cannot be done now.
        """
        freeze = await self._freezes.look(user)
        if freeze is None:
            return Contained()
        place = self._place
        cut = place.cut(user, closing(user, place.hostname))
        held = await self._hold(user)
        if cut:
            self._begin(self._hold_again(user, cut))
        if freeze.worker % place.workers == place.worker and not freeze.finished:
            self.follow(freeze)  # one that an operator began
        return Contained(held, len(cut))

    def thawed(self, user: str) -> None:
        """An operator has let an account send again; for the log, which tells of the freeze too."""
        self._journal(Notice(SERVICE, f"{user} is frozen no longer, by an operator"))

    def follow(self, freeze: Freeze) -> None:
        """Begin to do in all workers what follows from a freeze, unless that is under way."""
        key = (freeze.user, freeze.since)
        if key not in self._following:
            self._following.add(key)
            self._begin(self._follow(freeze)).add_done_callback(
                lambda _: self._following.discard(key)
            )

    async def resume(self) -> None:
        """Go on with what was not finished when the last server ended; before mail is delivered.

        Raises:
            DirectoryUnavailable, SpoolError: it cannot be done now.
        """
        for freeze in await self._freezes.unfinished():
            await self._hold(freeze.user)
            if freeze.worker % self._place.workers == self._place.worker:
                self.follow(freeze)

    async def tell(self, letter: Letter) -> bool:
        """Bring a letter to the door. Whether it was taken, or there is nobody to write to."""
        if not letter.recipients:
            return True
        try:
            await self._place.door.submit(letter.envelope, letter.recipients, letter.message)
        except Refusal as refusal:
            self._warn(f"the operator could not be told: {refusal.reply}")
            return refusal.reply.is_permanent  # the same letter would be refused for ever
        return True

    async def close(self) -> None:
        """Break off; what is not marked is done at the next start."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # Inside --------------------------------------------------------------------------------------

    async def _follow(self, freeze: Freeze) -> None:
        done = await self._everywhere(freeze.user)
        place, user = self._place, freeze.user
        held, sessions = done.held, done.sessions
        outcome = f"{held} messages held, {sessions} sessions ended"
        self._journal(Notice(SERVICE, f"{user} is frozen{_by_whom(freeze)}: {outcome}"))
        silent = place.workers - done.workers
        try:
            if not freeze.told:
                seen = freeze_letter.Done(held, sessions, max(0, silent))
                letter = freeze_letter.of_freeze(
                    freeze, seen, self._recipients(), place.hostname, place.clock()
                )
                await self._tell_until_taken(freeze, letter)
                await self._freezes.mark_told(freeze)
            if silent > 0:
                self._warn(
                    f"{silent} workers did not answer about {user}; they will at their start"
                )
                return
            await self._freezes.mark_finished(freeze)
        except DirectoryUnavailable as error:
            self._warn(f"it could not be marked what was done about {user}: {error}")

    async def _tell_until_taken(self, freeze: Freeze, letter: Letter) -> None:
        """Bring a letter to the door until it is taken, or is about a freeze that is over."""
        while not await self.tell(letter):
            await self._place.pause(LETTER_PAUSE)
            now = await self._freezes.look(freeze.user)
            if now is None or now.since != freeze.since:
                return

    async def _everywhere(self, user: str) -> Contained:
        """All that is done about an account, when all workers have answered or none does any more.

        What is held at a second try was not held before, and adds up; so do sessions.
        """
        place = self._place
        so_far = Contained()
        for again in range(TRIES):
            if again:
                await place.pause(PAUSE)
            done = await asyncio.to_thread(contain, place.state, user)
            held, sessions = so_far.held + done.held, so_far.sessions + done.sessions
            so_far = Contained(held, sessions, done.workers)
            if done.workers >= place.workers:
                break
        return so_far

    async def _hold(self, user: str) -> int:
        """Hold what there is of a frozen account, unless it is thawed meanwhile.

        Whoever thaws an account releases what is held at that moment, and cannot know what will
        be. One at a time, so that what a later freeze holds is not released here.

        Returns:
            How many messages are held that were not.
        """
        place = self._place
        async with self._holding:
            held = await place.hold(user)
            if await self._freezes.look(user) is not None:
                return held
            await place.release(user)
            return 0

    async def _hold_again(self, user: str, cut: Sequence[asyncio.Task[None]]) -> None:
        await asyncio.wait(cut, timeout=LAST_COMMITS)
        try:
            if await self._freezes.look(user) is not None:
                await self._hold(user)
        except (DirectoryUnavailable, SpoolError) as error:
            self._warn(f"the queue of {user} may not be held as a whole: {error}")

    def _warn(self, words: str) -> None:
        self._journal(Notice(SERVICE, words, Level.WARNING))

    def _begin(self, work: Coroutine[object, object, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            words = f"what follows from a freeze failed: {error!r}"
            self._journal(Notice(SERVICE, words, Level.ERROR))


def _by_whom(freeze: Freeze) -> str:
    """Who froze an account, and why; what was found out by itself was told when it was."""
    if freeze.author is not FreezeAuthor.OPERATOR:
        return ""
    return f" by an operator ({freeze.reason or 'no reason given'})"
