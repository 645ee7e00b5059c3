"""Counters that all workers share: how often in the last minutes, and how many at once.

Theory of operation. One block of anonymous memory is made before the fork and shared by all
workers. It holds a table for each worker, and only that worker writes there; to answer, a worker
reads the tables of all and adds up. With one writer there is no lock to take, to wait for, or to
be killed with: a worker that dies by SIGKILL leaves at worst one entry half written, whose number
is wrong until its window has passed.

A worker has one such table for each `Shelf`, because keys that strangers can invent without end, or
that stay for a month, would take the places of those that tell who is guessing. The system provides
only what is used of them.

A table is a fixed number of sets of `WAYS` entries; a key belongs into one set. When a set is
full, the entry that expires first makes room, so memory is bounded whatever clients do: an attack
from very many addresses makes the counts of the oldest of them start again, and costs no more.
Keys are hashed together with what is counted, under a secret of this start of the server: nobody
outside can choose addresses that meet in one set.

A window is counted in two buckets, this one and the one before, which weighs as much as the
sliding window still covers of it. The sum is exact for steady clients and never more than one
bucket off. Buckets are numbered from the epoch in windows, so the length of a window is part of its
key: after a reload that changed it, counting starts again. Holders (sessions) are whole numbers
that do not expire; what a dead worker held is given back when it is buried, and before its
successor begins.

A reader may meet an entry that its owner is changing. Entries are copied whole, in and out, never
written field by field (`Struct.pack_into` would clear them first); the reader copies one until it
looks the same twice. An owner that replaces a key takes it away first and puts the new one in last,
and the reader looks at the key before and after.

This module knows neither clients nor limits, and no clock: time is an argument.
"""

from __future__ import annotations

import mmap
import secrets
from dataclasses import dataclass, field
from enum import Enum
from hashlib import blake2b
from struct import Struct
from typing import Protocol

__all__ = ["ENTRIES", "CounterMemory", "Counters", "SharedCounters", "Shelf", "Window"]

WAYS = 16
SETS = 4096
ENTRIES = SETS * WAYS
"""Keys that one worker counts at a time: 65,536. A client has about five (its address and its
network, connections, sessions and failures), so some 13,000 clients of the last two windows fit."""

_TAGS = Struct(f"<{WAYS}Q")
_TAG = Struct("<Q")
_ENTRY = Struct("<IIii")  # expires (epoch, seconds), bucket, current count, count of the one before
_FREE = bytes(_TAG.size)
_ZERO = bytes(_ENTRY.size)
_ALL_ENTRIES = Struct("<" + "IIii" * WAYS)
_SET_SIZE = _TAGS.size + _ALL_ENTRIES.size
TABLE_SIZE = SETS * _SET_SIZE
"""Octets of a table: 1.5 MiB, of which the system provides what is used."""

_NEVER = 0xFFFF_FFFF
_MOST = 0x7FFF_FFFF  # what an entry can hold; a count stops there


class Shelf(Enum):
    """What is counted in tables of its own; the value is its place in the block."""

    LIMITS = 0
    """Our own limits, sessions and failed logins: windows of an hour or so."""
    STRANGERS = 1
    """The operator's rates by what strangers choose: addresses, senders."""
    USERS = 2
    """The operator's rates by user, and what accounts do."""


@dataclass(frozen=True, slots=True)
class Window:
    """What is counted, and over what time.

    Attributes:
        kind: names it; counts of different kinds never meet.
        seconds: the length of the sliding window, more than 0. Counts of different lengths never
            meet either.
        name: both, in one text.
    """

    kind: str
    seconds: float
    name: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # Once for each window and not at each count, which takes a microsecond or two.
        object.__setattr__(self, "name", f"{self.kind}\0{float(self.seconds)}")


class Counters(Protocol):
    """Counts that hold across workers. Synchronous, microseconds."""

    def add(
        self, window: Window, key: str, now: float, amount: int = 1, *, since: float | None = None
    ) -> int:
        """Count something, and return the count in the window that ends now.

        Args:
            window: what, and over what time.
            key: whose: an address, a network, a user.
            now: seconds since the epoch.
            amount: how many; a negative number takes back what was counted.
            since: when that was counted, if not just now: it is taken back only as far as it is
                still in the window.
        """
        ...

    def count(self, window: Window, key: str, now: float) -> int:
        """The count in the window that ends now."""
        ...

    def enter(self, kind: str, key: str) -> int:
        """Hold one more of a kind, and return how many are held, by all workers."""
        ...

    def leave(self, kind: str, key: str) -> None:
        """Give back what `enter` took."""
        ...


