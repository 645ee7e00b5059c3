"""The tables of a worker, each opened once.

Policies name tables by text. Here the text becomes the table, and parts of a table (those of a
union, the domains of a query) are shared with whoever names them too. Before a table is opened, and
before a file's new content is taken, a judge may object, for a table can decide who relays: it is
asked for the table itself and for every table that it is a part of, with the answers that each
could give from then on.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable

from postroad.tables.extents import Extents
from postroad.tables.opening import file_of, open_table, read_table
from postroad.tables.shrinking import Shrinking
from postroad.tables.source import looks
from postroad.tables.table import Table, TableMistake, TableUnavailable, ignore
from postroad.tables.watched import LOOK_EVERY, Watched

__all__ = ["Judge", "Tables"]

COMPLAIN_EVERY = 60.0
"""Seconds between two reports of one table that cannot answer."""

Judge = Callable[[str, frozenset[str] | None], str]
"""Says why a table must not have these values; empty if it may. `None` is any value."""


def _no_objection(name: str, values: frozenset[str] | None) -> str:  # noqa: ARG001 - whatever it is
    return ""


class Tables:
    """The registry; belongs to a worker's event loop.

    Args:
        report: takes a line for the log that an operator should act on.
        inform: takes one that is only worth knowing.
        judge: may object to a table, or to the new content of its file.
        now: seconds of a clock that only goes on.
        wall: seconds since the epoch, as files have them.
        extents: what is known of files, so that one that looks as if it was cut is left as it was
            (`shrinking`): for tables whose missing entries return mail for good. `None`: each
            content is taken.
    """

    def __init__(
        self,
        *,
        report: Callable[[str], None],
        inform: Callable[[str], None] = ignore,
        judge: Judge = _no_objection,
        now: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        extents: Extents | None = None,
    ) -> None:
        self._report = report
        self._inform = inform
        self._judge = judge
        self._now = now
        self._wall = wall
        self._extents = extents
        self._tables: dict[str, Table] = {}
        self._parts: dict[str, set[str]] = {}  # names of tables that each one was made of
        self._broken: dict[str, tuple[float, TableMistake]] = {}
        self._silent_until: dict[str, float] = {}
        self._closing: set[asyncio.Task[None]] = set()

    def open(self, names: Iterable[str]) -> None:
        """Open those that are not open yet.

        Raises:
            TableMistake: one cannot be used; those before it stay open.
        """
        for name in names:
            self._table(name)

    def replace(self, names: Iterable[str]) -> None:
        """Keep these and what they are made of, and close all others.

        New ones are opened. One that cannot be is reported, and is unavailable to who asks it.
        Files of the others are looked at again, also where their content was not taken before.
        """
        wanted: set[str] = set()
        self._broken.clear()
        for known in self._tables.values():
            if isinstance(known, Watched):
                known.look_again()
        for name in names:
            try:
                self._table(name)
                wanted |= self._within(name)
            except TableMistake as mistake:
                self._report(f"{name}: {mistake}")
        for name in [each for each in self._tables if each not in wanted]:
            self._parts.pop(name, None)
            task = asyncio.ensure_future(self._tables.pop(name).close())
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)

    def take_as_they_are(self) -> None:
        """Take the files as they are now, also those that seem to be cut."""
        for name in {*self._tables, *self._broken}:
            known, path = self._tables.get(name), file_of(name)
            if isinstance(known, Watched):
                known.take_as_it_is()
            elif path is not None and self._extents is not None:
                Shrinking(name, self._extents).trust([looks(path)])
        self._broken.clear()

    def held(self, table: str) -> Table | None:
        """What the file of a table says now, where that seems to be cut and is not taken."""
        known = self._tables.get(table)
        return known.held if isinstance(known, Watched) else None

    async def find(self, table: str, key: str) -> str | None:
        """The value of a key in a table; one that is not open yet is opened.

        Raises:
            TableUnavailable: it cannot be known now; the text names the table, and was reported
                unless the table's last one was, less than a minute ago.
        """
        try:
            return await self._table(table).find(key)
        except (TableUnavailable, TableMistake) as error:
            words = f"{table}: {error}"
            self._complain(table, words)
            raise TableUnavailable(words) from error

    def takes_parts(self, table: str) -> bool:
        """Whether parts of an address may be looked up; `False` where the table cannot be opened.

        Whoever then asks for the whole address learns why.
        """
        try:
            return self._table(table).takes_parts
        except TableMistake:
            return False

    def values(self, table: str) -> frozenset[str] | None:
        """Every value that a table can answer with; `None` where that cannot be known."""
        try:
            return self._table(table).values()
        except TableMistake:
            return None

    def values_now(self, table: str) -> frozenset[str] | None:
        """The same, but a table that is not open yet answers nobody; for a judge to ask."""
        known = self._tables.get(table)
        return frozenset() if known is None else known.values()

    async def close(self) -> None:
        """Close all."""
        while self._tables:
            await self._tables.popitem()[1].close()
        if self._closing:
            await asyncio.wait(self._closing)

    def _table(self, name: str) -> Table:
        known = self._tables.get(name)
        if known is None:
            self._refuse_again(name)
            try:
                known = self._admitted(name)
            except TableMistake as mistake:
                self._broken[name] = (self._now() + LOOK_EVERY, mistake)
                raise
        return known

    def _complain(self, table: str, words: str) -> None:
        """A database that is down is news once a minute, not with every message."""
        now = self._now()
        if now >= self._silent_until.get(table, now):
            self._silent_until[table] = now + COMPLAIN_EVERY
            self._report(words)

    def _refuse_again(self, name: str) -> None:
        """What could not be opened is not tried again for a while: it may be a large file."""
        until, mistake = self._broken.get(name, (0.0, None))
        if mistake is not None and self._now() < until:
            raise mistake

    def _admitted(self, name: str) -> Table:
        """Opened, unless the judge objects."""
        table = self._tables[name] = self._opened(name)
        objection = self._judge(name, table.values())
        if objection:
            del self._tables[name]
            raise TableMistake(objection)
        return table

    def _opened(self, name: str) -> Table:
        def part(inner: str) -> Table:
            self._parts.setdefault(name, set()).add(inner)
            return self._table(inner)

        path = file_of(name)
        if path is None:
            return open_table(name, self._report, part)
        return Watched(
            name,
            path,
            lambda text: read_table(name, path, text, self._report, part),
            take=lambda old, fresh, put: self._take(name, old, fresh, put),
            report=self._report,
            inform=self._inform,
            now=self._now,
            wall=self._wall,
            shrinking=None if self._extents is None else Shrinking(name, self._extents),
        )

    def _take(self, name: str, old: Table, fresh: Table, put: Callable[[Table], None]) -> str:
        """Let a fresh table take an old one's place, unless the judge objects.

        It is put there first, since only then the tables that are made of it can say what they
        could answer. Nobody is asked anything in between, for nothing is awaited.
        """
        put(fresh)
        if old.values() == fresh.values() is not None:
            return ""
        touched = [each for each in self._tables if name in self._within(each)]
        objections = (self._judge(each, self._tables[each].values()) for each in touched)
        objection = next(filter(None, objections), "")
        if objection:
            put(old)
        return objection

    def _within(self, name: str) -> set[str]:
        """A table and everything that it is made of, also the table of its `domain`."""
        return {name}.union(*(self._within(inner) for inner in self._parts.get(name, ())))
