"""The conformance suite of addresses, run on a chain with SQL behind it: SQLite, by both ways."""

from __future__ import annotations

import sqlite3
from contextlib import AsyncExitStack

import pytest

from directory_conformance import AddressConformance
from postroad.directory.sql.opening import open_sql
from postroad.directory.sql.settings import SqlSettings
from sql_world import QUERIES, SCHEMA, chained, rows_of


class TestSqlite(AddressConformance):
    @pytest.fixture
    async def make(self, tmp_path):
        async with AsyncExitStack() as exits:

            async def made(world, texts):
                file = tmp_path / "accounts.db"
                connection = sqlite3.connect(file)
                connection.executescript(SCHEMA + rows_of(world))
                connection.close()
                settings = SqlSettings(driver="sqlite", file=file, **QUERIES)
                backend = open_sql(settings, "", timeout=10, pool=2, default_scheme="CRYPT")
                return chained(backend, tmp_path, exits)

            yield made


class TestSqlAlchemy(AddressConformance):
    @pytest.fixture
    async def make(self, tmp_path):
        async with AsyncExitStack() as exits:

            async def made(world, texts):
                file = tmp_path / "accounts.db"
                connection = sqlite3.connect(file)
                connection.executescript(SCHEMA + rows_of(world))
                connection.close()
                settings = SqlSettings(driver="sqlalchemy", url=f"sqlite:///{file}", **QUERIES)
                backend = open_sql(settings, "", timeout=10, pool=2, default_scheme="CRYPT")
                return chained(backend, tmp_path, exits)

            yield made
