"""SQL directories in real servers: the conformance suite, hostile addresses, and servers that end.

MariaDB and PostgreSQL are started once; each test has tables of its own contents.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import AsyncExitStack, closing
from pathlib import Path

import pytest

from directory_conformance import WORLD, AddressConformance, World
from peers import needs
from peers.mariadb import DATABASE, PASSWORD, USER, MariaDb
from peers.postgresql import PostgreSql
from postroad.directory import DirectoryUnavailable, Mailbox, Unknown
from postroad.directory.chain import Chain
from postroad.directory.sql.opening import open_sql
from postroad.directory.sql.settings import SqlSettings
from postroad.model import Address
from sql_world import QUERIES, SCHEMA, chained, quoted, rows_of

pytestmark = pytest.mark.peer

HOSTILE = (
    "x' OR '1'='1",
    "x' UNION SELECT 'john@example.org', '{PLAIN}x', 1, '' -- ",
    "x'; DROP TABLE users; -- ",
    'x" OR "1"="1',
    "x\\' OR 1=1 -- ",
    "x'/**/OR/**/1=1#",
    "\u02bcOR 1=1",
    "%27 OR 1=1",
    "%",
    "_",
    "john\0",
    "\udcff",
    "$1",
    "?",
    "j" * 5000,
)


class Sqlite:
    """A database in a file, with the same handles as the servers."""

    driver = "sqlite"

    def __init__(self, folder: Path) -> None:
        self.file = folder / "accounts.db"

    def execute(self, statements: str) -> None:
        with closing(sqlite3.connect(self.file)) as connection:
            connection.executescript(statements)

    def settings(self, **queries: str) -> SqlSettings:
        return SqlSettings(driver="sqlite", file=self.file, **queries)


class Served:
    """A database of a server."""

    def __init__(self, driver: str, server: MariaDb | PostgreSql) -> None:
        self.driver = driver
        self.server = server

    def execute(self, statements: str) -> None:
        # In MariaDB, a backslash in a literal is an escape.
        mysql = self.driver == "mysql"
        self.server.execute(statements.replace("\\", "\\\\") if mysql else statements, DATABASE)

    def settings(self, **queries: str) -> SqlSettings:
        return SqlSettings(
            driver="mysql" if self.driver == "mysql" else "postgresql",
            hosts=(f"127.0.0.1:{self.server.port}",),
            database=DATABASE,
            username=USER,
            **queries,
        )


Database = Sqlite | Served


@pytest.fixture(scope="module", params=["sqlite", "mysql", "postgresql"])
def database(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Database]:
    if request.param == "sqlite":
        yield Sqlite(tmp_path_factory.mktemp("sqlite"))
        return
    needs.library("asyncmy" if request.param == "mysql" else "asyncpg")
    server = MariaDb() if request.param == "mysql" else PostgreSql()
    yield Served(request.param, server)
    server.stop()


def fill(database: Database, world: World) -> None:
    names = ("domains", "users", "aliases", "senders")
    drop = "".join(f"DROP TABLE IF EXISTS {name};\n" for name in names)
    # The reader of PostgreSQL's tables is not the one who made them.
    grant = f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {USER};"
    given = grant if database.driver == "postgresql" else ""
    database.execute(drop + SCHEMA + rows_of(world) + given)


@pytest.fixture
async def exits() -> AsyncExitStack:
    async with AsyncExitStack() as stack:
        yield stack


def opened(
    database: Database, folder: Path, exits: AsyncExitStack, timeout: float = 60, **queries: str
) -> Chain:
    settings = database.settings(**(QUERIES | queries))
    backend = open_sql(settings, PASSWORD, timeout=timeout, pool=2, default_scheme="CRYPT")
    return chained(backend, folder, exits)


@pytest.fixture(scope="class")
def filled(database: Database) -> Database:
    fill(database, WORLD)
    return database


class TestConformance(AddressConformance):
    @pytest.fixture
    def make(self, filled: Database, tmp_path: Path, exits: AsyncExitStack):
        async def made(_world, _texts):
            return opened(filled, tmp_path, exits)

        return made


async def test_nothing_in_an_address_is_sql(
    database: Database, tmp_path: Path, exits: AsyncExitStack
) -> None:
    fill(database, WORLD)
    chain = opened(database, tmp_path, exits)
    for local in HOSTILE:
        assert await chain.resolve(Address(local, "example.org")) == Unknown()
        assert not await chain.is_local(local + ".example")
        assert await chain.authenticate(f'"{local}"@example.org', local) is None
        assert not await chain.owns("john@example.org", Address(local, "example.org"))
    assert await chain.resolve(Address("john", "example.org")) == Mailbox("john@example.org")


@pytest.mark.parametrize(
    ("queries", "words"),
    [
        (
            {"user_query": "SELECT email AS user, password AS pasword FROM users WHERE email='%u'"},
            "pasword",
        ),
        ({"user_query": "SELECT email AS user, nothing FROM users WHERE email='%u'"}, "nothing"),
        ({"alias_query": "SELECT destination FROM alias WHERE source='%s'"}, "alias"),
        (
            {
                "user_query": "SELECT 'a@b.test' AS user FROM users WHERE '%u' <> ''"
                " UNION SELECT 'c@d.test' FROM users"
            },
            "several rows",
        ),
    ],
)
async def test_an_answer_that_is_none_is_no_unknown_user(
    database: Database, tmp_path: Path, exits: AsyncExitStack, queries: dict[str, str], words: str
) -> None:
    fill(database, WORLD)
    chain = opened(database, tmp_path, exits, **queries)
    with pytest.raises(DirectoryUnavailable, match=words):
        await chain.resolve(Address("john", "example.org"))


async def test_duplicates_are_one(
    database: Database, tmp_path: Path, exits: AsyncExitStack
) -> None:
    fill(database, WORLD)
    database.execute("INSERT INTO users SELECT * FROM users WHERE email='john@example.org';")
    chain = opened(database, tmp_path, exits)
    assert await chain.login_name("john@example.org") == "john@example.org"


async def test_another_spelling_of_a_name_is_no_other_account(
    database: Database, tmp_path: Path, exits: AsyncExitStack
) -> None:
    """MariaDB's usual collation takes `j\u00f6hn` for `john`."""
    fill(database, WORLD)
    is_loose = database.driver == "mysql"
    chain = opened(database, tmp_path, exits)
    for name in ("j\u00f6hn@example.org", "joh\u0144@example.org"):
        user = await chain.authenticate(name, "summersun")
        assert user == ("john@example.org" if is_loose else None)


