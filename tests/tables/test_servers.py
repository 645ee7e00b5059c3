"""Tables in real MariaDB, PostgreSQL and slapd: the answers are those of `postmap -q`.

The same queries are put to each, also those of the guides, and so are addresses that were made to
break out of a query. Servers are ended, started anew and hung up on while they are asked.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from peers import needs
from peers.mariadb import DATABASE, PASSWORD, USER, MariaDb
from peers.postgresql import PostgreSql
from peers.postmap import Postmap
from peers.processes import peer_folder, remove_folder
from peers.slapd import BASE, READER, Slapd
from peers.slapd import PASSWORD as LDAP_PASSWORD
from postroad.tables import Table, TableUnavailable, open_table

pytestmark = pytest.mark.peer

SCHEMA = """\
CREATE TABLE virtual_users (id INTEGER PRIMARY KEY, email VARCHAR(100), password VARCHAR(150));
CREATE TABLE virtual_aliases (id INTEGER PRIMARY KEY, source VARCHAR(100), destination TEXT);
INSERT INTO virtual_users VALUES
    (1, 'john@example.org', 'secret'), (2, 'mary@example.org', 'secret'),
    (3, 'o''brien@example.org', 'secret'), (4, 'müller@example.org', 'secret'),
    (5, 'x\\@example.org', 'secret'), (6, '100%@example.org', 'secret'),
    (7, '"john doe"@example.org', 'secret');
INSERT INTO virtual_aliases VALUES
    (1, 'sales@example.org', 'john@example.org'), (2, 'sales@example.org', 'mary@example.org'),
    (3, '@example.net', 'john@example.org'), (4, 'nobody@example.org', NULL),
    (5, 'empty@example.org', ''), (6, '1', 'one');
"""

INJECTIONS = (
    "x' OR '1'='1@example.org",
    "x' UNION SELECT password FROM virtual_users -- @example.org",
    "x'; DROP TABLE virtual_users; -- @example.org",
    'x" OR "1"="1@example.org',
    "x\\' OR 1=1 -- @example.org",
    "x\\\\' OR 1=1 -- @example.org",
    "x'/**/OR/**/1=1#@example.org",
    "\u02bcOR 1=1@example.org",
    "\u00bf' OR 1=1@example.org",
    "%27 OR 1=1@example.org",
    "$1@example.org",
    "?@example.org",
    "*",
    "*@example.org",
    "*)(uid=*))(|(uid=*@example.org",
    "john*",
    "\\2a@example.org",
)

KEYS = (
    "john@example.org",
    "JOHN@EXAMPLE.org",
    "sales@example.org",
    "o'brien@example.org",
    "müller@example.org",
    "MÜLLER@example.org",
    "x\\@example.org",
    "100%@example.org",
    '"john doe"@example.org',
    "nobody@example.org",
    "empty@example.org",
    "unknown@example.org",
    "john@sub.example.net",
    "any@example.net",
    "@example.net",
    "example.net",
    "@",
    "x@",
    "1",
    "9999999999999",
    *INJECTIONS,
)

# The guides' queries: who may send as whom (email2email, with and without aliases).
QUERIES = {
    "email2email": "query = SELECT email FROM virtual_users WHERE email='%s'",
    "alias_send": "query = SELECT email FROM virtual_users WHERE email='%s' UNION SELECT"
    " destination FROM virtual_aliases WHERE source='%s' ORDER BY 1",
    "catchall": "query = SELECT destination FROM virtual_aliases WHERE source = '@%d'",
    "pieces": "query = SELECT email, id FROM virtual_users WHERE email = '%u@%2.%1'",
    "like": "query = SELECT source FROM virtual_aliases WHERE source LIKE '%%@%d' ORDER BY id",
    "format": "query = SELECT destination FROM virtual_aliases WHERE source = '%s' ORDER BY id\n"
    "result_format = %u at %d for %U",
    "limited": "query = SELECT destination FROM virtual_aliases WHERE source = '%s'\n"
    "expansion_limit = 1",
    "domains": "query = SELECT email FROM virtual_users WHERE email='%s'\ndomain = example.org",
    "legacy": "table = virtual_users\nselect_field = email\nwhere_field = email\n"
    "additional_conditions = AND id < 4",
}
NUMBERS = {"number": "query = SELECT source FROM virtual_aliases WHERE id = '%s'"}


DIFFERENCES = {
    ("pgsql", False): "before version 3.8, Postfix speaks Latin-1 with PostgreSQL",
}


MOST_FAILING = 3
"""Keys of one table that are asked for one by one: postmap sleeps before it fails."""


class Farm:
    """The servers of this module, started when they are first asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.postmap = Postmap(folder)
        self._servers: dict[str, MariaDb | PostgreSql | Slapd] = {}

    @property
    def mariadb(self) -> MariaDb:
        server = self._servers.get("mysql")
        if not isinstance(server, MariaDb):
            server = self._servers["mysql"] = MariaDb()
            # In MySQL, a backslash in a literal is an escape.
            server.execute(SCHEMA.replace("\\", "\\\\"), DATABASE)
        return server

    @property
    def postgresql(self) -> PostgreSql:
        server = self._servers.get("pgsql")
        if not isinstance(server, PostgreSql):
            server = self._servers["pgsql"] = PostgreSql()
            server.execute(SCHEMA)
            server.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {USER}")
        return server

    @property
    def slapd(self) -> Slapd:
        needs.library("bonsai")
        server = self._servers.get("ldap")
        if not isinstance(server, Slapd):
            server = self._servers["ldap"] = Slapd(ENTRIES)
        return server

    def database(self, kind: str) -> MariaDb | PostgreSql:
        return self.mariadb if kind == "mysql" else self.postgresql

    def table(self, kind: str, query: str, **more: str) -> str:
        server = self.database(kind)
        given = {"hosts": f"127.0.0.1:{server.port}", "user": USER, "password": PASSWORD}
        given |= {"dbname": DATABASE, **more}
        if kind == "mysql":  # before version 3.9, Postfix takes what the library takes
            given |= {"charset": "utf8mb4"}
        return self.file(kind, query, given)

    def file(self, kind: str, query: str, given: Mapping[str, str]) -> str:
        lines = [f"{name} = {value}" for name, value in given.items()]
        file = self.folder / f"{kind}-{len(list(self.folder.iterdir()))}.cf"
        file.write_text("\n".join([*lines, query, ""]))
        return f"{kind}:{file}"

    def stop(self) -> None:
        for server in self._servers.values():
            server.stop()


