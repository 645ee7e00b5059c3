"""From the settings of a SQL directory to its database and its backend.

Libraries of databases are loaded only where they are used. Nothing is connected to here.
"""

from __future__ import annotations

import ssl
from importlib.util import find_spec

from postroad.directory.sql.backend import MOST_TARGETS, SqlBackend
from postroad.directory.sql.queries import queries_of, scheme_of
from postroad.directory.sql.settings import SqlSettings
from postroad.tables.hosts import Access, Host, host_of
from postroad.tables.kept import Bounds
from postroad.tables.sql import Database

__all__ = ["SqlMistake", "access_of", "library_missing", "open_sql", "url_mistake"]

_LIBRARIES = {"mysql": "asyncmy", "postgresql": "asyncpg", "sqlalchemy": "sqlalchemy"}


class SqlMistake(ValueError):
    """A setting cannot be used.

    Attributes:
        key: which.
    """

    def __init__(self, key: str, words: str) -> None:
        """Args: `words` for the operator."""
        super().__init__(words)
        self.key = key


def open_sql(
    settings: SqlSettings, password: str, *, timeout: float, pool: int, default_scheme: str
) -> SqlBackend:
    """The backend of a section.

    Args:
        settings: the section.
        password: of the database; empty for none.
        timeout: seconds for an answer.
        pool: connections at most.
        default_scheme: of hashes without braces, where the section does not say.

    Raises:
        QueryMistake, SqlMistake: the settings cannot be used; a configuration that was loaded has
            none of these.
    """
    bounds = Bounds(answer=timeout, connections=pool)
    database = _database(settings, password, bounds)
    return SqlBackend(database, queries_of(settings), scheme_of(settings, default_scheme))


def access_of(settings: SqlSettings, password: str, bounds: Bounds) -> Access:
    """Where a server is.

    Raises:
        SqlMistake: that cannot be read.
    """
    hosts = tuple(_host(settings, word) for word in settings.hosts or ("localhost",))
    tls = None
    if settings.tls_ca_file is not None:
        try:
            tls = ssl.create_default_context(cafile=settings.tls_ca_file)
        except OSError as error:
            raise SqlMistake(
                "tls_ca_file", f"{settings.tls_ca_file}: {(error.strerror or str(error)).lower()}"
            ) from error
    return Access(
        hosts=hosts,
        user=settings.username,
        password=password,
        database=settings.database,
        bounds=bounds,
        tls=tls,
    )


def library_missing(settings: SqlSettings) -> str:
    """What to install before the driver can be used; empty for nothing."""
    library = _LIBRARIES.get(settings.driver or "")
    if library is None or find_spec(library) is not None:
        return ""
    return f"needs the library {library}, which is not installed: postroad[{settings.driver}]"


def _database(settings: SqlSettings, password: str, bounds: Bounds) -> Database:
    if missing := library_missing(settings):
        raise SqlMistake("driver", missing)
    if settings.driver == "sqlite":
        from postroad.tables.sqlite import SqliteDatabase  # noqa: PLC0415 - who asks, pays

        if settings.file is None:
            raise SqlMistake("file", "is required with driver sqlite")
        return SqliteDatabase(settings.file, bounds)
    if settings.driver == "sqlalchemy":
        return _by_url(settings, password, bounds)
    access = access_of(settings, password, bounds)
    if settings.driver == "mysql":
        from postroad.tables.mysql import MySqlDatabase  # noqa: PLC0415 - who asks, pays

        return MySqlDatabase(access, "utf8mb4", access.tls, most_rows=MOST_TARGETS + 1)
    from postroad.tables.postgresql import PostgresDatabase  # noqa: PLC0415 - who asks, pays

    return PostgresDatabase(access, ())


def _by_url(settings: SqlSettings, password: str, bounds: Bounds) -> Database:
    # Who asks, pays: the library takes 0.2 s to load.
    from postroad.tables.alchemy import AlchemyDatabase, UrlMistake, engine_of  # noqa: PLC0415

    try:
        return AlchemyDatabase(engine_of(settings.url, password, bounds), bounds)
    except UrlMistake as error:
        raise SqlMistake("url", str(error)) from error


def url_mistake(settings: SqlSettings) -> str:
    """What is wrong with a URL of SQLAlchemy's, which is there; empty for nothing."""
    from postroad.tables.alchemy import UrlMistake, engine_of  # noqa: PLC0415

    try:
        engine_of(settings.url, "", Bounds()).dispose()
    except UrlMistake as error:
        return str(error)
    return ""


def _host(settings: SqlSettings, word: str) -> Host:
    mysql = settings.driver == "mysql"
    # What `localhost` means to the libraries of MySQL on Debian.
    local = "/run/mysqld/mysqld.sock" if mysql else "localhost"
    host = host_of(word, 3306 if mysql else 5432, local)
    if host is None:
        raise SqlMistake("hosts", f'expected "host:port" or "unix:/path", not "{word[:60]}"')
    return host
