"""One memory: how often each token was in spam and in other mail, in one SQLite file.

Theory of operation. The file uses the rollback journal, as all files that several workers share
(`limits.state_file`): any number read, one writes, and a killed process leaves what the last
complete change made. A connection is opened for each look and each change, in whatever thread that
is, so a file that somebody removed, put aside or brought back is met as it is.

Tokens are kept as keyed hashes, under a key that is in the file: words cannot be read out of it,
and the same word has another hash in another account's. Who has the file can still try whether a
word is in it.

A file has a size at most. When that is reached, everything counts half, the totals as well, and
what counts nothing then goes: old mail weighs less and less, and what was seen once and never again
is forgotten first. How many messages were ever learned is counted beside that.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

from postroad.filters.builtin.bayes.classifier import MINIMUM, Counts
from postroad.filters.builtin.bayes.lesson import Learned, Lesson
from postroad.filters.builtin.bayes.schema import LEARNED_MAIL, StoreUnavailable
from postroad.filters.builtin.bayes.tokens import Tokens
from postroad.limits.state_file import open_file

__all__ = [
    "NOTHING",
    "SITE",
    "USER",
    "About",
    "Bounds",
    "Store",
    "StoreUnavailable",
]

READER_PATIENCE = 1.0
"""Seconds for which who judges waits for who learns; mail goes on without the verdict then."""

WRITER_PATIENCE = 10.0
"""Seconds for which who learns waits for another one."""

_HASHED = 8  # octets: two of a million tokens share a hash once in forty million files


class Bounds(NamedTuple):
    """How large a memory may be.

    Attributes:
        octets: of the file, as far as it is in use.
        marks: messages whose class is remembered; the oldest are forgotten.
    """

    octets: int
    marks: int


SITE = Bounds(64 * 1024 * 1024, 200_000)
"""Of the site's: some two million tokens."""

USER = Bounds(4 * 1024 * 1024, 10_000)
"""Of one account: some hundred thousand tokens, of two thousand messages."""


class About(NamedTuple):
    """What is in a memory.

    Attributes:
        owner: the account; empty: the site.
        spam: messages ever learned as spam, without those that were unlearned.
        ham: learned as other mail.
        tokens: that are known.
        octets: of the file.
    """

    owner: str
    spam: int
    ham: int
    tokens: int
    octets: int

    @property
    def is_enough(self) -> bool:
        """Whether it counts when mail is judged."""
        return min(self.spam, self.ham) >= MINIMUM


NOTHING = Counts(0, 0, {})
"""Of a memory that is not there."""

_COUNTS = "SELECT id, spam, ham FROM token WHERE id IN (SELECT value FROM json_each(?))"
_COUNT_MORE = (
    "INSERT INTO token VALUES (:id, :spam, :ham) ON CONFLICT (id)"
    " DO UPDATE SET spam = max(0, spam + :spam), ham = max(0, ham + :ham)"
)
_COUNT_LESS = (
    "UPDATE token SET spam = max(0, spam + :spam), ham = max(0, ham + :ham) WHERE id = :id"
)
_COUNT_MESSAGE = (
    "UPDATE about SET spam = max(0, spam + :spam), ham = max(0, ham + :ham),"
    " weight_spam = max(0, weight_spam + :spam), weight_ham = max(0, weight_ham + :ham)"
)
_SHARED = (
    "SELECT total(is_spam = 1), total(is_spam = 0) FROM main.learned"
    " WHERE EXISTS (SELECT 1 FROM other.learned AS there"
    " WHERE there.mark = learned.mark AND there.is_spam = learned.is_spam)"
)
_HALVE = (
    "UPDATE token SET spam = spam / 2, ham = ham / 2",
    "DELETE FROM token WHERE spam = 0 AND ham = 0",
    "UPDATE about SET weight_spam = (weight_spam + 1) / 2, weight_ham = (weight_ham + 1) / 2",
)