async def test_a_row_that_says_not_whose_it_is(
    database: Database, tmp_path: Path, exits: AsyncExitStack
) -> None:
    fill(database, WORLD)
    query = "SELECT password FROM users WHERE email='%u'"
    chain = opened(database, tmp_path, exits, user_query=query)
    assert await chain.authenticate("john@example.org", "summersun") == "john@example.org"
    if database.driver == "mysql":
        with pytest.raises(DirectoryUnavailable, match="a column user is missing"):
            await chain.authenticate("j\u00f6hn@example.org", "summersun")
    else:
        assert await chain.authenticate("j\u00f6hn@example.org", "summersun") is None


async def test_a_huge_value_waits_for_the_operator(
    database: Database, tmp_path: Path, exits: AsyncExitStack
) -> None:
    fill(database, WORLD)
    huge = {
        "sqlite": "hex(zeroblob(33554432))",
        "mysql": "REPEAT('x', 8000000)",
        "postgresql": "REPEAT('x', 67108864)",
    }
    query = f"SELECT {huge[database.driver]} AS home FROM users WHERE email='%u'"
    chain = opened(database, tmp_path, exits, user_query=query)
    with pytest.raises(DirectoryUnavailable):
        await chain.resolve(Address("john", "example.org"))


async def test_more_targets_than_anybody_writes(
    database: Database, tmp_path: Path, exits: AsyncExitStack
) -> None:
    fill(database, WORLD)
    rows = "UNION ALL ".join(["SELECT 'a@b.test' AS t "] * 40)
    query = f"SELECT x.t FROM ({rows}) AS x, ({rows}) AS y WHERE '%s' <> ''"
    chain = opened(database, tmp_path, exits, alias_query=query)
    with pytest.raises(DirectoryUnavailable, match="1000 targets"):
        await chain.resolve(Address("john", "example.org"))


