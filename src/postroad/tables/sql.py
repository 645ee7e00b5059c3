"""Tables in SQL databases: what `sqlite:`, `mysql:` and `pgsql:` have in common.

The operator's query is asked with the key as its parameter (`statement`), each value of each row is
given the form of the result, and all are joined by commas, as mysql_table(5) says. What differs
from one database to the next is behind `Database`, one method wide. A query that fails is no
answer: the table is unavailable.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from postroad.tables.domains import in_domains
from postroad.tables.expansion import Expansion, Template, TemplateError, template
from postroad.tables.parameters import Parameters
from postroad.tables.statement import Flavour, Statement, StatementError, statement
from postroad.tables.table import Table, TableUnavailable

__all__ = ["SQL_PARAMETERS", "Answer", "Database", "Form", "Row", "SqlTable", "form_of", "shown"]

MAX_RESULTS = 1000
"""Values of one answer where `expansion_limit` sets no bound; an answer is a line of text."""

SQL_PARAMETERS = (
    "query",
    "table",
    "select_field",
    "where_field",
    "additional_conditions",
    "result_format",
    "domain",
    "expansion_limit",
    "timeout",
)
"""What every SQL table knows (mysql_table(5)); `timeout` is ours."""

Row = Sequence[str | None]
"""The columns of a row as texts; `None` for NULL."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a query found.

    Attributes:
        columns: their names, in the order of the values; also where no row was found.
        rows: the rows.
    """

    columns: tuple[str, ...]
    rows: Sequence[Row]


class Database(Protocol):
    """Asks queries."""

    async def answer(self, statement: Statement, key: str, most: int) -> Answer:
        """The rows of an answer, with the names of its columns; otherwise as `rows`."""
        ...

    async def rows(self, statement: Statement, key: str, most: int) -> Sequence[Row]:
        """The rows of an answer.

        Args:
            statement: the query.
            key: what goes into it.
            most: rows that are enough.

        Raises:
            TableUnavailable: there is no answer.
        """
        ...

    async def close(self) -> None:
        """Give up its connections."""
        ...


@dataclass(frozen=True, slots=True)
class Form:
    """What a table asks and how it shows the answer.

    Attributes:
        statement: the query.
        expansion: which keys it can be asked for, and the form of the result.
        limit: values of an answer; more make it unavailable. 0 for no limit of the operator's.
        first_only: whether only the first column of a row is a value, as in Postfix's `sqlite:`.
    """

    statement: Statement
    expansion: Expansion
    limit: int
    first_only: bool = False


class SqlTable:
    """A table in a database.

    Args:
        name: as the operator wrote it.
        form: what is asked.
        database: who is asked.
        domains: a table whose keys are the domains that are asked for; `None` for all.

    Attributes:
        file: where the database is a file, that; set by who opens it.
    """

    takes_parts = True

    def __init__(
        self,
        name: str,
        form: Form,
        database: Database,
        domains: Table | None = None,
    ) -> None:
        self.name = name
        self.file: Path | None = None
        self._form = form
        self._database = database
        self._domains = domains

    async def find(self, key: str) -> str | None:
        """The values that the query finds, joined by commas.

        Raises:
            TableUnavailable: the database cannot be asked, or says more than is allowed.
        """
        key = key.lower()
        if not self._form.expansion.takes(key) or not await in_domains(self._domains, key):
            return None
        if "\0" in key:
            raise TableUnavailable("a key with a NUL character; databases take none")
        most = self._form.limit or MAX_RESULTS
        rows = await self._database.rows(self._form.statement, key, most + 1)
        columns = slice(1) if self._form.first_only else slice(None)
        texts = [text for row in rows for text in row[columns] if text]
        found = [each for text in texts if (each := self._form.expansion.result(text, key))]
        if len(found) > most:
            raise TableUnavailable(f"more than {most} values for one key (expansion_limit)")
        return ",".join(found) or None

    def values(self) -> None:
        """Nobody knows."""

    async def close(self) -> None:
        """Hang up."""
        await self._database.close()


def form_of(parameters: Parameters, flavour: Flavour) -> Form:
    """What a file of parameters asks for.

    Raises:
        TableMistake: no query, or one that cannot be used.
    """
    named = "query" if "query" in parameters else "table"
    try:
        asked = statement(_query(parameters), flavour)
    except StatementError as error:
        raise parameters.mistake(named, str(error)) from error
    if not asked.places:
        raise parameters.mistake(named, "has no %s, so that every key would be answered alike")
    result = result_form(parameters)
    limit = parameters.number("expansion_limit", 0)
    first_only = flavour is Flavour.SQLITE
    return Form(asked, Expansion(asked.pieces, result), limit, first_only)


def result_form(parameters: Parameters) -> Template:
    """The form of the result.

    Raises:
        TableMistake: a percent sign in it means nothing.
    """
    try:
        return template(parameters.text("result_format", "%s"))
    except TemplateError as error:
        raise parameters.mistake("result_format", str(error)) from error


def _query(parameters: Parameters) -> str:
    """The query, or that which Postfix makes of `table` and its kin (mysql_table(5))."""
    if "query" in parameters:
        return parameters.required("query")
    if "select_function" in parameters:
        return f"SELECT {parameters.required('select_function')}('%s')"
    if not any(name in parameters for name in ("table", "select_field", "where_field")):
        return parameters.required("query")
    return " ".join(
        [
            f"SELECT {parameters.required('select_field')}",
            f"FROM {parameters.required('table')}",
            f"WHERE {parameters.required('where_field')} = '%s'",
            parameters.text("additional_conditions"),
        ]
    )


def shown(value: object) -> str | None:
    """A value of a row as text.

    Raises:
        TableUnavailable: its octets are none.
    """
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError as error:
            raise TableUnavailable("a value is not UTF-8") from error
    return None if value is None else str(value)
