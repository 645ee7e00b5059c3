"""`mysql:`, a database of MySQL or MariaDB (mysql_table(5)), by the library asyncmy.

The library has no parameters of its own: it pastes quoted values into the text. So values go in as
hexadecimal literals, `_utf8mb4 X'6a6f65'`, which hold nothing but the digits of their octets.
There is nothing to quote and nothing to break out of, whatever the server's SQL mode.
"""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path

from asyncmy import connect
from asyncmy.connection import Connection
from asyncmy.errors import Error, InterfaceError, OperationalError

from postroad.tables.hosts import Access, Host, in_order
from postroad.tables.kept import Gone, Kept
from postroad.tables.sql import Answer, Row, shown
from postroad.tables.statement import Statement
from postroad.tables.table import TableUnavailable

__all__ = ["MySqlDatabase"]

DEFAULT_SOCKET = "/run/mysqld/mysqld.sock"
"""What `localhost` means to the library of MySQL on Debian."""

DEFAULT_PORT = 3306

_LOST = frozenset({1053, 1927, 2003, 2006, 2013, 2014, 4031})
"""Errors after which the connection is of no use: shutdown, killed, gone away, lost, idle."""


class MySqlDatabase:
    """A server; implements `Database`.

    Args:
        access: where it is.
        charset: of the connection.
        tls: how to speak TLS; `None` for not at all.
        most_rows: rows that the server sends in answer to any query; `None`: as it likes. The
            library reads an answer whole.
    """

    def __init__(
        self,
        access: Access,
        charset: str,
        tls: ssl.SSLContext | None,
        most_rows: int | None = None,
    ) -> None:
        self._first = None if most_rows is None else f"SET SESSION sql_select_limit={most_rows}"
        self._access = access
        self._charset = charset
        self._tls = tls
        self._kept: Kept[_Place] = Kept(self._dials, access.bounds)

    async def rows(self, statement: Statement, key: str, most: int) -> Sequence[Row]:
        """The rows of an answer.

        Raises:
            TableUnavailable: the server cannot be reached, or refuses the query.
        """
        return (await self.answer(statement, key, most)).rows

    async def answer(self, statement: Statement, key: str, most: int) -> Answer:
        """See `Database.answer`; the errors are those of `rows`."""
        try:
            literals = [f"_utf8mb4 X'{each.encode().hex()}'" for each in statement.parameters(key)]
        except UnicodeEncodeError as error:
            raise TableUnavailable("the key is no text") from error
        text = statement.marked(tuple(literals))
        return await self._kept.ask(lambda place: place.ask(text, most))

    async def close(self) -> None:
        """Hang up."""
        await self._kept.close()

    def _dials(self) -> Sequence[Callable[[], Awaitable[_Place]]]:
        return [partial(self._dial, host) for host in in_order(self._access.hosts)]

    async def _dial(self, host: Host) -> _Place:
        access = self._access
        try:
            connection = await connect(
                host=host.name if host.port else "localhost",
                port=host.port or DEFAULT_PORT,
                unix_socket=None if host.port else host.name,
                user=access.user or None,
                password=access.password.encode(),  # a text would be sent as Latin-1
                database=access.database,
                charset=self._charset,
                ssl=self._tls if host.port else None,
                connect_timeout=max(1, int(access.bounds.answer)),
                autocommit=True,
                init_command=self._first,
            )
        except (Error, OSError, TimeoutError, ValueError) as error:
            raise Gone(f"no connection to {host}: {_words(error)}") from error
        return _Place(connection)


class _Place:
    """A connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def ask(self, text: str, most: int) -> Answer:
        try:
            async with self._connection.cursor() as cursor:
                await cursor.execute(text)
                columns = tuple(str(column[0]) for column in cursor.description or ())
                found = await cursor.fetchmany(most)
        except (InterfaceError, OSError, EOFError, RuntimeError) as error:
            raise Gone(f"the connection broke: {_words(error)}") from error
        except Error as error:
            if isinstance(error, OperationalError) and error.args[:1] and error.args[0] in _LOST:
                raise Gone(f"the connection broke: {_words(error)}") from error
            raise TableUnavailable(f"query failed: {_words(error)}") from error
        return Answer(columns, [[shown(each) for each in row] for row in found])

    async def close(self) -> None:
        self._connection.close()


def tls_of(authorities: str, certificate: str, key: str, *, verify: bool) -> ssl.SSLContext | None:
    """How TLS is spoken; `None` where no parameter asks for it.

    Args:
        authorities: PEM file of those whose word counts, or empty.
        certificate: PEM file of our own certificate, or empty.
        key: PEM file of its key, or empty.
        verify: whether the server's certificate must be right and bear its name.

    Raises:
        OSError: a file cannot be used.
    """
    if not (authorities or certificate or verify):
        return None
    context = ssl.create_default_context(cafile=authorities or None)
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_REQUIRED if authorities else ssl.CERT_NONE
    if certificate:
        context.load_cert_chain(certificate, Path(key) if key else None)
    return context


def _words(error: BaseException) -> str:
    return str(error.args[-1] if error.args else error) or type(error).__name__
