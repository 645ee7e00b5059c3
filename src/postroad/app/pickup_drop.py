"""The drop as the server has it open: made, recovered, with its pipe watched, its programs told.

Each of these can fail for a moment, as on a full disk, and is tried again until it has gone well.
What does not need the failed step goes on without it: programs that could not be told anew are
told later, and their mail is picked up meanwhile. What a crash left is cleared up first of all, as
that needs no room on a disk, and the sooner it is done the less of it was delivered already.

It knows nothing of messages: `pickup` deals with them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from postroad.app.wake_pipe import WakePipe
from postroad.config import Configuration
from postroad.config.sendmail import make_drop, tell_programs
from postroad.maildrop.collection import Collection
from postroad.maildrop.folder import WAKE
from postroad.spool import SpoolError

__all__ = ["RETRY", "OpenDrop"]

RETRY = 10.0
"""Seconds between two tries to open it; while it is closed nobody can wake us."""


class OpenDrop:
    """Belongs to an event loop.

    Args:
        woken: called when a program left something.
        recover: clears up what a crash left; may raise `OSError` and `SpoolError`.
        warn: takes a line for the log.
        error: takes one that tells of mail that stands still.
    """

    def __init__(
        self,
        woken: Callable[[], None],
        recover: Callable[[Collection], Awaitable[None]],
        *,
        warn: Callable[[str], None],
        error: Callable[[str], None],
    ) -> None:
        self._pipe = WakePipe(woken)
        self._recover = recover
        self._warn = warn
        self._error = error
        self._collection: Collection | None = None
        self._folder: Path | None = None  # only where all went well
        self._is_told = False
        self._said = ""

    @property
    def collection(self) -> Collection | None:
        """Its files; `None` where it is closed, or there is to be none."""
        return self._collection

    @property
    def is_whole(self) -> bool:
        """Whether nothing is to be tried again."""
        return self._folder is not None and self._is_told

    def renew(self) -> None:
        """Open it anew at the next `keep`: another configuration may tell programs otherwise."""
        self._folder = None

    def close(self) -> None:
        """Watch and take nothing any more."""
        self._collection, self._folder = None, None
        self._pipe.close()

    async def keep(self, configuration: Configuration) -> None:
        """Open what is not open, and say once why something cannot be.

        Args:
            configuration: what is running.
        """
        try:
            if self._folder != configuration.maildrop_directory:
                await self._open(configuration)
        except (OSError, SpoolError) as error:
            self.close()
            self._say(self._error, f"mail of local programs cannot be picked up: {error}")
            return
        if not self._is_told:
            await self._tell(configuration)

    async def _open(self, configuration: Configuration) -> None:
        self.close()
        folder = configuration.maildrop_directory
        self._is_told = not configuration.sendmail.enabled
        if configuration.sendmail.enabled:
            collection = Collection(str(folder))
            await self._recover(collection)
            doubt = await asyncio.to_thread(make_drop, configuration)
            if doubt:
                self._warn(doubt)
            self._pipe.open(folder / WAKE)
            self._collection = collection
        self._folder = folder

    async def _tell(self, configuration: Configuration) -> None:
        try:
            await asyncio.to_thread(tell_programs, configuration)
        except OSError as error:
            words = f"local programs cannot be told the configuration: {error}; it is tried again"
            self._say(self._warn, words)
            return
        self._is_told, self._said = True, ""

    def _say(self, how: Callable[[str], None], words: str) -> None:
        """Once: the same words again are no news."""
        if words != self._said:
            self._said = words
            how(words)