class CounterMemory:
    """The shared block. Make it before the fork."""

    def __init__(self, workers: int) -> None:
        """A block of zeros.

        Args:
            workers: how many there are; each has tables of its own.

        Raises:
            OSError: there is not so much memory.
        """
        self.workers = workers
        size = len(Shelf) * workers * TABLE_SIZE
        self.octets = mmap.mmap(-1, size)  # anonymous and shared (MAP_SHARED)
        self.secret = secrets.token_bytes(16)

    def give_back(self, worker: int) -> None:
        """Forget what a worker held; for one that is dead, or has not begun. Windows stay.

        Only on the first shelf is anything held.
        """
        octets = self.octets
        for base in range(worker * TABLE_SIZE, (worker + 1) * TABLE_SIZE, _SET_SIZE):
            expiries = _ALL_ENTRIES.unpack_from(octets, base + _TAGS.size)[::4]
            if _NEVER in expiries:
                for way, expires in enumerate(expiries):
                    if expires == _NEVER:
                        octets[_tag(base, way)] = _FREE
                        octets[_entry(base, way)] = _ZERO

    def close(self) -> None:
        """Give the memory back to the system, as far as this process is concerned."""
        self.octets.close()


class SharedCounters:
    """Implements `Counters` for one worker over the block of all."""

    __slots__ = ("_base", "_octets", "_others", "_secret")

    def __init__(self, memory: CounterMemory, worker: int, shelf: Shelf = Shelf.LIMITS) -> None:
        """The counters as one worker writes them; what its predecessor held is given back.

        Args:
            memory: the shared block.
            worker: its number, from 0.
            shelf: which of its tables.
        """
        if shelf is Shelf.LIMITS:
            memory.give_back(worker)
        self._octets = memory.octets
        self._secret = memory.secret
        start = shelf.value * memory.workers * TABLE_SIZE
        self._base = start + worker * TABLE_SIZE
        tables = range(start, start + memory.workers * TABLE_SIZE, TABLE_SIZE)
        self._others = tuple(base for base in tables if base != self._base)

    def add(
        self, window: Window, key: str, now: float, amount: int = 1, *, since: float | None = None
    ) -> int:
        """See `Counters.add`."""
        offset, tag = self._place(window.name, key)
        age = now / window.seconds
        bucket = int(age)
        base = self._base + offset
        way = self._find(base, tag)
        if way is None:
            way = self._claim(base, tag)
        current = previous = 0
        if way is not None:
            current, previous = self._own_buckets(base, way, bucket)
            if amount > 0:  # what was taken back late may be more than is left of what was counted
                current += max(0, -self._raw(offset, tag, age, current, previous))
            past = 0 if since is None else bucket - int(since / window.seconds)
            if past <= 0:
                current = max(-_MOST, min(current + amount, _MOST))
            elif past == 1:
                previous = max(-_MOST, min(previous + amount, _MOST))
            expires = min(int((bucket + 2) * window.seconds) + 1, _NEVER - 1)
            entry = _ENTRY.pack(expires, bucket, current, previous)
            self._octets[_entry(base, way)] = entry
        return self._weighed(offset, tag, age, current, previous)

    def count(self, window: Window, key: str, now: float) -> int:
        """See `Counters.count`."""
        offset, tag = self._place(window.name, key)
        age = now / window.seconds
        base = self._base + offset
        way = self._find(base, tag)
        own = (0, 0) if way is None else self._own_buckets(base, way, int(age))
        return self._weighed(offset, tag, age, *own)

    def enter(self, kind: str, key: str) -> int:
        """See `Counters.enter`. In a set full of holders one more is not counted."""
        offset, tag = self._place(kind, key)
        base = self._base + offset
        way = self._find(base, tag)
        held = 0
        if way is None:
            way = self._claim(base, tag)
        else:
            held = self._held(base, way)
        if way is not None:
            held += 1
            self._octets[_entry(base, way)] = _ENTRY.pack(_NEVER, 0, held, 0)
        for table in self._others:
            entry = self._foreign(table + offset, tag)
            if entry is not None:
                held += entry[2]
        return held

    def leave(self, kind: str, key: str) -> None:
        """See `Counters.leave`. The last one frees the entry."""
        offset, tag = self._place(kind, key)
        base = self._base + offset
        way = self._find(base, tag)
        if way is None:
            return
        held = self._held(base, way) - 1
        if held <= 0:
            self._octets[_tag(base, way)] = _FREE
            self._octets[_entry(base, way)] = _ZERO
        else:
            self._octets[_entry(base, way)] = _ENTRY.pack(_NEVER, 0, held, 0)

    # Inside ------------------------------------------------------------------------------------

    def _place(self, kind: str, key: str) -> tuple[int, int]:
        """Where in each table the key's set is, and its tag there, which is never 0."""
        text = f"{kind}\0{key}".encode("utf-8", "surrogatepass")
        number = int.from_bytes(blake2b(text, digest_size=12, key=self._secret).digest(), "little")
        return (number >> 64) % SETS * _SET_SIZE, number & 0xFFFF_FFFF_FFFF_FFFF or 1

    def _find(self, base: int, tag: int) -> int | None:
        tags = _TAGS.unpack_from(self._octets, base)
        return tags.index(tag) if tag in tags else None

    def _foreign(self, base: int, tag: int) -> tuple[int, int, int, int] | None:
        """What another worker's table has of a key, though it may be changing."""
        way = self._find(base, tag)
        if way is None:
            return None
        octets, place = self._octets, _entry(base, way)
        seen = octets[place]
        while (again := octets[place]) != seen:  # changed in these 100 ns: not for long
            seen = again
        if octets[_tag(base, way)] != _TAG.pack(tag):
            return None
        expires, bucket, current, previous = _ENTRY.unpack(seen)
        return expires, bucket, current, previous

    def _claim(self, base: int, tag: int) -> int | None:
        """An entry of zeros for a new key, in place of what expires first."""
        octets = self._octets
        way = self._find(base, 0)
        if way is None:
            expiries = _ALL_ENTRIES.unpack_from(octets, base + _TAGS.size)[::4]
            first = min(expiries)
            if first == _NEVER:
                return None
            way = expiries.index(first)
        octets[_tag(base, way)] = _FREE
        octets[_entry(base, way)] = _ZERO
        octets[_tag(base, way)] = _TAG.pack(tag)
        return way

    def _own_buckets(self, base: int, way: int, bucket: int) -> tuple[int, int]:
        _, written, current, previous = _ENTRY.unpack(self._octets[_entry(base, way)])
        return _buckets(written, current, previous, bucket)

    def _held(self, base: int, way: int) -> int:
        return int(_ENTRY.unpack(self._octets[_entry(base, way)])[2])

    def _weighed(self, offset: int, tag: int, age: float, current: int, previous: int) -> int:
        return max(0, self._raw(offset, tag, age, current, previous))

    def _raw(self, offset: int, tag: int, age: float, current: int, previous: int) -> int:
        """Our buckets and everybody else's, the earlier one by how much of it is still covered."""
        bucket = int(age)
        for table in self._others:
            entry = self._foreign(table + offset, tag)
            if entry is not None:
                _, written, theirs, before = entry
                theirs, before = _buckets(written, theirs, before, bucket)
                current += theirs
                previous += before
        return round(current + previous * (1 - (age - bucket)))


def _tag(base: int, way: int) -> slice:
    start = base + way * _TAG.size
    return slice(start, start + _TAG.size)


def _entry(base: int, way: int) -> slice:
    start = base + _TAGS.size + way * _ENTRY.size
    return slice(start, start + _ENTRY.size)


def _buckets(written: int, current: int, previous: int, bucket: int) -> tuple[int, int]:
    """An entry's counts for a bucket and the one before.

    After the clock was set back, the entry is ahead of it: its counts are taken as they are.
    """
    if written >= bucket:
        return current, previous
    return (0, current) if written == bucket - 1 else (0, 0)