ENTRIES = "".join(
    f"dn: uid={number},{BASE}\nobjectClass: inetOrgPerson\nuid: {number}\nsn: x\ncn: {cn}\n{mail}\n"
    for number, (cn, mail) in enumerate(
        [
            ("john@example.org", "mail: john@example.org\n"),
            ("mary@example.org", "mail: mary@example.org\nmail: m@example.org\n"),
            ("OK", "mail: *@example.org\n"),
            ("müller@example.org", "mail: mueller@example.org\n"),
            ("sales@example.org", "mail: sales@example.org\ndescription: %u\n"),
            ("sales2@example.org", "mail: sales@example.org\n"),
        ]
    )
)

FILTERS = {
    "mail": "query_filter = (mail=%s)\nresult_attribute = cn",
    "bare": "query_filter = mail=%s\nresult_attribute = cn",
    "two": "query_filter = (|(mail=%s)(mail=%u@example.org))\nresult_attribute = cn, mail",
    "format": "query_filter = (mail=%s)\nresult_attribute = cn\nresult_format = %u at %d, %U",
    "limited": "query_filter = (mail=%s)\nresult_attribute = cn\nexpansion_limit = 1",
    "domains": "query_filter = (mail=%s)\nresult_attribute = cn\ndomain = example.net",
    "one": "query_filter = (mail=%s)\nresult_attribute = cn\nscope = one",
    "nowhere": "query_filter = (mail=%s)\nresult_attribute = cn\nscope = base",
}


@pytest.fixture(scope="module")
def farm() -> Iterator[Farm]:
    folder = peer_folder("servers")
    farm = Farm(folder)
    yield farm
    farm.stop()
    remove_folder(folder)


async def _compare(farm: Farm, name: str, keys: tuple[str, ...] = KEYS) -> None:
    kind = name.partition(":")[0]
    if kind not in farm.postmap.types():
        pytest.skip(f"this Postfix has no {kind}")
    table, ours, said = open_table(name), dict[str, str | None](), ""
    for key in keys:
        try:
            ours[key] = await table.find(key)
        except TableUnavailable as error:
            ours[key], said = "unavailable", f"{said} {error}"
    # After a key that it cannot answer, postmap asks for no other one.
    failing = [key for key in keys if ours[key] == "unavailable"]
    asked = [[key] for key in failing[:MOST_FAILING]]
    asked.append([key for key in keys if key not in failing])
    wrong = []
    for group in asked:
        found, words = farm.postmap.find(name, group)
        stopped = "fatal" in words or "error" in words
        for key in group:
            theirs = "unavailable" if stopped else found.get(key)
            if ours[key] != theirs and (kind, key.isascii()) not in DIFFERENCES:
                wrong.append(f"{key!r}: postmap {theirs!r}, here {ours[key]!r} {words} {said}")
    await table.close()
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("kind", ["mysql", "pgsql"])
@pytest.mark.parametrize("query", QUERIES)
async def test_databases(farm: Farm, kind: str, query: str) -> None:
    name = farm.table(kind, QUERIES[query])
    # That file is read by both; the charset is not known to a Postfix before 3.9.
    await _compare(farm, name)


