"""The queries of the Debian 11 guide and of its readers, about who may send as which address.

A Postfix and a Postroad ask one MariaDB by the same file. The guide's query finds the user of an
address, and the one that a reader asked for finds those an alias delivers to as well. The one that
he had first, with the quotation marks of a web page, is a mistake here before mail comes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from guide_lines import DEBIAN11, JOHN, LISA
from guide_servers import Conversation, Guide, GuideServers
from peers import needs
from peers.certificates import Certificate
from peers.mariadb import DATABASE, PASSWORD, USER, MariaDb

pytestmark = pytest.mark.peer

SCHEMA = f"""
CREATE TABLE virtual_users (email VARCHAR(100));
CREATE TABLE virtual_aliases (source VARCHAR(100), destination VARCHAR(100));
INSERT INTO virtual_users VALUES ('{JOHN}'), ('{LISA}');
INSERT INTO virtual_aliases VALUES ('team@example.org', '{JOHN}'), ('team@example.org', '{LISA}'),
  ('office@example.org', '{LISA}');
"""
OF_USERS = "SELECT email FROM virtual_users WHERE email='%s'"
OF_ALIASES = f"{OF_USERS} UNION SELECT destination FROM virtual_aliases WHERE source='%s'"
OF_NO_TABLE = OF_USERS.replace("virtual_users", "users")
OF_A_WEB_PAGE = OF_ALIASES.replace("'", "\N{RIGHT SINGLE QUOTATION MARK}")

AWAY = "RCPT TO:<someone@example.net>"
OK = "250 2.1.5 Ok"


def not_owned(sender: str) -> str:
    return f"553 5.7.1 <{sender}>: Sender address rejected: not owned by user {JOHN}"


@pytest.fixture(scope="module")
def database() -> Iterator[MariaDb]:
    needs.library("asyncmy")
    server = MariaDb()
    server.execute(SCHEMA, DATABASE)
    yield server
    server.stop()


@pytest.mark.parametrize(
    ("query", "replies"),
    [
        (
            OF_USERS,
            {
                JOHN: OK,
                LISA: not_owned(LISA),
                "team@example.org": not_owned("team@example.org"),
                "someoneelse@example.com": not_owned("someoneelse@example.com"),
            },
        ),
        (
            OF_ALIASES,
            {
                JOHN: OK,
                LISA: not_owned(LISA),
                "team@example.org": OK,
                "office@example.org": not_owned("office@example.org"),
            },
        ),
        (OF_NO_TABLE, {JOHN: f"451 4.3.0 <{JOHN}>: Temporary lookup failure"}),
    ],
    ids=["of users", "of aliases", "of no table"],
)
def test_who_owns_which_address(
    database: MariaDb, certificate: Certificate, started, query: str, replies: dict[str, str]
) -> None:
    servers = started(GuideServers(asking(database, query), certificate))
    for sender, reply in replies.items():
        lines = [f"MAIL FROM:<{sender}>", AWAY]
        for listener in ("mx", "submission"):
            talk = Conversation(listener=listener, tls=True, login=JOHN, lines=lines, last=reply)
            said = servers.heard(talk)
            assert said["postroad"] == said["postfix"]
            assert said["postroad"][-1] == talk.last


def test_quotation_marks_of_a_web_page(database: MariaDb, certificate: Certificate) -> None:
    with pytest.raises(RuntimeError, match="is a quotation mark of print, not of SQL; write '"):
        GuideServers(asking(database, OF_A_WEB_PAGE), certificate)


def asking(database: MariaDb, query: str) -> Guide:
    """The guide with a query in place of its table."""
    given = f"hosts = 127.0.0.1:{database.port}\nuser = {USER}\npassword = {PASSWORD}\n"
    given += f"dbname = {DATABASE}\ncharset = utf8mb4\nquery = {query}\n"
    name = "mysql-virtual-alias-send.cf"
    main_cf = DEBIAN11.main_cf.replace(
        "hash:/etc/postfix/email2email", f"mysql:/etc/postfix/{name}"
    )
    return replace(
        DEBIAN11,
        main_cf=main_cf,
        tables={**DEBIAN11.tables, name: given},
        own=f'[login]\nsender_login_maps = "mysql:/etc/postroad/{name}"\n',
    )
