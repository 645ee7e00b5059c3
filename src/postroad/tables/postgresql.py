"""`pgsql:`, a database of PostgreSQL (pgsql_table(5)), by the library asyncpg.

The key is a parameter of a prepared statement. The server infers what type it has, as it does with
a literal in quotes; texts are sent and taken for all of the usual types, so that `id='%u'` works
on a number and answers look as `psql` shows them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial

import asyncpg

from postroad.tables.hosts import Access, Host, in_order
from postroad.tables.kept import Gone, Kept
from postroad.tables.sql import Answer, Row, shown
from postroad.tables.statement import Statement
from postroad.tables.table import TableUnavailable

__all__ = ["PostgresDatabase"]

DEFAULT_PORT = 5432

_AS_TEXT = (
    "bool",
    "int2",
    "int4",
    "int8",
    "oid",
    "float4",
    "float8",
    "numeric",
    "uuid",
    "date",
    "time",
    "timestamp",
    "timestamptz",
    "interval",
    "inet",
    "cidr",
)
"""Types whose values are exchanged in the form that people read."""


_LOST = (
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
)
"""After these the connection is of no use."""

_ERRORS = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,
    ValueError,
)


class PostgresDatabase:
    """A server; implements `Database`.

    Args:
        access: where it is.
        urls: servers as `postgresql://…`, which say everything themselves, tried besides.
    """

    def __init__(self, access: Access, urls: Sequence[str]) -> None:
        self._access = access
        self._urls = tuple(urls)
        self._kept: Kept[_Place] = Kept(self._dials, access.bounds)

    async def rows(self, statement: Statement, key: str, most: int) -> Sequence[Row]:
        """The rows of an answer.

        Raises:
            TableUnavailable: the server cannot be reached, or refuses the query.
        """
        return (await self.answer(statement, key, most)).rows

    async def answer(self, statement: Statement, key: str, most: int) -> Answer:
        """See `Database.answer`; the errors are those of `rows`."""
        marks = tuple(f"${number}" for number in range(1, len(statement.places) + 1))
        text, parameters = statement.marked(marks), statement.parameters(key)
        return await self._kept.ask(lambda place: place.ask(text, parameters, most))

    async def close(self) -> None:
        """Hang up."""
        await self._kept.close()

    def _dials(self) -> Sequence[Callable[[], Awaitable[_Place]]]:
        hosts = [partial(self._dial, host) for host in in_order(self._access.hosts)]
        return [*hosts, *(partial(self._dial_url, url) for url in self._urls)]

    async def _dial(self, host: Host) -> _Place:
        access = self._access
        connecting = asyncpg.connect(
            host=host.name,
            port=host.port or DEFAULT_PORT,
            user=access.user or None,
            password=access.password or None,
            database=access.database,
            **({} if access.tls is None or not host.port else {"ssl": access.tls}),
        )
        return await _made(connecting, str(host))

    async def _dial_url(self, url: str) -> _Place:
        # What a URL says may be a password: it is not shown.
        return await _made(asyncpg.connect(url), "the server of the URL")


async def _made(connecting: Awaitable[asyncpg.Connection], where: str) -> _Place:
    try:
        connection = await connecting
    except _ERRORS as error:
        raise Gone(f"no connection to {where}: {_words(error)}") from error
    place = _Place(connection)
    try:
        for name in _AS_TEXT:
            await connection.set_type_codec(
                name, schema="pg_catalog", encoder=str, decoder=str, format="text"
            )
    except _ERRORS as error:
        await place.close()
        raise Gone(f"the connection to {where} broke: {_words(error)}") from error
    except BaseException:
        await place.close()
        raise
    return place


class _Place:
    """A connection."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection

    async def ask(self, text: str, parameters: Sequence[str], most: int) -> Answer:
        try:
            prepared = await self._connection.prepare(text)
            async with self._connection.transaction(readonly=True):
                found = await (await prepared.cursor(*parameters)).fetch(most)
        # A connection that is cut off while it is used can leave the library in disorder.
        except (asyncpg.InterfaceError, asyncpg.InternalClientError, OSError, *_LOST) as error:
            raise Gone(f"the connection broke: {_words(error)}") from error
        except (asyncpg.PostgresError, UnicodeError) as error:
            raise TableUnavailable(f"query failed: {_words(error)}") from error
        columns = tuple(attribute.name for attribute in prepared.get_attributes())
        return Answer(columns, [[shown(each) for each in row] for row in found])

    async def close(self) -> None:
        self._connection.terminate()


def _words(error: BaseException) -> str:
    return str(error) or type(error).__name__