async def _ask(name: str, key: str) -> str | None:
    table = open_table(name)
    try:
        return await table.find(key)
    finally:
        await table.close()


@pytest.mark.parametrize("kind", ["mysql", "pgsql"])
async def test_the_query_of_the_guide(farm: Farm, kind: str) -> None:
    name = farm.table(kind, QUERIES["email2email"])
    assert await _ask(name, "john@example.org") == "john@example.org"
    assert await _ask(name, "nobody@example.org") is None


@pytest.mark.parametrize("kind", ["mysql", "pgsql"])
@pytest.mark.parametrize("key", INJECTIONS)
async def test_an_address_is_no_sql(farm: Farm, kind: str, key: str) -> None:
    assert await _ask(farm.table(kind, QUERIES["alias_send"]), key) is None


async def test_numbers_in_postgresql(farm: Farm) -> None:
    name = farm.table("pgsql", NUMBERS["number"])
    await _compare(farm, name, ("1", "2", "7", "x", "1 OR 1=1", "99999999999"))


@pytest.mark.parametrize("mode", ["NO_BACKSLASH_ESCAPES", "ANSI_QUOTES"])
async def test_whatever_the_mode_of_mariadb(farm: Farm, mode: str) -> None:
    server = farm.mariadb
    server.execute(f"SET GLOBAL sql_mode = '{mode}';")  # of connections from now on
    try:
        hosts = f"unix:{server.socket}"
        table = open_table(farm.table("mysql", QUERIES["alias_send"], hosts=hosts))
        assert [await table.find(key) for key in INJECTIONS] == [None] * len(INJECTIONS)
        assert await table.find("x\\@example.org") == "x\\@example.org"
        assert await table.find("o'brien@example.org") == "o'brien@example.org"
        await table.close()
    finally:
        server.execute("SET GLOBAL sql_mode = '';")


@pytest.mark.parametrize("kind", ["mysql", "pgsql"])
async def test_an_update_is_no_lookup(farm: Farm, kind: str) -> None:
    name = farm.table(kind, "query = DELETE FROM virtual_users WHERE email = '%s'")
    with pytest.raises(TableUnavailable):
        await _ask(name, "john@example.org")
    assert await _ask(farm.table(kind, QUERIES["email2email"]), "john@example.org")


@pytest.mark.parametrize("kind", ["mysql", "pgsql"])
@pytest.mark.parametrize(
    ("more", "query"),
    [
        ({"password": "wrong"}, "email2email"),
        ({"dbname": "nowhere"}, "email2email"),
        ({"hosts": "unix:/nowhere/socket"}, "email2email"),
        ({}, "query = SELECT nothing FROM nowhere WHERE x = '%s'"),
        ({}, "query = SELEC '%s'"),
    ],
)
async def test_what_fails_is_unavailable(
    farm: Farm, kind: str, more: dict[str, str], query: str
) -> None:
    name = farm.table(kind, QUERIES.get(query, query), **more)
    with pytest.raises(TableUnavailable) as raised:
        await _ask(name, "john@example.org")
    assert PASSWORD not in str(raised.value)


@pytest.mark.parametrize("kind", ["mysql", "pgsql"])
async def test_a_connection_that_was_hung_up_on_is_made_anew(farm: Farm, kind: str) -> None:
    table = open_table(farm.table(kind, QUERIES["email2email"]))
    assert await table.find("john@example.org")
    farm.database(kind).hang_up()
    assert await table.find("john@example.org")
    await table.close()


@pytest.mark.parametrize("kind", ["mysql", "pgsql"])
async def test_a_server_that_ends_and_comes_back(farm: Farm, kind: str) -> None:
    server = farm.database(kind)
    table = open_table(farm.table(kind, QUERIES["email2email"], retry_interval="0s"))
    assert await table.find("john@example.org")
    server.end()
    try:
        with pytest.raises(TableUnavailable):
            await table.find("john@example.org")
    finally:
        server.start()
    assert await table.find("john@example.org")
    await table.close()