class Store:
    """One memory. Keeps no file open; used by any thread, blocks."""

    def __init__(self, path: Path, bounds: Bounds = SITE) -> None:
        """Nothing is opened or made yet.

        Args:
            path: the file; its folder must exist when something is learned.
            bounds: how large it may be.
        """
        self.path = path
        self._bounds = bounds

    def is_there(self) -> bool:
        """Whether something was ever learned.

        Raises:
            StoreUnavailable: nobody may look.
        """
        try:
            return self.path.exists()
        except OSError as error:
            raise StoreUnavailable(f"{self.path}: {(error.strerror or '').lower()}") from None

    def counts(self, tokens: Tokens) -> Counts:
        """What is known of tokens, as it counts now.

        Args:
            tokens: of one message.

        Raises:
            StoreUnavailable: the file cannot be read.
        """
        if not self.is_there():
            return NOTHING
        with self._opened(READER_PATIENCE) as connection:
            connection.execute("BEGIN")
            key, spam, ham, *weights = connection.execute(
                "SELECT key, spam, ham, weight_spam, weight_ham FROM about"
            ).fetchone()
            by_id = dict(zip(_hashes(key, tokens), tokens, strict=True))
            rows = connection.execute(_COUNTS, (json.dumps(list(by_id)),))
            known = {by_id[number]: (in_spam, in_ham) for number, in_spam, in_ham in rows}
        return Counts(spam, ham, known, (weights[0], weights[1]))

    def known(self, mark: bytes) -> bool | None:
        """What a message was learned as: spam, ham, or (`None`) neither.

        Args:
            mark: the message's.

        Raises:
            StoreUnavailable: the file cannot be read.
        """
        if not self.is_there():
            return None
        with self._opened(READER_PATIENCE) as connection:
            return _known(connection, mark)

    def shared(self, other: Path) -> tuple[int, int]:
        """How many messages another memory has learned as the same: spam, and ham.

        Args:
            other: its file, which must be there.

        Raises:
            StoreUnavailable: one of the files cannot be read.
        """
        if not self.is_there():
            return 0, 0
        with self._opened(READER_PATIENCE) as connection:
            connection.execute("ATTACH DATABASE ? AS other", (os.fspath(other),))
            spam, ham = connection.execute(_SHARED).fetchone()
        return int(spam), int(ham)

    def learn(self, lessons: Sequence[Lesson], owner: str = "") -> list[Learned]:
        """Learn messages, all or none; each once.

        Args:
            lessons: one for each message.
            owner: the account whose memory it is.

        Raises:
            StoreUnavailable: nothing was learned.
        """
        with self._opened(WRITER_PATIENCE) as connection, _transaction(connection):
            (key,) = connection.execute("SELECT key FROM about").fetchone()
            done = [_learn(connection, key, lesson) for lesson in lessons]
            if any(each in {Learned.NEW, Learned.CHANGED} for each in done):
                connection.execute("UPDATE about SET owner = ?", (owner,))
                _bound(connection, self._bounds)
            return done

    def about(self) -> About:
        """What is in it.

        Raises:
            StoreUnavailable: the file cannot be read, or is not there.
        """
        if not self.is_there():
            raise StoreUnavailable(f"{self.path}: it is not there")
        with self._opened(READER_PATIENCE) as connection:
            connection.execute("BEGIN")
            owner, spam, ham = connection.execute("SELECT owner, spam, ham FROM about").fetchone()
            (tokens,) = connection.execute("SELECT count(*) FROM token").fetchone()
            return About(owner, spam, ham, tokens, self.path.stat().st_size)

    def is_sound(self) -> bool:
        """Whether SQLite finds nothing wrong with the file; one that is not there is sound."""
        if not self.is_there():
            return True
        try:
            with self._opened(READER_PATIENCE) as connection:
                answer = connection.execute("PRAGMA quick_check(1)").fetchone()
        except StoreUnavailable:
            return False
        return bool(answer == ("ok",))

    @contextmanager
    def _opened(self, patience: float) -> Iterator[sqlite3.Connection]:
        try:
            with closing(open_file(self.path, LEARNED_MAIL, patience=patience)) as connection:
                # What a power cut may take is what was learned last; the file stays sound.
                connection.execute("PRAGMA synchronous = NORMAL")
                # Nobody who reads waits but while a change is committed, however large it is.
                connection.execute("PRAGMA cache_spill = OFF")
                yield connection
        except (sqlite3.Error, OSError) as error:
            raise StoreUnavailable(f"{self.path}: {error}") from error


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    with connection:  # commits, or rolls back on any exception
        connection.execute("BEGIN IMMEDIATE")
        yield


def _hashes(key: bytes, tokens: Iterable[str]) -> list[int]:
    keyed = hashlib.blake2b(digest_size=_HASHED, key=key)
    found = []
    for token in tokens:
        hashed = keyed.copy()
        hashed.update(token.encode("utf-8", "surrogatepass"))
        found.append(int.from_bytes(hashed.digest(), "big", signed=True))
    return found


def _known(connection: sqlite3.Connection, mark: bytes) -> bool | None:
    row = connection.execute("SELECT is_spam FROM learned WHERE mark = ?", (mark,)).fetchone()
    return None if row is None else bool(row[0])


def _learn(connection: sqlite3.Connection, key: bytes, lesson: Lesson) -> Learned:
    before = _known(connection, lesson.mark)
    if before is lesson.is_spam:
        return Learned.KNOWN if before is not None else Learned.NEVER
    hashes = _hashes(key, lesson.tokens)
    if before is not None:
        _count(connection, _COUNT_LESS, hashes, is_spam=before, by=-1)
    if lesson.is_spam is None:
        connection.execute("DELETE FROM learned WHERE mark = ?", (lesson.mark,))
        return Learned.FORGOTTEN
    _count(connection, _COUNT_MORE, hashes, is_spam=lesson.is_spam, by=1)
    connection.execute("UPDATE about SET number = number + 1")
    connection.execute(
        "INSERT OR REPLACE INTO learned SELECT ?, ?, number FROM about",
        (lesson.mark, int(lesson.is_spam)),
    )
    return Learned.NEW if before is None else Learned.CHANGED


def _count(
    connection: sqlite3.Connection, statement: str, hashes: list[int], *, is_spam: bool, by: int
) -> None:
    spam, ham = (by, 0) if is_spam else (0, by)
    connection.executemany(
        statement, [{"id": number, "spam": spam, "ham": ham} for number in hashes]
    )
    connection.execute(_COUNT_MESSAGE, {"spam": spam, "ham": ham})


def _bound(connection: sqlite3.Connection, bounds: Bounds) -> None:
    """Forget what is too much."""
    (marks,) = connection.execute("SELECT count(*) FROM learned").fetchone()
    if marks > bounds.marks:
        # An eighth at once, so that not every lesson forgets.
        connection.execute(
            "DELETE FROM learned WHERE number <= (SELECT number FROM about) - ?",
            (bounds.marks * 7 // 8,),
        )
    while _used(connection) > bounds.octets:
        before = connection.execute("SELECT count(*) FROM token").fetchone()
        for statement in _HALVE:
            connection.execute(statement)
        if connection.execute("SELECT count(*) FROM token").fetchone() == before == (0,):
            break


def _used(connection: sqlite3.Connection) -> int:
    free, pages, octets = (
        int(connection.execute(f"PRAGMA {what}").fetchone()[0])
        for what in ("freelist_count", "page_count", "page_size")
    )
    return (pages - free) * octets
