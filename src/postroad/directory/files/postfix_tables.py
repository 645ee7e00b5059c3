"""What Postfix's tables say of accounts and aliases: `virtual`, `mailbox` and tables of domains.

Each of these is a list of tables, asked one after the other, as Postfix asks them. A table that
cannot answer makes the directory unavailable, for its silence would lose mail. The same goes for
what is new in a file that seems to be cut (`postroad.tables.extents`).

It knows no other file of the directory, and not who wins where two of them have a name: that is
`backend`. What an operator wrote is looked at before it is served, by `value_objection`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

from postroad.directory.files.alias_file import addresses_of
from postroad.directory.files.settings import FilesSettings
from postroad.directory.interface import Alias, DirectoryUnavailable, Place
from postroad.directory.names import login_form
from postroad.model import AddressError
from postroad.tables.extents import Extents
from postroad.tables.opening import file_of, keys_of
from postroad.tables.registry import Tables
from postroad.tables.source import Line, file_lines, read
from postroad.tables.table import TableMistake, TableUnavailable

__all__ = ["PostfixTables", "value_objection"]


class PostfixTables:
    """The tables of one directory; read at once, so that a long one holds up no session.

    Args:
        settings: which tables there are, and where mailboxes lie.
        home: the domain in which names without one live.
        local: the domains whose addresses a table may have as bare names; `home` is one.
        report: takes a line for the log that an operator should act on.
        inform: takes one that is only worth knowing.
        now: seconds of a clock that only goes on.
        wall: seconds since the epoch, as files have them.
        extents: what is known of files.
    """

    def __init__(
        self,
        settings: FilesSettings,
        home: str,
        local: frozenset[str],
        *,
        report: Callable[[str], None],
        inform: Callable[[str], None],
        now: Callable[[], float],
        wall: Callable[[], float],
        extents: Extents,
    ) -> None:
        self._settings = settings
        self._home = home
        self._local = local
        self._report = report
        self._reported = ""
        self._tables = Tables(
            report=report,
            inform=inform,
            judge=self._objection,
            now=now,
            wall=wall,
            extents=extents,
        )
        for table in (*settings.virtual, *settings.mailbox, *settings.domain_tables):
            with suppress(TableMistake):  # said when it is asked, and tried again
                self._tables.open([table])

    async def has_domain(self, domain: str) -> bool:
        """Whether a table of domains has one.

        Raises:
            DirectoryUnavailable: a table cannot answer; so for every question here.
        """
        return await self._first(self._settings.domain_tables, domain) is not None

    async def alias(self, source: str) -> Alias | None:
        """In `virtual`: the address, then the bare name where that is one (virtual(5))."""
        value = await self._first(self._settings.virtual, source)
        local, _, domain = source.rpartition("@")
        if value is None and domain in self._local:
            value = await self._first(self._settings.virtual, local, part=True)
        return None if value is None else self.targets(source, value)

    async def caught(self, source: str) -> Alias | None:
        """Where `virtual` sends what nobody else has of `@domain`, if that is an address."""
        value = await self._first(self._settings.virtual, source, part=True)
        if value is None or value.strip().startswith("@"):
            return None
        return self.targets(source, value)

    async def moved(self, domain: str) -> str:
        """Where `virtual` sends a whole domain, as `@domain`; empty if it does not."""
        value = await self._first(self._settings.virtual, f"@{domain}", part=True)
        return value.strip() if value is not None and value.strip().startswith("@") else ""

    def targets(self, source: str, value: str) -> Alias | None:
        """The addresses that are the value of an alias; `None` for none.

        Raises:
            DirectoryUnavailable: it holds something else.
        """
        try:
            targets = addresses_of(value, self._home)
        except AddressError as error:
            # What is in memory was looked at; this is of a database, or made by a pattern of what
            # somebody sent. Nothing can be said of it that would not lose mail.
            words = f"{source}: the alias {value[:80]!r} holds no address: {error}"
            self._say(words)
            raise DirectoryUnavailable(words) from error
        return Alias(tuple(dict.fromkeys(targets))) if targets else None

    async def place(self, name: str) -> Place | None:
        """Where `mailbox` says that an account's mail lies; `None` if it does not have it."""
        value = await self._first(self._settings.mailbox, name)
        if value is None:
            return None
        base = self._settings.mailbox_base
        return Place() if base is None else Place(mail=f"maildir:{base / value.lstrip('/')}")

    async def doubt(self, name: str) -> str:
        """Why an account of `mailbox` is not sure to be one still; or empty."""
        for table in self._settings.mailbox:
            fresh = self._tables.held(table)
            if fresh is None or await fresh.find(name) is not None:
                continue
            if await self._first((table,), name) is not None:
                return f"{table}: {name} is not in it any more, and it seems to be cut"
        return ""

    async def names(self) -> set[str] | None:
        """The accounts that `mailbox` has; `None` where a table of it cannot be listed."""
        names = set[str]()
        for table in self._settings.mailbox:
            try:
                keys = await asyncio.to_thread(keys_of, table)
            except TableMistake as mistake:
                raise DirectoryUnavailable(f"{table}: {mistake}") from mistake
            if keys is None:
                return None
            names |= {name for key in keys if (name := login_form(key)).find("@") > 0}
        return names

    def take_as_they_are(self) -> None:
        """See `ReadsFiles.take_as_they_are`."""
        self._tables.take_as_they_are()

    async def close(self) -> None:
        """Close the tables."""
        await self._tables.close()

    async def _first(self, tables: Sequence[str], key: str, *, part: bool = False) -> str | None:
        """The first value of a key; patterns are asked for whole addresses only."""
        for table in tables:
            try:
                self._tables.open([table])  # one that cannot be opened is no list of patterns
                if part and not self._tables.takes_parts(table):
                    continue
                value = await self._tables.find(table, key)
            except TableUnavailable as error:
                raise DirectoryUnavailable(str(error)) from error
            except TableMistake as mistake:
                self._say(f"{table}: {mistake}; it cannot answer")
                raise DirectoryUnavailable(f"{table}: {mistake}") from mistake
            if value is not None:
                return value
            held = self._tables.held(table)
            if held is not None and await held.find(key) is not None:
                raise DirectoryUnavailable(f"{table}: {key} is new in it, and it seems to be cut")
        return None

    def _say(self, words: str) -> None:
        """Once: the same words again are no news."""
        if words != self._reported:
            self._reported = words
            self._report(words)

    def _objection(self, name: str, values: frozenset[str] | None) -> str:
        """What speaks against the new content of a table."""
        return value_objection(self._settings, self._home, name, values)