@pytest.mark.parametrize(
    ("kind", "nap"), [("mysql", "SELECT SLEEP(60), '%s'"), ("pgsql", "SELECT pg_sleep(60), '%s'")]
)
async def test_a_query_has_a_time_limit(farm: Farm, kind: str, nap: str) -> None:
    name = farm.table(kind, f"query = {nap}\ntimeout = 1s")
    with pytest.raises(TableUnavailable, match="no answer in 1 second"):
        await _ask(name, "x")


@pytest.mark.parametrize("kind", ["mysql", "pgsql"])
async def test_many_at_once(farm: Farm, kind: str) -> None:
    table = open_table(farm.table(kind, QUERIES["email2email"]))
    answers = await asyncio.gather(*(table.find("john@example.org") for _ in range(200)))
    assert answers == ["john@example.org"] * 200
    await table.close()


@pytest.mark.parametrize("url", ["mysql", "postgresql"])
@pytest.mark.parametrize("suffix", ["cf", "toml"])
async def test_by_url(farm: Farm, url: str, suffix: str) -> None:
    server = farm.database("mysql" if url == "mysql" else "pgsql")
    password = "".join(f"%{octet:02x}" for octet in PASSWORD.encode())
    place = f"{url}://{USER}:{password}@127.0.0.1:{server.port}/{DATABASE}"
    file = farm.folder / f"{url}.{suffix}"
    query = "SELECT email FROM virtual_users WHERE email = '%s'"
    quote = '"' if suffix == "toml" else ""
    file.write_text(f"url = {quote}{place}{quote}\nquery = {quote}{query}{quote}\n")
    assert await _ask(f"sql:{file}", "mary@example.org") == "mary@example.org"


def _ldap(farm: Farm, query: str, **more: str) -> str:
    given = {"server_host": farm.slapd.url, "search_base": BASE, "version": "3"}
    given |= {"bind_dn": READER, "bind_pw": LDAP_PASSWORD, **more}
    return farm.file("ldap", query, given)


@pytest.mark.parametrize("query", FILTERS)
async def test_directories(farm: Farm, query: str) -> None:
    await _compare(farm, _ldap(farm, FILTERS[query]), (*KEYS, "mary@example.org"))


@pytest.mark.parametrize("key", INJECTIONS)
async def test_an_address_is_no_filter(farm: Farm, key: str) -> None:
    found = await _ask(_ldap(farm, FILTERS["mail"]), key)
    assert found == ("OK" if key == "*@example.org" else None)


async def test_an_address_is_no_name(farm: Farm) -> None:
    base = f"uid=%u,{BASE}"
    name = _ldap(farm, "query_filter = (objectClass=*)\nresult_attribute = cn", search_base=base)
    await _compare(farm, name, ("0@x", "1@x", "9@x", "0,dc=example@x", "*@x", "0+cn=x@x"))


@pytest.mark.parametrize(
    "more",
    [
        {"bind_pw": "wrong"},
        {"server_host": "ldap://127.0.0.1:1"},
        {"start_tls": "yes"},
    ],
)
async def test_a_directory_that_cannot_be_asked(farm: Farm, more: dict[str, str]) -> None:
    with pytest.raises(TableUnavailable):
        await _ask(_ldap(farm, FILTERS["mail"], **more), "john@example.org")


async def test_a_directory_that_ends_and_comes_back(farm: Farm) -> None:
    table = open_table(_ldap(farm, FILTERS["mail"]))
    assert await table.find("john@example.org") == "john@example.org"
    farm.slapd.end()
    farm.slapd.start()
    assert await table.find("john@example.org") == "john@example.org"
    await table.close()


OPENED: tuple[Callable[[Farm], str], ...] = (
    lambda farm: farm.table("mysql", QUERIES["email2email"]),
    lambda farm: farm.table("pgsql", QUERIES["email2email"]),
    lambda farm: _ldap(farm, FILTERS["mail"]),
)


@pytest.mark.parametrize("opened", OPENED, ids=["mysql", "pgsql", "ldap"])
async def test_the_promises(farm: Farm, opened: Callable[[Farm], str]) -> None:
    table: Table = open_table(opened(farm))
    assert table.takes_parts
    assert table.values() is None
    for odd in ("", "\0", "a\0b@example.org", "\udcff@example.org", "x" * 100_000):
        with contextlib.suppress(TableUnavailable):
            assert await table.find(odd) is None
    assert await table.find("john@example.org") == "john@example.org"
    await table.close()
