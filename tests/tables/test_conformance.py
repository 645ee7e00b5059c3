"""The promises of every table, kept by each type."""

from __future__ import annotations

import asyncio
import re
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from look_up_server import LookUpServer
from postroad.tables import Table, Tables, open_table
from tables_conformance import ENTRIES, TablesConformance

TEXT = "".join(f"{key} {value}\n" for key, value in ENTRIES.items())
PATTERNS = "".join(f"/^{re.escape(key)}$/ {value}\n" for key, value in ENTRIES.items())
INLINE = "inline:{" + ", ".join(f"{{{key} = {value}}}" for key, value in ENTRIES.items()) + "}"


class TestInline(TablesConformance):
    @pytest.fixture
    def made(self) -> Table:
        return open_table(INLINE)


class TestText(TablesConformance):
    @pytest.fixture(params=["hash", "texthash", "btree", "lmdb", "dbm", "cdb", "proxy:hash"])
    def made(self, request: pytest.FixtureRequest, tmp_path: Path) -> Table:
        file = tmp_path / "table"
        file.write_text(TEXT)
        return open_table(f"{request.param}:{file}")


class TestPatterns(TablesConformance):
    holds_patterns = True

    @pytest.fixture(params=["regexp", "pcre"])
    def made(self, request: pytest.FixtureRequest, tmp_path: Path) -> Table:
        file = tmp_path / "table"
        # In PCRE, "$" also matches before a last line end unless the flag E says otherwise.
        file.write_text(PATTERNS if request.param == "regexp" else PATTERNS.replace("$/", "$/E"))
        return open_table(f"{request.param}:{file}")


class TestUnion(TablesConformance):
    @pytest.fixture
    def made(self) -> Table:
        return open_table(f"unionmap:{{inline:{{other=x}}, {INLINE}}}")


class TestPipe(TablesConformance):
    @pytest.fixture
    def made(self, tmp_path: Path) -> Table:
        file = tmp_path / "table"
        file.write_text("".join(f"{key} {number}\n" for number, key in enumerate(ENTRIES)))
        second = ", ".join(f"{{{number} = {each}}}" for number, each in enumerate(ENTRIES.values()))
        return open_table(f"pipemap:{{hash:{file} inline:{{{second}}}}}")


class TestSqlite(TablesConformance):
    @pytest.fixture
    def made(self, tmp_path: Path) -> Table:
        database = tmp_path / "database"
        connection = sqlite3.connect(database)
        connection.execute("CREATE TABLE t (key TEXT, value TEXT)")
        connection.executemany("INSERT INTO t VALUES (?, ?)", ENTRIES.items())
        connection.commit()
        connection.close()
        file = tmp_path / "table.cf"
        file.write_text(f"dbpath = {database}\nquery = SELECT value FROM t WHERE key = '%s'\n")
        return open_table(f"sqlite:{file}")


class TestRegistered(TablesConformance):
    """A table of a registry, which watches its file."""

    @pytest.fixture
    async def made(self, tmp_path: Path) -> AsyncIterator[Table]:
        file = tmp_path / "table"
        file.write_text(TEXT)
        tables = Tables(report=lambda _: None)
        name = f"hash:{file}"
        tables.open([name])
        yield _Registered(tables, name)
        await tables.close()


class _Registered:
    def __init__(self, tables: Tables, name: str) -> None:
        self._tables, self.name = tables, name

    @property
    def takes_parts(self) -> bool:
        return self._tables.takes_parts(self.name)

    async def find(self, key: str) -> str | None:
        return await self._tables.find(self.name, key)

    def values(self) -> frozenset[str] | None:
        return self._tables.values(self.name)

    async def close(self) -> None:
        await self._tables.close()


class TestServers(TablesConformance):
    holds_patterns = True

    @pytest.fixture(params=["socketmap:inet", "socketmap:unix", "tcp"])
    async def made(self, request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Table]:
        kind = request.param
        path = tmp_path / "socket" if kind == "socketmap:unix" else None
        async with LookUpServer(ENTRIES, netstrings=kind != "tcp", path=path) as server:
            where = path or f"127.0.0.1:{server.port}"
            yield open_table(f"{kind}:{where}" + ("" if kind == "tcp" else ":access"))
            await asyncio.sleep(0)
