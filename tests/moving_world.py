"""Maildirs whose messages are moved as mail programs do it, and somebody who learns."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

from postroad.delivery.junk import is_junk
from postroad.filters.moves import file
from postroad.filters.moves.lesson import MemoryAway
from postroad.filters.moves.terms import Terms
from postroad.filters.moves.watch import Watch
from postroad.limits.state_file import Keeper, open_file
from postroad.mailbox import Whereabouts
from postroad.mailbox.folder import FolderName
from postroad.mailbox.moves.survey import Folders
from postroad.model.fields import Fields

__all__ = ["FOLDERS", "START", "FakeMemory", "Mailbox", "Watched", "message"]

FOLDERS = Folders(FolderName.parse("Junk"), (FolderName.parse("Trash"),))
START = 1_700_000_000


def message(subject: str, *, header: str = "", body: str = "Soup?") -> bytes:
    """A stored message."""
    text = f"Message-ID: <{subject}@test>\n{header}Subject: {subject}\n\n{body}\n"
    return text.encode()


class Mailbox:
    """A Maildir++ of one account.

    Args:
        top: its folder.
    """

    def __init__(self, top: Path) -> None:
        self.top = top
        self.where = Whereabouts.at(top)
        self._count = 0
        self.make("")

    def make(self, folder: str) -> Path:
        """A folder, made if it is not there."""
        path = self.top / f".{folder}" if folder else self.top
        for part in ("cur", "new", "tmp"):
            (path / part).mkdir(parents=True, exist_ok=True)
        return path

    def put(
        self, octets: bytes, folder: str = "", *, at: int = 1_700_000_000, part: str = "new"
    ) -> Path:
        """Deliver a message."""
        self._count += 1
        name = f"{at}.Q{self._count}R1.mail.test,S={len(octets)}"
        path = self.make(folder) / part / name
        path.write_bytes(octets)
        os.utime(path, (at, at))
        return path

    def rename(self, path: Path, folder: str, flags: str = ":2,S") -> Path:
        """Move as mutt does: the same file with the same name."""
        target = self.make(folder) / "cur" / (path.name.partition(":")[0] + flags)
        path.rename(target)
        return target

    def link(self, path: Path, folder: str, *, at: int = 1_700_000_500) -> Path:
        """Move as IMAP servers do: a link under another name; then the old one goes."""
        self._count += 1
        name = f"{at}.M{self._count}P1.other.test,S={path.stat().st_size}:2,"
        target = self.make(folder) / "cur" / name
        os.link(path, target)
        path.unlink()
        return target

    def copy(self, path: Path, folder: str, *, at: int = 1_700_000_500) -> Path:
        """Move by a copy; then the old one goes."""
        target = self.put(path.read_bytes(), folder, at=at, part="cur")
        path.unlink()
        return target


class FakeMemory:
    """Implements `Memory`.

    Attributes:
        learned_as: of each account and message, whether it is spam.
        lessons: what was learned, or taken back (`None`), in order, by subject.
        is_away: whether it answers.
        spam: messages that the site has learned as spam.
        ham: likewise as others.
    """

    def __init__(self) -> None:
        self.learned_as: dict[tuple[str, bytes], bool] = {}
        self.lessons: list[tuple[str, str, bool | None]] = []
        self.is_away = False
        self.spam = self.ham = 0
        self.before_learning: Callable[[], None] = lambda: None

    async def known(self, message: bytes, whose: str) -> bool | None:
        return self.learned_as.get((whose, message))

    async def learn(self, message: bytes, whose: str, *, is_spam: bool | None) -> bool:
        self.before_learning()
        if self.is_away:
            raise MemoryAway("no disk")
        if self.learned_as.get((whose, message)) is is_spam:
            return False
        if is_spam is None:
            del self.learned_as[whose, message]
        else:
            self.learned_as[whose, message] = is_spam
        subject = message.partition(b"Subject: ")[2].partition(b"\n")[0].decode()
        self.lessons.append((whose, subject, is_spam))
        return True

    async def learned(self) -> tuple[int, int]:
        return self.spam, self.ham


async def _filed_by_us(_: str, fields: Fields) -> bool:
    return is_junk(fields)


class Watched:
    """A watch over mailboxes, its clock, and what it says."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.time = float(START)
        self.path = folder / "moves.db"
        self.memory = FakeMemory()
        self.said: list[str] = []
        self.warned: list[str] = []

    def watching(self, **parts: object) -> Watch:
        """A process begins, perhaps again; it takes the parts that are not usual."""
        self.keeper = Keeper(self.path, file.MOVES, self.warned.append)
        return Watch(
            self.keeper,
            self.memory,
            Terms("both", FOLDERS),
            _filed_by_us,
            say=self.said.append,
            warn=self.warned.append,
            now=lambda: self.time,
            **parts,  # type: ignore[arg-type]
        )

    def read(self, question: Callable[[sqlite3.Connection], object]) -> object:
        """The answer of the file to a question."""
        connection = open_file(self.path, file.MOVES)
        try:
            return question(connection)
        finally:
            connection.close()
