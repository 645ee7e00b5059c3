"""What lay in a folder for junk when it was last looked at, and what is different now.

Values only. A message is known by its unique name, which servers keep when they move it, as far as
they can; by its inode, which a hard link shares, and the usual move of IMAP servers is one; and by
size and digest of its beginning, which a copy shares. A snapshot is bounded: of a folder with more
messages the newest are kept, by the time that their names begin with, and what is older than these
is never looked at again (`floor`), so that old junk which comes into view as newer one is removed
does not seem to have just arrived.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import NamedTuple

from postroad.mailbox.looking import Entry, unique_key

__all__ = ["EMPTY", "FILED", "MOST_SEEN", "Difference", "Seen", "Snapshot", "compare"]

MOST_SEEN = 500
"""Messages of one folder: 14 KB of each account at most, for whoever never empties it."""

FILED = 0
"""In place of an inode: of a message that was not seen, but filed there by us."""

_HEAD = struct.Struct("<BQQ")
_SEEN = struct.Struct("<QQQI")
_VERSION = 1
_MOST_SIZE = 2**32 - 1


class Seen(NamedTuple):
    """A message in a snapshot.

    Attributes:
        key: of its unique name.
        inode: of its file.
        digest: of its beginning; 0: it was not read.
        size: octets; 0: nobody knows.
    """

    key: int
    inode: int
    digest: int = 0
    size: int = 0


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A folder as it was.

    Attributes:
        identity: of the folder itself; 0: there was none.
        floor: the time that a name has to begin with, at least, to be looked at.
        seen: its messages.
    """

    identity: int = 0
    floor: int = 0
    seen: tuple[Seen, ...] = ()

    def with_filed(self, keys: Iterable[int]) -> Snapshot:
        """The same with messages that went there, and may have gone again unseen.

        Args:
            keys: of their unique names.
        """
        return replace(self, seen=(*self.seen, *(Seen(key, FILED) for key in keys)))

    def pack(self) -> bytes:
        """As it is kept."""
        rows = (_SEEN.pack(*each[:3], min(each.size, _MOST_SIZE)) for each in self.seen)
        return b"".join((_HEAD.pack(_VERSION, self.identity, self.floor), *rows))

    @classmethod
    def unpack(cls, octets: bytes) -> Snapshot:
        """As it was kept; an empty one where that cannot be read."""
        if len(octets) < _HEAD.size or (len(octets) - _HEAD.size) % _SEEN.size:
            return EMPTY
        version, identity, floor = _HEAD.unpack_from(octets)
        if version != _VERSION:
            return EMPTY
        seen = tuple(map(Seen._make, _SEEN.iter_unpack(octets[_HEAD.size :])))
        return cls(identity, floor, seen)


EMPTY = Snapshot()


@dataclass(frozen=True, slots=True)
class Difference:
    """Between two looks at a folder.

    Attributes:
        arrived: messages that were not there, the oldest first.
        left: messages that are not there any more.
        stayed: messages that were there, as they are now.
        floor: see `Snapshot.floor`.
    """

    arrived: tuple[tuple[Entry, Seen], ...]
    left: tuple[Seen, ...]
    stayed: tuple[Seen, ...]
    floor: int


def compare(before: Snapshot, entries: Iterable[Entry], most: int = MOST_SEEN) -> Difference:
    """What has changed in a folder.

    Args:
        before: how it was.
        entries: what is there.
        most: messages that are kept in mind.
    """
    found = sorted(
        (each for each in entries if each.stamp >= before.floor), key=lambda each: each.stamp
    )
    sunk, newest = found[:-most], found[-most:]
    floor = newest[0].stamp if sunk else before.floor
    known = {each.key: each for each in before.seen}
    arrived, stayed = [], []
    for entry in newest:
        key = unique_key(entry.name)
        seen = known.pop(key, None)
        if seen is None or seen.inode == FILED:
            arrived.append((entry, Seen(key, entry.inode, 0, entry.size)))
        else:
            stayed.append(seen._replace(inode=entry.inode))
    if known:  # what others have pushed out of sight is still in the folder
        for entry in sunk:
            known.pop(unique_key(entry.name), None)
    return Difference(tuple(arrived), tuple(known.values()), tuple(stayed), floor)
