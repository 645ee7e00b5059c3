"""`STATE/spam`: the memory of the site, and those of accounts that learned something of their own.

A memory that is damaged is put aside, that is said, and a new one begins with the next lesson: what
was learned is not mail. Any number of processes use the folder at once.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import sqlite3
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

from postroad.filters.builtin.bayes.classifier import Counts
from postroad.filters.builtin.bayes.lesson import Learned, Lesson
from postroad.filters.builtin.bayes.store import (
    NOTHING,
    SITE,
    USER,
    About,
    Store,
    StoreUnavailable,
)
from postroad.filters.builtin.bayes.tokens import Tokens
from postroad.limits.state_file import StateUnavailable

__all__ = ["MOST_USERS", "Stores"]

MOST_USERS = 10_000
"""Accounts with a memory of their own: 40 GB if all are full. Others have the site's."""

_SITE_FILE = "site.db"
_USERS = "users"
_END = ".db"
_MOST_NAME = 100  # octets of a file's name that is still an account's; longer ones are hashes
_DAMAGE = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})

_Result = TypeVar("_Result")


class Stores:
    """The memories of a server. Used by any thread; blocks."""

    def __init__(self, folder: Path, warn: Callable[[str], None]) -> None:
        """Nothing is opened or made yet.

        Args:
            folder: `STATE/spam`; made when something is learned.
            warn: told of a memory that was put aside, and of accounts for whom there is no room;
                in whatever thread that shows.
        """
        self._folder = folder
        self._warn = warn
        self._has_said_full = False

    def counts(self, tokens: Tokens, whose: str = "") -> Counts:
        """What is known of tokens.

        Args:
            tokens: of one message.
            whose: the canonical name of the account that is asked; empty: the site.

        Raises:
            StoreUnavailable: the memory cannot be read now.
        """
        store = self._store(whose)
        return self._sound(store, lambda: store.counts(tokens), NOTHING)

    def shared(self, whose: str) -> tuple[int, int]:
        """How many messages an account's memory and the site's have both learned: spam, and ham.

        Args:
            whose: the canonical name of the account.

        Raises:
            StoreUnavailable: a memory cannot be read now.
        """
        own, site = self._store(whose), self._store("")
        if not site.is_there():
            return 0, 0
        return self._sound(own, lambda: own.shared(site.path), (0, 0))

    def known(self, mark: bytes, whose: str = "") -> bool | None:
        """What a message was learned as: spam, ham, or (`None`) neither.

        Args:
            mark: the message's (`mark.mark_of`).
            whose: the account; empty: the site.

        Raises:
            StoreUnavailable: the memory cannot be read now.
        """
        store = self._store(whose)
        return self._sound(store, lambda: store.known(mark), None)

    def learn(self, lessons: Sequence[Lesson], whose: str = "") -> list[Learned]:
        """Learn messages, all or none; each counts once, however often it is told.

        A message that was learned as the other class is unlearned first; one whose `is_spam` is
        `None` is unlearned only.

        Args:
            lessons: one for each message; not too many at once, as others wait meanwhile.
            whose: the canonical name of the account whose memory learns; empty: the site.

        Returns:
            What became of each.

        Raises:
            StoreUnavailable: nothing was learned.
        """
        store = self._store(whose)
        if not store.is_there():
            if all(each.is_spam is None for each in lessons):
                return [Learned.NEVER] * len(lessons)
            if whose and len(self._user_files()) >= MOST_USERS:
                self._say_full(whose)
                return [Learned.FULL] * len(lessons)
            self._make_folder(store.path.parent)
        try:
            return store.learn(lessons, whose)
        except StoreUnavailable as error:
            if not self._is_put_aside(store, error):
                raise
        return store.learn(lessons, whose)

    def about(self, whose: str = "") -> About | None:
        """What is in a memory; `None`: there is none.

        Args:
            whose: the account; empty: the site.

        Raises:
            StoreUnavailable: it cannot be read now.
        """
        store = self._store(whose)
        if not store.is_there():
            return None
        return self._sound(store, store.about, None)

    def all(self) -> list[About]:
        """What is in each: the site's first, then accounts by name.

        Raises:
            StoreUnavailable: one of them cannot be read now.
        """
        stores = [Store(path, USER) for path in self._user_files()]
        found = [self.about(), *[self._sound(each, each.about, None) for each in stores]]
        return sorted([each for each in found if each is not None])

    def forget(self, whose: str = "") -> bool:
        """Remove a memory; whether there was one.

        Args:
            whose: the account; empty: the site.

        Raises:
            StoreUnavailable: it cannot be removed.
        """
        path = self._store(whose).path
        try:
            path.unlink()
        except FileNotFoundError:
            return False
        except OSError as error:
            raise StoreUnavailable(f"{path}: {error.strerror}") from None
        with contextlib.suppress(FileNotFoundError):  # it must not be played back into a new one
            os.unlink(f"{path}-journal")
        return True

    def _say_full(self, whose: str) -> None:
        """Once: accounts without a memory may learn all day."""
        if not self._has_said_full:
            self._has_said_full = True
            self._warn(f"{whose} has no memory for spam: there are {MOST_USERS} already")

    def _store(self, whose: str) -> Store:
        if not whose:
            return Store(self._folder / _SITE_FILE, SITE)
        name = quote(whose, safe="@+")
        if len(name) > _MOST_NAME:
            name = hashlib.sha256(whose.encode("utf-8", "surrogatepass")).hexdigest()
        return Store(self._folder / _USERS / f"{name}{_END}", USER)

    def _user_files(self) -> list[Path]:
        folder = self._folder / _USERS
        try:
            return [folder / name for name in os.listdir(folder) if name.endswith(_END)]
        except FileNotFoundError:
            return []
        except OSError as error:
            raise StoreUnavailable(f"{folder}: {error.strerror}") from None

    def _make_folder(self, folder: Path) -> None:
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise StoreUnavailable(f"{folder}: {error.strerror}") from None

    def _sound(self, store: Store, look: Callable[[], _Result], otherwise: _Result) -> _Result:
        """What a look at a memory gives; `otherwise` if it is damaged: it is put aside."""
        try:
            return look()
        except StoreUnavailable as error:
            if not self._is_put_aside(store, error):
                raise
            return otherwise

    def _is_put_aside(self, store: Store, error: StateUnavailable) -> bool:
        """Whether an error was damage, and the file is out of the way now."""
        cause = error.__cause__
        if getattr(cause, "sqlite_errorcode", 0) & 0xFF not in _DAMAGE:
            return False
        path = store.path
        if store.is_sound():  # another worker has put it aside
            return True
        aside = path.with_name(f"{path.name}.damaged-{time.time():.0f}")
        try:
            path.rename(aside)
        except FileNotFoundError:
            return True
        except OSError as failure:
            raise StoreUnavailable(f"{path}: {failure.strerror}") from None
        with contextlib.suppress(OSError):
            os.unlink(f"{path}-journal")  # it must not be played back into the new file
        self._warn(f"{path} was damaged: it is {aside.name} now, and a new one begins")
        return True
