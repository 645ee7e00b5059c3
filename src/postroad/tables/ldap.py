"""`ldap:`, a directory of LDAP (ldap_table(5)), by the library bonsai, which is OpenLDAP's.

The key goes into the filter with everything escaped that a filter has a meaning for (RFC 4515 §3),
and into the base with what a name has a meaning for (RFC 4514 §2.4). The library's look-ups of
names and its connects block, so each search runs in a thread of the table's own, with the
library's own time limit; a server that hangs holds nobody up but those who ask it.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import bonsai

from postroad.tables.domains import in_domains
from postroad.tables.expansion import Expansion, Template, filled
from postroad.tables.kept import MOST, Gone, Kept
from postroad.tables.ldap_connection import LdapConnection, LdapDirectory, words_of
from postroad.tables.ldap_quoting import quoted_in_filter, quoted_in_name
from postroad.tables.table import Table, TableUnavailable

__all__ = ["LdapTable", "Search"]

_Answer = TypeVar("_Answer")

MAX_RESULTS = 1000
"""Values of one answer where `expansion_limit` sets no bound; an answer is a line of text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What is asked.

    Attributes:
        base: where in the tree.
        scope: `sub`, `one` or `base`.
        filter: which entries.
        attributes: which of their attributes are the answer.
        expansion: which keys it can be asked for, and the form of the result.
        limit: values of an answer; more make it unavailable. 0 for no limit of the operator's.
        entries: the same of entries, for the server.
    """

    base: Template
    scope: str
    filter: Template
    attributes: tuple[str, ...]
    expansion: Expansion
    limit: int
    entries: int


class LdapTable:
    """A table in a directory.

    Args:
        name: as the operator wrote it.
        search: what is asked.
        directory: who is asked.
        domains: a table whose keys are the domains that are asked for; `None` for all.
    """

    takes_parts = True

    def __init__(
        self, name: str, search: Search, directory: LdapDirectory, domains: Table | None = None
    ) -> None:
        self.name = name
        self._search = search
        self._directory = directory
        self._domains = domains
        self._threads: ThreadPoolExecutor | None = None
        self._kept: Kept[_Place] = Kept(self._dials, directory.bounds)

    async def find(self, key: str) -> str | None:
        """The values that the search finds, joined by commas.

        Raises:
            TableUnavailable: the directory cannot be asked, or says more than is allowed.
        """
        key = key.lower()
        search = self._search
        if not key.isprintable():
            # Surrogates, which stand for octets that are no UTF-8, are not printable either.
            raise TableUnavailable("the key is no text")
        if not search.expansion.takes(key) or not await in_domains(self._domains, key):
            return None
        base = filled(search.base, key, key, quoted_in_name)
        wanted = filled(search.filter, key, key, quoted_in_filter)
        most = search.limit or MAX_RESULTS
        values = await self._kept.ask(lambda place: place.ask(base, wanted, search))
        found = [each for value in values if (each := search.expansion.result(value, key))]
        if len(found) > most:
            raise TableUnavailable(f"more than {most} values for one key (expansion_limit)")
        return ",".join(found) or None

    def values(self) -> None:
        """Nobody knows."""

    async def close(self) -> None:
        """Hang up."""
        await self._kept.close()
        if self._threads is not None:
            self._threads.shutdown(wait=False)
            self._threads = None

    def _dials(self) -> Sequence[Callable[[], Awaitable[_Place]]]:
        return [partial(self._dial, url) for url in self._directory.urls]

    async def _dial(self, url: str) -> _Place:
        if self._threads is None:
            self._threads = ThreadPoolExecutor(MOST, thread_name_prefix="ldap")
        place = _Place(LdapConnection(url, self._directory), self._threads)
        try:
            await place.open()
        except Gone as error:
            raise Gone(f"no connection to {url}: {error}") from error
        except asyncio.CancelledError:
            await place.close()
            raise
        return place


class _Place:
    """A connection; what is done with it is done in a thread, one thing at a time."""

    def __init__(self, connection: LdapConnection, threads: ThreadPoolExecutor) -> None:
        self._connection = connection
        self._threads = threads

    async def open(self) -> None:
        await self._in_thread(self._connection.open)

    async def ask(self, base: str, wanted: str, search: Search) -> list[str]:
        return await self._in_thread(partial(self._ask, base, wanted, search))

    async def close(self) -> None:
        # Behind a search that goes on although nobody waits for it any more.
        try:
            self._threads.submit(self._connection.close)
        except RuntimeError:  # the table was closed while this connection was in use
            threading.Thread(target=self._connection.close, name="ldap").start()

    async def _in_thread(self, work: Callable[[], _Answer]) -> _Answer:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        except (bonsai.errors.ConnectionError, bonsai.errors.TimeoutError, OSError) as error:
            raise Gone(words_of(error)) from error
        except bonsai.errors.ClosedConnection as error:
            raise Gone(words_of(error)) from error
        except (bonsai.LDAPError, ValueError) as error:
            raise TableUnavailable(f"search failed: {words_of(error)}") from error

    def _ask(self, base: str, wanted: str, search: Search) -> list[str]:
        # There may be no such branch, where the base depends on the key.
        entries = self._connection.search(
            base, search.scope, wanted, search.attributes, search.entries
        )
        return [
            _shown(value)
            for entry in entries
            for attribute in search.attributes
            for value in entry.get(attribute, [])
        ]


def _shown(value: object) -> str:
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError as error:
            raise TableUnavailable("a value is not UTF-8") from error
    return str(value)
