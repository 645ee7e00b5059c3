"""What a SQL directory asks: placeholders of both forms, presets, rows that are odd, injection."""

from __future__ import annotations

import asyncio
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroad.directory import Alias, DirectoryUnavailable, Place
from postroad.directory.backend import Account
from postroad.directory.passwords.credentials import Credentials
from postroad.directory.sql.opening import SqlMistake, access_of, open_sql
from postroad.directory.sql.queries import QueryMistake, queries_of, scheme_of
from postroad.directory.sql.settings import SqlSettings
from postroad.model import Address
from postroad.tables.kept import Bounds

TABLES = """
CREATE TABLE virtual_domains (id INTEGER PRIMARY KEY, name TEXT);
CREATE TABLE virtual_aliases (id INTEGER PRIMARY KEY, domain_id INTEGER, source TEXT,
  destination TEXT);
INSERT INTO virtual_domains VALUES (1, 'example.org'), (2, 'example.net');
"""
WHOLE = """
INSERT INTO virtual_aliases VALUES (1, 1, 'jack@example.org', 'john@example.org'),
  (2, 1, 'jack@example.org', 'lisa@example.org, "a,b"@example.org'),
  (3, 1, '@example.org', 'x@y.z');
"""
ETCH = """
CREATE TABLE virtual_users (id INTEGER PRIMARY KEY, domain_id INTEGER, user TEXT, password TEXT);
INSERT INTO virtual_users VALUES (1, 1, 'john', '5ebe2294ecd0e0f08eab7690d2a6ee69');
INSERT INTO virtual_aliases VALUES (1, 1, 'jack', 'john@example.org'),
  (2, 1, 'jack', 'lisa@example.org, "a,b"@example.org'), (3, 1, '', 'x@y.z');
"""
DEBIAN7 = """
CREATE TABLE virtual_users (id INTEGER PRIMARY KEY, domain_id INTEGER, email TEXT, password TEXT);
INSERT INTO virtual_users VALUES (1, 1, 'john@example.org', '5ebe2294ecd0e0f08eab7690d2a6ee69');
"""
DEBIAN11 = """
CREATE TABLE virtual_users (id INTEGER PRIMARY KEY, domain_id INTEGER, email TEXT, password TEXT,
  quota INTEGER);
INSERT INTO virtual_users VALUES (1, 1, 'john@example.org', '{PLAIN}secret', 1000);
"""
OLD = Credentials("5ebe2294ecd0e0f08eab7690d2a6ee69", default="PLAIN-MD5")


def sqlite(folder: Path, script: str) -> Path:
    file = folder / "accounts.db"
    connection = sqlite3.connect(file)
    connection.executescript(script)
    connection.close()
    return file


def opened(file: Path, **settings: object):
    given = SqlSettings(driver="sqlite", file=file, **settings)
    return open_sql(given, "", timeout=10, pool=1, default_scheme="CRYPT")


