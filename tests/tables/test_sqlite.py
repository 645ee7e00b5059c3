"""`sqlite:` as the server uses it: read only, in time, and with files that come and go."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from pathlib import Path

import pytest

from postroad.tables import Table, TableUnavailable, open_table

ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i), %s FROM n"


@pytest.fixture
def database(tmp_path: Path) -> Path:
    file = tmp_path / "a database?.db"
    with sqlite3.connect(file) as connection:
        connection.execute("CREATE TABLE t (k TEXT, v)")
        rows = [("a", "one"), ("b", 2), ("c", b"three"), ("d", b"\xff"), ("e", None), ("f", 1.5)]
        connection.executemany("INSERT INTO t VALUES (?, ?)", [*rows, *[("many", "x")] * 2000])
    connection.close()
    return file


def _open(database: Path, query: str = "SELECT v FROM t WHERE k = '%s'", more: str = "") -> Table:
    file = database.parent / "t.cf"
    file.write_text(f"dbpath = {database}\nquery = {query}\n{more}\n")
    return open_table(f"sqlite:{file}")


@pytest.mark.parametrize(
    ("key", "value"), [("a", "one"), ("b", "2"), ("c", "three"), ("e", None), ("f", "1.5")]
)
async def test_values_are_texts(database: Path, key: str, value: str | None) -> None:
    table = _open(database)
    assert await table.find(key) == value
    await table.close()


@pytest.mark.parametrize(
    ("key", "query", "more", "said"),
    [
        ("d", "SELECT v FROM t WHERE k = '%s'", "", "decode"),
        ("many", "SELECT v FROM t WHERE k = '%s'", "", "more than 1000 values"),
        ("many", "SELECT v FROM t WHERE k = '%s'", "expansion_limit = 1", "more than 1 values"),
        ("a", "SELECT v FROM nowhere WHERE k = '%s'", "", "no such table"),
        ("a", "DELETE FROM t WHERE k = '%s'", "", "readonly database"),
        ("a", "SELECT %s; DELETE FROM t", "", "one statement"),
        ("a", ENDLESS, "timeout = 1s", "no answer in 1 seconds"),
    ],
)
async def test_unavailable(database: Path, key: str, query: str, more: str, said: str) -> None:
    table = _open(database, query, more)
    with pytest.raises(TableUnavailable, match=said):
        await table.find(key)
    await table.close()
    again = _open(database)
    assert await again.find("a") == "one"
    await again.close()


async def test_a_query_that_nobody_waits_for_does_not_go_on(database: Path) -> None:
    table = _open(database, f"{ENDLESS} WHERE '%s' = '%s'", "timeout = 60s")
    waiting = asyncio.ensure_future(table.find("x"))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await table.close()  # which waits for the query that runs


async def test_a_file_that_comes_later(database: Path) -> None:
    gone = database.with_name("gone")
    os.rename(database, gone)
    table = _open(database)
    with pytest.raises(TableUnavailable, match="unable to open"):
        await table.find("a")
    os.rename(gone, database)
    assert await table.find("a") == "one"
    await table.close()


async def test_only_keys_in_the_domains(database: Path) -> None:
    names = database.parent / "names"
    names.write_text("example.org x\n")
    query = "SELECT 'asked' WHERE '%s' <> ''"
    for domain in ("example.org, example.net", f"hash:{names}"):
        table = _open(database, query, f"domain = {domain}")
        assert await table.find("a@Example.ORG") == "asked"
        assert [await table.find(key) for key in ("a", "@example.org", "a@other")] == [None] * 3
        await table.close()


async def test_a_database_that_another_took_the_place_of(database: Path) -> None:
    table = _open(database)
    assert await table.find("a") == "one"
    other = database.with_name("new.db")
    with sqlite3.connect(other) as connection:
        connection.execute("CREATE TABLE t (k TEXT, v)")
        connection.execute("INSERT INTO t VALUES ('a', 'REJECT')")
    connection.close()
    os.replace(other, database)
    assert await table.find("a") == "REJECT"
    os.remove(database)
    with pytest.raises(TableUnavailable, match="unable to open"):
        await table.find("a")
    await table.close()
