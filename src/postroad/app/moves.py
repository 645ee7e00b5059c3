"""Learning from what users move, joined: deliveries note accounts, one worker watches them.

One of these for each worker. Nothing is opened, and nothing runs, where no filter learns: without a
built-in one, with `learn = "no"`, or without a folder for junk.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

from postroad.app.learner import learner_of
from postroad.app.mailboxes import location_of
from postroad.app.running import Running
from postroad.config import Configuration
from postroad.delivery.filing import folder_of_detail
from postroad.delivery.junk import is_junk
from postroad.delivery.local import Copy
from postroad.filters.builtin.bayes.stores import Stores
from postroad.filters.moves.file import MOVES
from postroad.filters.moves.lesson import MemoryAway
from postroad.filters.moves.memory import BayesMemory
from postroad.filters.moves.noting import Noting
from postroad.filters.moves.others import Visitors
from postroad.filters.moves.terms import Terms
from postroad.filters.moves.watch import Watch
from postroad.filters.settings import FilterSettings
from postroad.filters.thresholds import Thresholds
from postroad.limits.state_file import Keeper, StateUnavailable
from postroad.mailbox.folder import FolderName
from postroad.mailbox.maildir import unique_name
from postroad.mailbox.moves.survey import Folders
from postroad.model.fields import Fields
from postroad.model.journal import Journal, Level, Notice

__all__ = ["Moves"]

PAUSE = 10.0
"""Seconds between two writings of accounts that are new."""

_SERVICE = "spam"


class Moves:
    """Belongs to a worker's event loop."""

    def __init__(
        self,
        running: Running,
        thresholds: Thresholds,
        journal: Journal,
        *,
        visitors: Visitors | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        """Nothing is opened yet, and nothing runs before `start`.

        Args:
            running: what to serve.
            thresholds: of accounts.
            journal: where events go.
            visitors: look at mail of other owners; `None`: there is none.
            now: seconds since the epoch.
        """
        loop = asyncio.get_running_loop()

        def complain(words: str) -> None:  # called in a thread
            loop.call_soon_threadsafe(self._warn, words)

        configuration = running.configuration
        self._running = running
        self._thresholds = thresholds
        self._journal = journal
        self._visitors = visitors
        self._now = now
        self._learner: FilterSettings | None = None
        self._junk: FolderName | None = None
        self._host = configuration.hostname
        self._folder = configuration.moves_file.parent
        self._file = Keeper(configuration.moves_file, MOVES, complain)
        self._noting = Noting(self._file, now)
        self._memory = BayesMemory(Stores(self._folder, complain))
        self._watch: Watch | None = None
        self._is_watching = False
        self._task: asyncio.Task[None] | None = None
        self._trouble = ""

    def delivered(self, copy: Copy) -> None:
        """A message was stored in an account's mail.

        Args:
            copy: which, and where.
        """
        if self._learner is None:
            return
        target = copy.target
        filed = None
        if _is_same(target.folder, self._junk):  # it may be rescued before anybody looks there
            filed = unique_name(copy.message, copy.recipient.id, self._host, target.number)
        self._noting.delivered(copy.user, target.where, filed, target.owner)

    def start(self, *, is_watching: bool) -> None:
        """Begin.

        Args:
            is_watching: whether this is the worker that watches.
        """
        self._is_watching = is_watching
        self.replace(self._running)

    def replace(self, running: Running) -> None:
        """Go by what is running now."""
        self._running = running
        self._learner = learner_of(running.configuration)
        terms = _terms(running.configuration, self._learner)
        if terms is None:
            self._watch = None
            return
        self._junk = terms.folders.junk
        if self._watch is not None:
            self._watch.terms = terms
        elif self._is_watching:
            self._watch = self._make_watch(terms)
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run())

    async def close(self) -> None:
        """Write down what is new, and close the file."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            await self.round(is_due=False)
        await asyncio.to_thread(self._file.close)

    async def look(self) -> None:
        """One turn of the watch, whoever is due.

        Raises:
            StateUnavailable, MemoryAway: see `Watch.turn`.
        """
        if self._watch is not None:
            await self._watch.turn()

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        looked = loop.time()
        while True:
            every = PAUSE if self._learner is None else self._learner.learn_every
            await asyncio.sleep(min(PAUSE, every))
            is_due = loop.time() >= looked + every
            if is_due:
                looked = loop.time()
            await self.round(is_due=is_due)

    async def write(self) -> None:
        """Write down accounts that mail came to.

        Raises:
            StateUnavailable, OSError: it is tried again.
        """
        if self._learner is not None:
            await asyncio.to_thread(self._folder.mkdir, mode=0o700, parents=True, exist_ok=True)
            await self._noting.write()

    async def round(self, *, is_due: bool) -> None:
        """Write down what is new, and look at folders; what goes wrong is said, and passes.

        Args:
            is_due: whether it is time for a look.
        """
        try:
            await self.write()
            if is_due:
                await self.look()
        except (StateUnavailable, MemoryAway) as error:
            self._say_once(str(error))
        except OSError as error:
            self._say_once(f"{self._folder}: {error.strerror}")
        except Exception as error:  # noqa: BLE001 - a fault in one round ends no other
            self._say_once(f"a look failed: {type(error).__name__}: {error}")
        else:
            self._trouble = ""

    def _say_once(self, words: str) -> None:
        if words != self._trouble:
            self._warn(f"nothing is learned from what users move: {words}")
        self._trouble = words

    def _make_watch(self, terms: Terms) -> Watch:
        return Watch(
            self._file,
            self._memory,
            terms,
            self._is_filed,
            say=self._say,
            warn=self._warn,
            now=self._now,
            visitors=self._visitors,
        )

    async def _is_filed(self, user: str, fields: Fields) -> bool:
        """Whether mail with this header was filed as junk by us, as delivery does it."""
        if self._is_addressed(user, fields):
            return True
        return is_junk(fields, (await self._thresholds.of(user)).junk)

    def _is_addressed(self, user: str, fields: Fields) -> bool:
        """Whether it was sent to the folder for junk: strangers may write to `john+junk`.

        The header is asked, where delivery has told that: another worker may have delivered it.
        """
        configuration = self._running.configuration
        if configuration.mailbox.detail_folders == "off":
            return False
        told = fields.first("delivered-to")
        local = "" if told is None else told.text.rpartition("@")[0]
        delimiters = configuration.directory.recipient_delimiter
        return _is_same(folder_of_detail(user, local, delimiters), self._junk)

    def _say(self, words: str) -> None:
        self._journal(Notice(_SERVICE, words))

    def _warn(self, words: str) -> None:
        self._journal(Notice(_SERVICE, words, Level.WARNING))


def _is_same(folder: FolderName, other: FolderName | None) -> bool:
    """As delivery finds a folder: without regard to the case of its letters."""
    if other is None or folder.is_inbox:
        return False
    return str(folder).casefold() == str(other).casefold()


def _terms(configuration: Configuration, learner: FilterSettings | None) -> Terms | None:
    if learner is None:
        return None
    mailbox = configuration.mailbox
    folders = Folders(
        FolderName.parse(mailbox.junk_folder), tuple(map(FolderName.parse, mailbox.trash_folders))
    )
    roots = tuple(map(Path, location_of(configuration).roots))
    return Terms(learner.learn, folders, roots, learner.learn_every)