@pytest.mark.parametrize(
    ("preset", "script", "account"),
    [
        (
            "ispmail",
            DEBIAN11 + WHOLE,
            Account(
                "john@example.org",
                credentials=Credentials("{PLAIN}secret"),
                place=Place(quota_bytes=1000),
            ),
        ),
        ("ispmail-debian7", DEBIAN7 + WHOLE, Account("john@example.org", credentials=OLD)),
        ("ispmail-etch", ETCH, Account("john@example.org", credentials=OLD)),
    ],
)
async def test_the_guides_tables(
    tmp_path: Path, preset: str, script: str, account: Account
) -> None:
    backend = opened(sqlite(tmp_path, TABLES + script), preset=preset)
    assert await backend.has_domain("example.net")
    assert not await backend.has_domain("elsewhere.test")
    assert await backend.account("john@example.org") == account
    assert await backend.account("john@example.net") is None
    jack = Alias(
        (
            Address("john", "example.org"),
            Address("lisa", "example.org"),
            Address("a,b", "example.org"),
        )
    )
    assert await backend.alias("jack@example.org") == jack
    assert await backend.alias("@example.org") == Alias((Address("x", "y.z"),))
    assert await backend.alias("@example.net") is None
    await backend.close()


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ("'{PLAIN}x' AS password", Account("a@b.test", credentials=Credentials("{PLAIN}x"))),
        ("NULL AS password", Account("a@b.test", credentials=Credentials(""))),
        ("'Eve@B.test' AS user", Account("eve@b.test", credentials=Credentials(""))),
        ("'eve' AS user", Account("eve@b.test", credentials=Credentials(""))),
        (
            "'eve' AS username, 'c.test' AS domain",
            Account("eve@c.test", credentials=Credentials("")),
        ),
        ("'Y' AS nologin", Account("a@b.test", enabled=False, credentials=Credentials(""))),
        ("NULL AS nologin", Account("a@b.test", credentials=Credentials(""))),
        ("0 AS enabled", Account("a@b.test", enabled=False, credentials=Credentials(""))),
        ("NULL AS active", Account("a@b.test", enabled=False, credentials=Credentials(""))),
        ("1 AS active", Account("a@b.test", credentials=Credentials(""))),
        (
            (
                "'/var/vmail/%d/%n' AS userdb_home, 5000 AS userdb_uid, '5001' AS gid,"
                " '*:storage=1M:messages=7' AS quota_rule"
            ),
            Account(
                "a@b.test",
                credentials=Credentials(""),
                place=Place("/var/vmail/b.test/a", "", 5000, 5001, 1 << 20, 7),
            ),
        ),
    ],
)
async def test_columns_are_dovecots(tmp_path: Path, row: str, expected: Account) -> None:
    backend = opened(sqlite(tmp_path, TABLES), user_query=f"SELECT {row} WHERE '%u' = 'a@b.test'")
    assert await backend.account("a@b.test") == expected
    assert await backend.account("other@b.test") is None
    await backend.close()


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("'x' AS pasword", 'user_query: a column "pasword" means nothing; did you mean password?'),
        ("1", 'user_query: a column "1" means nothing; name it with AS'),
        ("'a b@' AS user", "found for a@b.test"),
        ("'../x' AS uid", "uid"),
        ("'*:storage=much' AS quota_rule", "quota"),
        ("-1 AS quota_bytes", "quota_bytes: expected a number"),
        ("hex(zeroblob(40000)) AS home", "longer than"),
    ],
)
async def test_rows_that_are_odd_wait(tmp_path: Path, row: str, words: str) -> None:
    backend = opened(sqlite(tmp_path, TABLES), user_query=f"SELECT {row} WHERE '%u' = 'a@b.test'")
    with pytest.raises(DirectoryUnavailable, match=words.replace("?", r"\?")):
        await backend.account("a@b.test")
    await backend.close()


@pytest.mark.parametrize("name", ["\u00e4@b.test", '"a "@b.test', '"a\x01"@b.test'])
async def test_a_name_that_compares_loosely_needs_a_row_that_says_it(
    tmp_path: Path, name: str
) -> None:
    file = sqlite(tmp_path, TABLES)
    backend = opened(file, user_query="SELECT '' AS home WHERE '%u' <> ''")
    with pytest.raises(DirectoryUnavailable, match="says not whose it is"):
        await backend.account(name)
    await backend.close()
    backend = opened(file, user_query="SELECT 'a' AS user WHERE '%u' <> ''")
    found = await backend.account(name)
    assert found is not None
    assert found.name == "a@b.test"
    await backend.close()


async def test_a_password_of_another_query(tmp_path: Path) -> None:
    backend = opened(
        sqlite(tmp_path, TABLES),
        user_query="SELECT '/home/%n' AS home WHERE '%Lu' LIKE '%%@b.test'",
        password_query="SELECT '{PLAIN}x' AS password WHERE '%{user}' <> 'gone@b.test'",
    )
    found = await backend.account("a@b.test")
    assert found == Account("a@b.test", credentials=Credentials("{PLAIN}x"), place=Place("/home/a"))
    assert await backend.account("gone@b.test") is None
    assert await backend.account("a@c.test") is None
    await backend.close()


@pytest.mark.parametrize("targets", ["no address", "@b.test", "a@b.test, ,<x"])
async def test_targets_that_are_none(tmp_path: Path, targets: str) -> None:
    backend = opened(sqlite(tmp_path, TABLES), alias_query=f"SELECT '{targets}' WHERE '%s' <> ''")
    with pytest.raises(DirectoryUnavailable, match=r"alias x@y.z: target"):
        await backend.alias("x@y.z")
    await backend.close()