async def test_who_may_send_by_a_query(
    database: Database, tmp_path: Path, exits: AsyncExitStack
) -> None:
    fill(database, WORLD)
    rows = [("shop@example.org", "mary@example.org"), ("@example.net", "john@example.org")]
    for address, login in rows:
        database.execute(f"INSERT INTO senders VALUES ({quoted(address)}, {quoted(login)});")
    settings = database.settings(
        **QUERIES, sender_query="SELECT login FROM senders WHERE address='%s'"
    )
    backend = open_sql(settings, PASSWORD, timeout=60, pool=2, default_scheme="CRYPT")
    chain = chained(backend, tmp_path, exits, senders=backend)
    for user, address, owned in [
        ("mary@example.org", "shop@example.org", True),
        ("ann@example.net", "shop@example.org", False),
        ("john@example.org", "anything@example.net", True),
        ("ann@example.net", "ann@example.net", False),
        ("john@example.org", "sales@example.org", True),
    ]:
        assert await chain.owns(user, Address.parse(address)) is owned, address


async def test_a_server_that_ends_and_comes_back(
    database: Database, tmp_path: Path, exits: AsyncExitStack
) -> None:
    if isinstance(database, Sqlite):
        pytest.skip("a file has no server")
    fill(database, WORLD)
    chain = opened(database, tmp_path, exits)
    assert await chain.login_name("john@example.org") == "john@example.org"
    database.server.hang_up()
    assert await chain.login_name("mary@example.org") == "mary@example.org"
    database.server.end()
    try:
        for question in (
            chain.resolve(Address("new", "example.org")),
            chain.is_local("new.example"),
            chain.authenticate("new@example.org", "x"),
            chain.place("new@example.org"),
        ):
            with pytest.raises(DirectoryUnavailable):
                await question
    finally:
        database.server.start()
    backend = open_sql(
        database.settings(**QUERIES), PASSWORD, timeout=60, pool=2, default_scheme="CRYPT"
    )
    exits.push_async_callback(backend.close)
    assert await backend.account("john@example.org") is not None


async def test_a_wrong_password_of_the_database(
    database: Database, tmp_path: Path, exits: AsyncExitStack
) -> None:
    if isinstance(database, Sqlite):
        pytest.skip("a file has no password")
    backend = open_sql(
        database.settings(**QUERIES), "wr0ng", timeout=60, pool=2, default_scheme="CRYPT"
    )
    chain = chained(backend, tmp_path, exits)
    with pytest.raises(DirectoryUnavailable) as raised:
        await chain.resolve(Address("john", "example.org"))
    assert "wr0ng" not in str(raised.value)


async def test_a_slow_query_is_given_up(
    database: Database, tmp_path: Path, exits: AsyncExitStack
) -> None:
    fill(database, WORLD)
    slow = {
        "sqlite": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)"
        " SELECT i AS user FROM n WHERE '%u' = i",
        "mysql": "SELECT SLEEP(30) AS user FROM users WHERE '%u' <> ''",
        "postgresql": "SELECT CAST(pg_sleep(30) AS text) AS user WHERE '%u' <> ''",
    }
    chain = opened(database, tmp_path, exits, timeout=1, user_query=slow[database.driver])
    with pytest.raises(DirectoryUnavailable, match="1 seconds"):
        await chain.login_name("john@example.org")


async def test_a_list_of_accounts(
    database: Database, tmp_path: Path, exits: AsyncExitStack
) -> None:
    """More than the bound of rows that other answers have."""
    fill(database, WORLD)
    rows = ", ".join(f"('u{number}@example.org', '', 0)" for number in range(2000))
    database.execute(f"INSERT INTO users (email, password, enabled) VALUES {rows};")
    query = "SELECT email AS user, enabled FROM users ORDER BY email DESC;"
    settings = database.settings(**QUERIES, accounts_query=query)
    backend = open_sql(settings, PASSWORD, timeout=60, pool=1, default_scheme="CRYPT")
    exits.push_async_callback(backend.close)
    listed = await backend.accounts()
    assert listed is not None
    assert len(listed) == 2000 + len(WORLD.users)
    assert [each.name for each in listed] == sorted(each.name for each in listed)
    enabled = {each.name: each.enabled for each in listed}
    assert (enabled["john@example.org"], enabled["u7@example.org"]) == (True, False)
