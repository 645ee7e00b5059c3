"""From a file of parameters to a table that asks a server: `sqlite:`, `mysql:`, `pgsql:`, `sql:`.

The libraries are imported only for those who name such a table; a library that is not installed is
a mistake that says what to install.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote, urlsplit

from postroad.tables.hosts import HOST_PARAMETERS, Access, Host, access_of, bounds_of
from postroad.tables.parameters import Parameters
from postroad.tables.sql import SQL_PARAMETERS, Database, SqlTable, form_of
from postroad.tables.statement import Flavour
from postroad.tables.table import Table, TableMistake, Warn
from postroad.tables.text import EntryTable

__all__ = ["domains_of", "mysql_table", "pgsql_table", "require", "sql_table", "sqlite_table"]

Part = Callable[[str], Table]
"""Opens another table by its name."""

_TLS = ("tls_CAfile", "tls_cert_file", "tls_key_file", "tls_verify_cert")


def sqlite_table(name: str, text: str, path: Path, warn: Warn, part: Part) -> SqlTable:
    """`sqlite:FILE` (sqlite_table(5)).

    Raises:
        TableMistake: the file cannot be used.
    """
    known = (*SQL_PARAMETERS, "dbpath")
    parameters = Parameters.read(text, path, known, warn)
    return _sqlite(name, parameters, Path(parameters.required("dbpath")), "dbpath", part)


def mysql_table(name: str, text: str, path: Path, warn: Warn, part: Part) -> SqlTable:
    """`mysql:FILE` (mysql_table(5)).

    Raises:
        TableMistake: the file cannot be used, or the library is not installed.
    """
    known = (*SQL_PARAMETERS, *HOST_PARAMETERS, *_TLS, "charset")
    parameters = Parameters.read(text, path, known, warn)
    require("asyncmy", "mysql", path)
    from postroad.tables.mysql import DEFAULT_PORT, DEFAULT_SOCKET  # noqa: PLC0415 - who asks, pays

    access = access_of(parameters, DEFAULT_PORT, DEFAULT_SOCKET)
    return _mysql(name, parameters, access, part)


def pgsql_table(name: str, text: str, path: Path, warn: Warn, part: Part) -> SqlTable:
    """`pgsql:FILE` (pgsql_table(5)).

    Raises:
        TableMistake: the file cannot be used, or the library is not installed.
    """
    known = (*SQL_PARAMETERS, *HOST_PARAMETERS, "select_function", "encoding")
    parameters = Parameters.read(text, path, known, warn)
    if parameters.text("encoding", "UTF8").upper().replace("-", "") != "UTF8":
        raise parameters.mistake("encoding", "only UTF8 is spoken here")
    require("asyncpg", "postgresql", path)
    urls = [word for word in parameters.words("hosts") if "://" in word]
    return _postgresql(name, parameters, access_of(parameters, 5432), urls, part)


def sql_table(name: str, text: str, path: Path, warn: Warn, part: Part) -> SqlTable:
    """`sql:FILE`, with the database as `url`: `sqlite:///path`, `mysql://…`, `postgresql://…`.

    Raises:
        TableMistake: the file cannot be used, or the library is not installed.
    """
    known = (*SQL_PARAMETERS, "url")
    parameters = Parameters.read(text, path, known, warn)
    url = urlsplit(parameters.required("url"))
    if url.scheme == "sqlite":
        return _sqlite(name, parameters, Path(unquote(url.path)), "url", part)
    try:
        port = url.port
    except ValueError as error:
        raise parameters.mistake("url", "the port is no number") from error
    if url.scheme == "mysql":
        require("asyncmy", "mysql", path)
        access = Access(
            hosts=(Host(url.hostname or "localhost", port or 3306),),
            user=unquote(url.username or ""),
            password=unquote(url.password or ""),
            database=unquote(url.path.lstrip("/")),
            bounds=bounds_of(parameters),
        )
        return _mysql(name, parameters, access, part)
    if url.scheme in {"postgresql", "postgres"}:
        require("asyncpg", "postgresql", path)
        access = Access(hosts=(), user="", password="", database="", bounds=bounds_of(parameters))
        return _postgresql(name, parameters, access, [parameters.text("url")], part)
    raise parameters.mistake("url", 'expected "sqlite:///…", "mysql://…" or "postgresql://…"')


def require(module: str, extra: str, path: Path) -> None:
    """Make sure that a library is installed.

    Raises:
        TableMistake: it is not.
    """
    if importlib.util.find_spec(module) is None:
        message = f"needs the library {module}, which is not installed: pip install"
        raise TableMistake(f"{message} 'postroad[{extra}]'", path=path)


def domains_of(parameters: Parameters, part: Part) -> Table | None:
    """The parameter `domain`: names of domains, or one table whose keys they are.

    Raises:
        TableMistake: a table among them cannot be opened, or a file of names is meant.
    """
    words = parameters.words("domain")
    tables = [word for word in words if ":" in word]
    if any(word.startswith(("/", "!")) for word in words):
        raise parameters.mistake("domain", 'expected names of domains, or "hash:/path"')
    if not words:
        return None
    if tables and len(words) > 1:
        raise parameters.mistake("domain", "expected either names or one table")
    if tables:
        return part(tables[0])
    return EntryTable("domain", {word.lower(): word for word in words})


def _sqlite(name: str, parameters: Parameters, database: Path, named: str, part: Part) -> SqlTable:
    from postroad.tables.sqlite import SqliteDatabase  # noqa: PLC0415 - who asks, pays

    if not database.is_absolute():
        raise parameters.mistake(named, f'expected an absolute path, not "{str(database)[:60]}"')
    asked = SqliteDatabase(database, bounds_of(parameters))
    table = _sql(name, parameters, Flavour.SQLITE, asked, part)
    table.file = database
    return table


def _mysql(name: str, parameters: Parameters, access: Access, part: Part) -> SqlTable:
    from postroad.tables.mysql import MySqlDatabase, tls_of  # noqa: PLC0415 - who asks, pays

    try:
        tls = tls_of(
            parameters.text("tls_CAfile"),
            parameters.text("tls_cert_file"),
            parameters.text("tls_key_file"),
            verify=parameters.flag("tls_verify_cert", False),
        )
    except OSError as error:
        raise parameters.mistake("tls_CAfile", str(error)) from error
    database = MySqlDatabase(access, parameters.text("charset", "utf8mb4"), tls)
    return _sql(name, parameters, Flavour.MYSQL, database, part)


def _postgresql(
    name: str, parameters: Parameters, access: Access, urls: list[str], part: Part
) -> SqlTable:
    from postroad.tables.postgresql import PostgresDatabase  # noqa: PLC0415 - who asks, pays

    database = PostgresDatabase(access, urls)
    return _sql(name, parameters, Flavour.POSTGRESQL, database, part)


def _sql(
    name: str, parameters: Parameters, flavour: Flavour, database: Database, part: Part
) -> SqlTable:
    domains = domains_of(parameters, part)
    return SqlTable(name, form_of(parameters, flavour), database, domains)
