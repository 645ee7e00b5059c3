"""Databases by SQLAlchemy: what is bound, what an operator wrote, and what goes wrong."""

from __future__ import annotations

import sqlite3
import threading
from dataclasses import replace

import pytest
from sqlalchemy import event

from postroad.tables.alchemy import AlchemyDatabase, UrlMistake, engine_of
from postroad.tables.kept import Bounds
from postroad.tables.sql import Answer
from postroad.tables.statement import Flavour, statement
from postroad.tables.table import TableUnavailable


@pytest.fixture
async def opened(tmp_path):
    made = []

    def make(url="", **bounds):
        limits = Bounds(connections=2, **bounds)
        engine = engine_of(url or f"sqlite:///{tmp_path}/a.db", "", limits)
        made.append(AlchemyDatabase(engine, limits))
        return made[-1], engine

    yield make
    for each in made:
        await each.close()


def query(text):
    return statement(text, Flavour.SQLITE)


async def test_a_key_is_never_a_part_of_the_text(opened):
    database, _ = opened()
    key = "x' OR '1'='1:key0; DROP TABLE t\\"
    found = await database.answer(query("SELECT '%s' AS a, '%u' AS b"), key, 10)
    assert found == Answer(("a", "b"), [[key, key]])


@pytest.mark.parametrize(
    "text", ["12:30", ":key0", "a::text", "\\:x", "100%%", "[:alpha:]", "http://x:25/"]
)
async def test_what_the_operator_wrote_stays(opened, text):
    database, _ = opened()
    (row,) = await database.rows(query(f"SELECT '{text}' WHERE 'k'='%s'"), "k", 10)
    assert row == [text.replace("%%", "%")]


async def test_values_are_texts_and_no_more_than_asked_for(opened):
    database, _ = opened()
    rows = query("SELECT 1, NULL, x'6a' WHERE 1 OR '%s' UNION ALL SELECT 2, 3, 4")
    assert await database.rows(rows, "k", 1) == [["1", None, "j"]]


async def test_a_look_up_changes_nothing(opened, tmp_path):
    connection = sqlite3.connect(tmp_path / "a.db")
    connection.executescript("CREATE TABLE t (name TEXT); INSERT INTO t VALUES ('john');")
    database, _ = opened()
    await database.rows(query("DELETE FROM t WHERE name='%s' RETURNING name"), "john", 10)
    assert connection.execute("SELECT count(*) FROM t").fetchone() == (1,)
    connection.close()


async def test_a_query_that_fails_is_said_without_its_values(opened):
    database, _ = opened()
    with pytest.raises(TableUnavailable, match="no such table: nowhere") as raised:
        await database.rows(query("SELECT 1 FROM nowhere WHERE a='%s'"), "secret", 10)
    assert "secret" not in str(raised.value)


async def test_a_database_that_hangs_is_away_and_comes_back(opened):
    database, engine = opened(answer=0.2)
    go = threading.Event()

    @event.listens_for(engine, "connect")
    def hang(connection, _record):
        connection.create_function("hang", 0, lambda: go.wait(30) and 1)

    slow = query("SELECT hang() WHERE 'k'='%s'")
    for _ in range(3):  # more than there are threads
        with pytest.raises(TableUnavailable, match=r"no answer in 0\.2 seconds"):
            await database.rows(slow, "k", 1)
    go.set()
    database._bounds = replace(database._bounds, answer=30.0)
    assert await database.rows(slow, "k", 1) == [["1"]]


class OddDriver:
    """An engine whose driver raises what is no error of SQLAlchemy's."""

    def connect(self):
        raise RuntimeError("the driver is not at home\nand more")

    def dispose(self):
        pass


async def test_whatever_a_driver_raises_means_that_the_database_is_away():
    database = AlchemyDatabase(OddDriver(), Bounds(connections=1))
    with pytest.raises(TableUnavailable, match=r"^the driver is not at home$"):
        await database.rows(query("SELECT '%s'"), "k", 1)
    await database.close()


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("nonsense", "expected SQLAlchemy's URL"),
        ("nosuch://host/x", "expected SQLAlchemy's URL"),
        ("mssql+pymssql://host/x", "needs the library pymssql"),
        ("sqlite://", "expected SQLAlchemy's URL"),
        ("postgresql+asyncpg://host/x", r"needs the library asyncpg|asyncpg is a driver for async"),
        ("sqlite+aiosqlite:///x", "needs the library aiosqlite|aiosqlite is a driver for async"),
    ],
)
def test_no_url(url, said):
    with pytest.raises(UrlMistake, match=said):
        engine_of(url, "hidden", Bounds()).dispose()
