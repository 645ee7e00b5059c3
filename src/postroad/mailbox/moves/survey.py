"""A look at an account's folders: what was moved into the folder for junk, and out of it.

Theory of operation
-------------------
Most looks are two questions to the file system, when the folder for junk was changed last
(`Survey.stamp`): if that is as it was, nothing was moved in or out. Else its names are compared
with those of the last look. What is new there arrived: filed by us, or moved by the user; its own
header tells which, and that is looked at by who learns. What is not there any more was removed, or
moved; only then are the names in the account's other folders read, and those that are found were
moved. What went to the trash is not called good by that. A folder in place of another one (a
restored backup, a renamed folder) is taken as it is, and nothing of it is a move.

At the first look everything is new. What was written before the account was known to us is left as
it is then: users who want old mail learned can say so (`postroad spam learn`).

All of it blocks. Nothing is written, links are not followed (`mailbox.looking`). It runs in a
worker, or as the owner of the mail in an agent (`mailbox.agent`), and knows nothing of who asks.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

from postroad.mailbox.folder import FolderName, folder_path
from postroad.mailbox.location import Whereabouts
from postroad.mailbox.looking import Beginning, Entry, FolderView, opened, unique_key
from postroad.mailbox.moves.snapshot import FILED, Difference, Seen, Snapshot, compare
from postroad.mailbox.moves.stamp import MOST_ENTRIES, NO_FOLDER, in_other_letters, stamp_of
from postroad.mailbox.scan import all_folders

__all__ = ["Folders", "Move", "Past", "Survey", "digest_of", "read", "survey"]

MOST_MOVES = 20
"""Messages of an account that are read at one look; the others wait for the next one."""

MOST_COMPARED = 20
"""Messages that are read to see whether they are copies of one that is gone."""

MOST_DIGESTED = 65_536
"""Octets by which a message is told from others of the same size."""

MARGIN = 60.0
"""Seconds by which clocks of programs that give names may differ from ours."""


@dataclass(frozen=True, slots=True)
class Past:
    """What is known of an account from before.

    Attributes:
        snapshot: its folder for junk, at the last look.
        since: when we first delivered to it, seconds since the epoch.
        looked: when it was last looked at closely, likewise; 0: never.
    """

    snapshot: Snapshot
    since: float
    looked: float = 0.0


@dataclass(frozen=True, slots=True)
class Folders:
    """Which folders mean something.

    Attributes:
        junk: where junk goes.
        trash: what is moved there is not called good.
    """

    junk: FolderName
    trash: tuple[FolderName, ...] = ()


@dataclass(frozen=True, slots=True)
class Move:
    """A message that arrived in the folder for junk, or left it for another one.

    Attributes:
        folder: where it is now.
        entry: which it is there.
        seen: as it is kept in mind.
        into_junk: whether it arrived there.
    """

    folder: Path
    entry: Entry
    seen: Seen
    into_junk: bool


@dataclass(frozen=True, slots=True)
class Survey:
    """What a look came to.

    Attributes:
        moves: messages to be looked at; at most `MOST_MOVES`.
        base: what is to be kept in mind, without those that arrived and with those that left.
        is_complete: whether there are no more moves than these.
        stamp: what it is known by that nothing has changed since.
    """

    moves: tuple[Move, ...]
    base: Snapshot
    is_complete: bool
    stamp: str


def survey(where: Whereabouts, folders: Folders, past: Past, now: float) -> Survey:
    """Look at an account's mail; blocks.

    Args:
        where: the account's mail.
        folders: which.
        past: what it was like.
        now: seconds since the epoch.

    Raises:
        UnsafeName: a link leads out of the folders that mail may be in.
        OSError: it cannot be looked at.
    """
    where.confine()
    before = past.snapshot
    stamp = stamp_of(where, folders.junk, now)
    if stamp == NO_FOLDER:
        return Survey((), Snapshot(0, before.floor), is_complete=True, stamp=stamp)
    path = folder_path(where, folders.junk)
    if not path.exists():
        path = in_other_letters(where, folders.junk) or path
    with opened(where, path) as view:
        difference = compare(before, view.entries(MOST_ENTRIES))
        if before.identity not in (0, view.identity):
            return _started_anew(view, difference, stamp)
        arrived: tuple[tuple[Entry, Seen], ...] = difference.arrived
        old: tuple[Seen, ...] = ()
        if not past.looked:
            arrived, old = _divided(view, arrived, past.since)
        into = [Move(path, entry, seen, into_junk=True) for entry, seen in arrived]
        base = Snapshot(view.identity, difference.floor, (*difference.stayed, *old))
    moved: list[Move] = []
    if difference.left:
        moved.extend(_found(where, folders, path, difference.left, past.looked))
    kept = {move.seen.key for move in moved}
    base = Snapshot(
        base.identity,
        base.floor,
        (*base.seen, *(each for each in difference.left if each.key in kept)),
    )
    moves = (*moved, *into)
    return Survey(moves[:MOST_MOVES], base, len(moves) <= MOST_MOVES, stamp)


def read(where: Whereabouts, move: Move, most: int) -> Beginning | None:
    """The message of a move; `None`: it is gone by now, or cannot be read. Blocks.

    Args:
        where: the account's mail.
        move: which.
        most: octets of it.
    """
    try:
        with opened(where, move.folder) as view:
            return view.read(move.entry, most)
    except OSError:
        return None


def digest_of(octets: bytes) -> int:
    """A number for the beginning of a message."""
    beginning = octets[:MOST_DIGESTED]
    return int.from_bytes(blake2b(beginning, digest_size=8).digest(), "little")


def _started_anew(view: FolderView, difference: Difference, stamp: str) -> Survey:
    """Of another folder than before: all that is there was there."""
    seen = (*difference.stayed, *(seen for _, seen in difference.arrived))
    base = Snapshot(view.identity, difference.floor, seen)
    return Survey((), base, is_complete=True, stamp=stamp)


def _divided(
    view: FolderView, arrived: Iterable[tuple[Entry, Seen]], since: float
) -> tuple[tuple[tuple[Entry, Seen], ...], tuple[Seen, ...]]:
    """What came since the account is known to us, and what was there before."""
    new: list[tuple[Entry, Seen]] = []
    old: list[Seen] = []
    for entry, seen in arrived:
        beginning = _beginning(view, entry, 0)
        if beginning is not None and beginning.changed >= since - MARGIN:
            new.append((entry, seen))
        else:
            old.append(seen)
    return tuple(new), tuple(old)


def _found(
    where: Whereabouts, folders: Folders, junk: Path, left: Sequence[Seen], looked: float
) -> Iterator[Move]:
    """Messages that left the folder for junk, where they are now; trash is no place for them."""
    search = _Search(left, looked)
    missing = {each.key: each for each in left}
    budget = MOST_ENTRIES
    trash = tuple(map(str, (folder_path(where, each) for each in folders.trash)))
    for folder in all_folders(where):
        if not missing or budget <= 0:
            return
        if _is_within(where, folder, (str(junk),)):
            continue
        is_trash = _is_within(where, folder, trash)
        try:
            with opened(where, folder) as view:
                for entry in view.entries(budget):
                    budget -= 1
                    seen = search.match(view, entry)
                    if seen is None or missing.pop(seen.key, None) is None:
                        continue
                    if not is_trash:
                        yield Move(folder, entry, seen, into_junk=False)
        except OSError:
            continue  # a folder that cannot be read has nothing to say


class _Search:
    """Tells messages again that are gone from one folder, in others."""

    def __init__(self, left: Sequence[Seen], looked: float) -> None:
        self._looked = looked
        self._by_key: Mapping[int, Seen] = {each.key: each for each in left}
        self._by_inode: Mapping[int, Seen] = {each.inode: each for each in left}
        self._by_digest: Mapping[int, Seen] = {each.digest: each for each in left if each.digest}
        self._sizes = {0, *(each.size for each in left if each.digest)}
        self._compared = 0

    def match(self, view: FolderView, entry: Entry) -> Seen | None:
        """Which of them a message is."""
        seen = self._by_inode.get(entry.inode)
        if seen is not None and self._is_link(view, entry, seen):
            return seen
        seen = self._by_key.get(unique_key(entry.name))
        if seen is not None and self._is_named(view, entry, seen):
            return seen
        return self._copied(view, entry)

    def _is_named(self, view: FolderView, entry: Entry, seen: Seen) -> bool:
        """Whether it is what its name says: somebody may give a message the name of another one.

        Where mail is its owner's, who asks for moves must not be handed what was never in the
        folder for junk. Of what we filed there ourselves, and have not seen yet, only the name is
        known; that is so of the server's own mail alone.
        """
        if seen.inode == FILED:
            return True
        if not seen.digest:
            return entry.inode == seen.inode
        beginning = _beginning(view, entry, MOST_DIGESTED)
        return beginning is not None and digest_of(beginning.octets) == seen.digest

    def _is_link(self, view: FolderView, entry: Entry, seen: Seen) -> bool:
        """Whether it is the same file: numbers of inodes are used again for later ones."""
        if seen.key == unique_key(entry.name):
            return True
        beginning = _beginning(view, entry, MOST_DIGESTED)
        if beginning is None:
            return False
        if seen.digest:
            return digest_of(beginning.octets) == seen.digest
        return beginning.changed < self._looked

    def _copied(self, view: FolderView, entry: Entry) -> Seen | None:
        """Which of them a new file has the content of."""
        if entry.size not in self._sizes or entry.stamp < self._looked - MARGIN:
            return None
        if not self._by_digest or self._compared >= MOST_COMPARED:
            return None
        self._compared += 1
        beginning = _beginning(view, entry, MOST_DIGESTED)
        if beginning is None:
            return None
        seen = self._by_digest.get(digest_of(beginning.octets))
        return seen if seen is not None and seen.size == beginning.size else None


def _beginning(view: FolderView, entry: Entry, most: int) -> Beginning | None:
    try:
        return view.read(entry, most)
    except OSError:
        return None


def _is_within(where: Whereabouts, folder: Path, tops: Iterable[str]) -> bool:
    """Whether a folder is one of some, or in one, whatever the case of its letters."""
    separator = os.sep if where.nested else "."
    path = str(folder).casefold()
    folded = [each.casefold() for each in tops]
    return path in folded or any(path.startswith(f"{each}{separator}") for each in folded)