@pytest.mark.parametrize(
    ("settings", "key", "words"),
    [
        ({}, "preset", "is required"),
        ({"user_query": "SELECT 1"}, "user_query", "placeholder"),
        ({"user_query": "SELECT '%n', '%u@%d'"}, "user_query", "whole address"),
        ({"user_query": "SELECT '%x'"}, "user_query", "means nothing"),
        ({"user_query": "SELECT '%{pid}'"}, "user_query", "means nothing"),
        ({"password_query": "SELECT '%Uu'"}, "password_query", "means nothing"),
        ({"alias_query": "SELECT '%n'"}, "alias_query", "means nothing"),
        ({"alias_query": "SELECT \u2018%s\u2019"}, "alias_query", "quotation mark"),
        ({"domain_query": 'SELECT x FROM "%s"', "driver": "postgresql"}, "domain_query", "a name"),
    ],
)
def test_queries_that_cannot_be_used(settings: dict[str, str], key: str, words: str) -> None:
    with pytest.raises(QueryMistake, match=words) as raised:
        queries_of(SqlSettings(**({"driver": "sqlite"} | settings)))
    assert raised.value.key == key


@pytest.mark.parametrize(
    ("driver", "hosts", "shown"),
    [
        ("mysql", (), ["/run/mysqld/mysqld.sock"]),
        ("postgresql", (), ["localhost:5432"]),
        (
            "mysql",
            ("a.test", "b.test:3307", "unix:/s", "[::1]:1"),
            ["a.test:3306", "b.test:3307", "/s", "::1:1"],
        ),
    ],
)
def test_where_servers_are(driver: str, hosts: tuple[str, ...], shown: list[str]) -> None:
    access = access_of(SqlSettings(driver=driver, hosts=hosts), "secret", Bounds())
    assert [str(host) for host in access.hosts] == shown
    assert "secret" not in repr(access)


def test_a_host_that_is_none() -> None:
    with pytest.raises(SqlMistake, match=r"expected .host:port"):
        access_of(SqlSettings(driver="mysql", hosts=("a:b:c",)), "", Bounds())


@pytest.mark.parametrize(
    ("settings", "scheme"),
    [
        ({}, "CRYPT"),
        ({"preset": "ispmail"}, "CRYPT"),
        ({"preset": "ispmail-debian7"}, "PLAIN-MD5"),
        ({"preset": "ispmail-debian7", "default_scheme": "SSHA"}, "SSHA"),
    ],
)
def test_the_scheme_of_bare_hashes(settings: dict[str, str], scheme: str) -> None:
    assert scheme_of(SqlSettings(**settings), "CRYPT") == scheme


@given(st.lists(st.one_of(st.text(), st.text("'\"\\;-%()*/ x@")), min_size=1, max_size=4))
def test_no_name_is_ever_sql(tmp_path_factory: pytest.TempPathFactory, parts: list[str]) -> None:
    """Whatever is asked for, a database with one account answers for that one alone."""
    file = tmp_path_factory.mktemp("sql") / "accounts.db"
    connection = sqlite3.connect(file)
    connection.executescript(TABLES + DEBIAN11 + WHOLE)
    connection.close()

    async def ask() -> None:
        backend = opened(file, preset="ispmail")
        for name in ("".join(parts), f"{parts[0]}@example.org", "john@example.org".join(parts)):
            if name in {"john@example.org", "jack@example.org", "@example.org"}:
                continue
            assert await backend.account(name) is None
            assert await backend.alias(name) is None
            assert not await backend.has_domain(f"{name}x")
        assert await backend.account("john@example.org") is not None
        await backend.close()

    asyncio.run(ask())


def test_the_list_of_accounts() -> None:
    preset = SqlSettings(driver="sqlite", preset="ispmail")
    found = queries_of(preset).accounts
    assert found is not None
    assert found.places == ()
    own = replace(preset, user_query="SELECT 1 FROM a WHERE b='%u'")
    assert queries_of(own).accounts is None  # the preset's would list another table
    mine = replace(own, accounts_query="SELECT a AS user FROM b WHERE c LIKE '%%x' ;")
    listing = queries_of(mine).accounts
    assert listing is not None
    text = "SELECT a AS user FROM b WHERE c LIKE '%x'"
    assert listing.texts == (text,)
    listing = queries_of(replace(mine, driver="mysql")).accounts
    assert listing is not None
    assert listing.texts == (f"SELECT * FROM ({text}\n) AS listed LIMIT 100001",)
    with pytest.raises(QueryMistake, match="no placeholder"):
        queries_of(replace(own, accounts_query="SELECT a AS user FROM b WHERE a='%u'"))