def value_objection(
    settings: FilesSettings, default_domain: str, table: str, values: frozenset[str] | None
) -> str:
    """What is wrong with the values of a table, with file and line where it has them; or empty.

    Args:
        settings: which say what the table is for.
        default_domain: where names without a domain live.
        table: its name.
        values: all of them; `None` where they are not known.
    """
    mistake_in: Callable[[str], str]
    if table in settings.virtual:
        mistake_in = partial(_alias_mistake, default_domain)
    elif table in settings.mailbox and settings.mailbox_base is not None:
        mistake_in = _maildir_mistake
    else:
        return ""
    for value in sorted(values or ()):
        words = mistake_in(value)
        if words:
            path = file_of(table)
            return words if path is None else str(_placed(path, value, words))
    return ""


def _placed(path: Path, value: str, words: str) -> TableMistake:
    """A mistake at the line whose value is meant."""
    for line in _lines(path):
        if line.text.endswith(value):
            return line.mistake(words)
    return TableMistake(words, path=path)


def _lines(path: Path) -> Iterator[Line]:
    return file_lines(read(path)[0], path)


def _alias_mistake(domain: str, value: str) -> str:
    """Only of what is in memory: what a pattern puts together has values that nobody knows."""
    if value.strip().startswith("@"):
        value = f"x{value.strip()}"
    try:
        targets = addresses_of(value, domain)
    except AddressError as error:
        return f'"{value[:80]}" holds no address: {error}'
    return "" if targets else "an alias needs a target"


def _maildir_mistake(value: str) -> str:
    if not value.endswith("/"):
        return f'"{value[:80]}": expected a Maildir, with a slash at the end'
    return f'"{value[:80]}" leads out of mailbox_base' if ".." in value.split("/") else ""
