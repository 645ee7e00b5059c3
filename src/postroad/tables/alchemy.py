"""Any database that SQLAlchemy has a dialect for, beside those that have drivers of ours.

Its drivers block, so a question runs in one of a few threads, as many as there are connections. A
thread cannot be cancelled: one whose driver hangs keeps its place until the driver gives up, and
when all hang, everybody is told that the database is away. A driver's own time limits stand in the
URL, as each of them writes them.

Values are bound, by names in the text that are ours; whatever else looks like a parameter there
(`12:30`, `x::text`) stays what the operator wrote. A question is a transaction that is rolled back,
so that a look-up changes nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from postroad.tables.kept import Bounds
from postroad.tables.sql import Answer, Row, shown
from postroad.tables.table import TableUnavailable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Engine

    from postroad.tables.statement import Statement

__all__ = ["AlchemyDatabase", "UrlMistake", "engine_of"]


class UrlMistake(ValueError):
    """A URL that no database can be reached by; the text is for the operator."""


def engine_of(url: str, password: str, bounds: Bounds) -> Engine:
    """What asks the database of a URL. Nothing is connected to yet.

    Args:
        url: `DIALECT+DRIVER://USER@HOST/DATABASE`, as SQLAlchemy writes it.
        password: of the user; empty for none.
        bounds: the time limits, and how many connections there are.

    Raises:
        UrlMistake: it is none, or its dialect or driver is not there.
    """
    try:
        made = make_url(url)
        is_async = made.get_dialect().is_async
        engine = create_engine(
            made.set(password=password) if password else made,
            pool_size=bounds.connections,
            max_overflow=0,
            pool_timeout=bounds.answer,
            pool_pre_ping=True,
            hide_parameters=True,
        )
    except ImportError as error:
        raise UrlMistake(f"needs the library {error.name}, which is not installed") from error
    except (SQLAlchemyError, TypeError, ValueError) as error:
        # The words of the library may hold the URL, and that a password.
        words = 'expected SQLAlchemy\'s URL of a database, such as "oracle+oracledb://user@host/"'
        raise UrlMistake(f"{words} ({type(error).__name__})") from error
    if is_async:
        words = "is a driver for asynchronous programs; one that blocks is needed"
        raise UrlMistake(f"{made.drivername} {words}")
    return engine


class AlchemyDatabase:
    """Implements `Database`.

    Args:
        engine: asks; closed by `close`.
        bounds: the time limits, and how many connections there are.
    """

    def __init__(self, engine: Engine, bounds: Bounds) -> None:
        self._engine = engine
        self._bounds = bounds
        self._free = asyncio.Semaphore(bounds.connections)
        self._threads = ThreadPoolExecutor(bounds.connections, "database")

    async def rows(self, statement: Statement, key: str, most: int) -> Sequence[Row]:
        """See `Database.rows`."""
        return (await self.answer(statement, key, most)).rows

    async def answer(self, statement: Statement, key: str, most: int) -> Answer:
        """See `Database.answer`."""
        values = statement.parameters(key)
        names = {f"key{number}": value for number, value in enumerate(values)}
        ask = partial(self._ask, _text_of(statement, tuple(names)), names, most)
        try:
            async with asyncio.timeout(self._bounds.answer):
                return await self._in_thread(ask)
        except TimeoutError as error:
            raise TableUnavailable(f"no answer in {self._bounds.answer:g} seconds") from error
        except Exception as error:  # any driver may be behind this, and each has errors of its own
            raise TableUnavailable(_words(error)) from error

    async def close(self) -> None:
        """See `Database.close`. A question that is running ends by itself."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        await asyncio.to_thread(self._engine.dispose)

    async def _in_thread(self, ask: Callable[[], Answer]) -> Answer:
        await self._free.acquire()
        running = asyncio.get_running_loop().run_in_executor(self._threads, ask)
        running.add_done_callback(self._ended)
        return await asyncio.shield(running)

    def _ended(self, running: asyncio.Future[Answer]) -> None:
        """The thread is free again, whether anybody still waits for it or not."""
        self._free.release()
        if not running.cancelled():
            running.exception()

    def _ask(self, written: str, values: dict[str, str], most: int) -> Answer:
        with self._engine.connect() as connection:
            found = connection.execute(text(written), values)
            rows = [[_shown(value) for value in row] for row in found.fetchmany(most)]
            columns = tuple(found.keys())
            found.close()
            return Answer(columns, rows)


def _text_of(statement: Statement, names: tuple[str, ...]) -> str:
    """The query as `sqlalchemy.text` reads it: a colon of the operator's is no parameter."""
    texts = (each.replace(":", "\\:") for each in statement.texts)
    marks = (*(f":{name}" for name in names), "")
    return "".join(part + mark for part, mark in zip(texts, marks, strict=True))


def _shown(value: object) -> str | None:
    return shown(bytes(value) if isinstance(value, (bytearray, memoryview)) else value)


def _words(error: Exception) -> str:
    """What went wrong, on one line, without the query."""
    said: BaseException = error
    if isinstance(error, DBAPIError) and error.orig is not None:
        said = error.orig
    lines: Sequence[str] = ()
    with suppress(UnicodeError):
        lines = str(said).splitlines()
    return (lines[0] if lines else type(said).__name__)[:300]
