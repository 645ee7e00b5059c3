"""Searches and logins in an LDAP directory, by the library bonsai, which is OpenLDAP's.

The library blocks where it looks up names and connects, so each question runs in a thread of the
backend's own, with the library's time limit; a server that hangs holds nobody up but those who ask
it. Searches share kept connections. A password is checked on a connection of its own, which is
then anybody's and is closed: RFC 4511 §4.2.1 lets a connection change its name, but one that kept
the wrong name would answer with the wrong rights.

It knows entries and names, and nothing of accounts. Only who asks LDAP imports it.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import TypeVar

import bonsai

from postroad.directory.interface import DirectoryUnavailable
from postroad.directory.names import is_text
from postroad.tables.kept import Gone, Kept
from postroad.tables.ldap_connection import (
    LdapConnection,
    LdapDirectory,
    client_of,
    words_of,
)
from postroad.tables.table import TableUnavailable

__all__ = ["Entry", "LdapTree"]

Entry = Mapping[str, tuple[str, ...]]
"""An entry's attributes with their values, as text, by their names in lower case."""

MOST_ENTRIES = 1000
"""Entries of one answer; more make it no answer. An alias with more targets is a mailing list."""

MOST_VALUES = 50_000
"""Values of one attribute; to look through as many holds up the rest for a tenth of a second."""

_NOT_LET_IN = (
    bonsai.errors.AuthenticationError,  # 49, and what OpenLDAP says of a name that is not there
    bonsai.errors.NoSuchObjectError,
    bonsai.errors.InvalidDN,
    bonsai.errors.UnwillingToPerform,  # 53: the account must not be used
    bonsai.errors.PasswordPolicyError,
)
"""What says that name and password do not fit (RFC 4511 §4.2.2). All else says nothing of them."""

_ANY = "(objectClass=*)"

_NO_ATTRIBUTE = ("1.1",)
"""Asks for entries alone (RFC 4511 §4.5.1.8)."""

_INAPPROPRIATE = 48
"""The entry has no password at all (RFC 4511 appendix A.2, inappropriateAuthentication)."""

_Answer = TypeVar("_Answer")


class LdapTree:
    """A directory.

    Args:
        directory: its servers, and how they are spoken to.
        connections: how many questions are under way at most; threads.
    """

    def __init__(self, directory: LdapDirectory, connections: int) -> None:
        self._directory = directory
        self._threads = ThreadPoolExecutor(connections, thread_name_prefix="ldap")
        self._kept: Kept[_Place] = Kept(self._dials, directory.bounds)

    async def search(
        self,
        base: str,
        scope: str,
        wanted: str,
        attributes: Sequence[str],
        *,
        may_lack: bool = False,
    ) -> list[Entry]:
        """The entries that a filter finds.

        Args:
            base: where, a name with every value in it quoted.
            scope: `sub`, `one` or `base`.
            wanted: the filter, likewise.
            attributes: what is read of them.
            may_lack: whether a base that is not there holds no entries, for it depends on the name
                that is asked about. One that is always the same is there: where a server shows
                none (RFC 4511 appendix A.2, noSuchObject), it is not filled yet, or hides it.

        Raises:
            DirectoryUnavailable: there is no answer.
        """

        def asking(each: _Place) -> Awaitable[list[Entry] | None]:
            return each.search(base, scope, wanted, attributes, may_lack=may_lack)

        try:
            found = await self._kept.ask(asking)
        except TableUnavailable as error:
            raise DirectoryUnavailable(str(error)) from error
        if found is None and not may_lack:
            raise DirectoryUnavailable(f"there is no {base} there, or it is hidden from its reader")
        return found or []

    async def lets_in(self, name: str, password: str) -> bool:
        """Whether the password is the one of that name.

        An empty one is nobody's: RFC 4513 §5.1.2 has servers let it in as somebody unknown.

        Args:
            name: distinguished, with every value in it quoted.
            password: as the client sent it.

        Raises:
            DirectoryUnavailable: it cannot be said.
        """
        if not name or not password or "\0" in password or not is_text(password):
            return False
        said = ""
        for url in self._directory.urls:
            try:
                async with asyncio.timeout(self._directory.bounds.answer):
                    return await self.in_thread(partial(self._logs_in, url, name, password))
            except Gone as error:
                said = f"{url}: {error}"
            except TimeoutError:
                said = f"{url}: no answer in {self._directory.bounds.answer:g} seconds"
        raise DirectoryUnavailable(said)

    async def close(self) -> None:
        """Hang up."""
        await self._kept.close()
        self._threads.shutdown(wait=False)

    def _dials(self) -> Sequence[Callable[[], Awaitable[_Place]]]:
        return [partial(self._dial, url) for url in self._directory.urls]

    async def _dial(self, url: str) -> _Place:
        place = _Place(LdapConnection(url, self._directory), self)
        try:
            await place.open()
        except Gone as error:
            raise Gone(f"no connection to {url}: {error}") from error
        except asyncio.CancelledError:
            await place.close()
            raise
        return place

    def _logs_in(self, url: str, name: str, password: str) -> bool:
        client = client_of(url, replace(self._directory, bind_dn=name, bind_pw=password))
        try:
            client.connect(timeout=self._directory.bounds.answer).close()
        except _NOT_LET_IN:
            return False
        except bonsai.LDAPError as error:
            if error.code == _INAPPROPRIATE:
                return False
            raise
        return True

    async def in_thread(self, work: Callable[[], _Answer]) -> _Answer:
        """What a piece of work gives, done in a thread; any failure of it is `Gone`."""
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        except (bonsai.LDAPError, OSError, ValueError) as error:
            raise Gone(words_of(error)) from error
        except RuntimeError as error:  # the threads are gone: it was closed meanwhile
            raise Gone("the directory is closed") from error


class _Place:
    """A connection for searches; what is done with it is done in a thread, one thing at a time."""

    def __init__(self, connection: LdapConnection, tree: LdapTree) -> None:
        self._connection = connection
        self._tree = tree

    async def open(self) -> None:
        await self._tree.in_thread(self._connection.open)

    async def search(
        self, base: str, scope: str, wanted: str, attributes: Sequence[str], *, may_lack: bool
    ) -> list[Entry] | None:
        """The entries; `None` where there is no such base, unless it may lack."""
        work = partial(self._search, base, scope, wanted, attributes)
        if may_lack:
            return await self._tree.in_thread(work)
        # The library tells no base that is missing from one in which nothing was found.
        there = partial(self._search, base, "base", _ANY, ())
        return await self._tree.in_thread(lambda: work() or ([] if there() else None))

    async def close(self) -> None:
        # Behind a search that goes on although nobody waits for it any more.
        threading.Thread(target=self._connection.close, name="ldap").start()

    def _search(self, base: str, scope: str, wanted: str, attributes: Sequence[str]) -> list[Entry]:
        asked = attributes or _NO_ATTRIBUTE
        found = self._connection.search(base, scope, wanted, asked, MOST_ENTRIES)
        return [_entry(each) for each in found]


def _entry(found: bonsai.LDAPEntry) -> Entry:
    read = {name.lower(): _values(found[name]) for name in found if name != "dn"}
    return {"dn": (str(found.dn),), **read}


def _values(values: Sequence[object]) -> tuple[str, ...]:
    if len(values) > MOST_VALUES:
        raise ValueError(f"an attribute with more than {MOST_VALUES} values")
    return tuple(map(_text, values))


def _text(value: object) -> str:
    if isinstance(value, bytes):
        return value.decode()  # what is no UTF-8 is a ValueError, and so no answer
    return str(value)
