"""Users in MariaDB by the tables of the ISPmail guides, with nothing but the connection written.

The guide's john receives and sends; nobody sends as somebody else; and while the database is away,
mail waits at its sender's and nobody is told that a user does not exist.
"""

from __future__ import annotations

import base64
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from guide_servers import CONFIGURATIONS
from peers import dialogue, needs
from peers.mariadb import DATABASE, PASSWORD, USER, MariaDb
from peers.postroad import Postroad
from peers.waiting import until

pytestmark = pytest.mark.peer

# As the guide for Debian 11 makes them, but for keys and engines.
SCHEMA = """
CREATE TABLE virtual_domains (id int AUTO_INCREMENT PRIMARY KEY, name varchar(50));
CREATE TABLE virtual_users (id int AUTO_INCREMENT PRIMARY KEY, domain_id int,
  email varchar(100), password varchar(150), quota bigint NOT NULL DEFAULT 0);
CREATE TABLE virtual_aliases (id int AUTO_INCREMENT PRIMARY KEY, domain_id int,
  source varchar(100), destination varchar(100));
INSERT INTO virtual_domains (name) VALUES ('example.org');
INSERT INTO virtual_users (domain_id, email, password) VALUES
  (1, 'john@example.org', '{SHA256-CRYPT}%s'), (1, 'lisa@example.org', '{PLAIN}flower');
INSERT INTO virtual_aliases (domain_id, source, destination) VALUES
  (1, 'jack@example.org', 'john@example.org'), (1, '@example.org', 'lisa@example.org');
"""
SUMMERSUN = "$5$abcdefgh$naFOm/unywFsJG0p4G/9YzJlp979aDwheYpQHOomdHC"

JOHN = base64.b64encode(b"\0john@example.org\0summersun").decode()
BAD = base64.b64encode(b"\0john@example.org\0wintersun").decode()


@pytest.fixture(scope="module")
def database() -> Iterator[MariaDb]:
    needs.library("asyncmy")
    server = MariaDb()
    server.execute(SCHEMA % SUMMERSUN, DATABASE)
    yield server
    server.stop()


@pytest.fixture(scope="module")
def server(
    database: MariaDb, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Postroad, MariaDb]]:
    secret = tmp_path_factory.mktemp("secret") / "password"
    secret.write_text(PASSWORD + "\n")
    secret.chmod(0o600)
    postroad = Postroad(settings_of(database, secret), listeners=("mx", "submission"))
    yield postroad, database
    postroad.stop()


def settings_of(database: MariaDb, secret: Path) -> dict[str, object]:
    """The directory of our file for the guide, with the place of this database and no memory."""
    ours = tomllib.loads((CONFIGURATIONS / "ispmail-sql.toml").read_text())
    ispmail = ours["directories"]["ispmail"] | {
        "hosts": [f"127.0.0.1:{database.port}"],
        "password_file": str(secret),
        "cache": 0,
        "negative_cache": 0,
    }
    assert (ispmail["database"], ispmail["username"]) == (DATABASE, USER)
    return {
        "domains": ours["domains"],
        "directories": {"ispmail": ispmail},
        "relay": {"trusted_networks": []},
    }


def test_mail_comes_in(server: tuple[Postroad, MariaDb]) -> None:
    postroad, _ = server
    with dialogue.plain(postroad.port("mx")) as line:
        line.hear()
        line.say("EHLO client.test")
        assert line.say("MAIL FROM:<someone@elsewhere.test>").startswith("250")
        assert line.say("RCPT TO:<john+news@example.org>").startswith("250")
        assert line.say("RCPT TO:<jack@example.org>").startswith("250")
        assert line.say("RCPT TO:<whoever@example.org>").startswith("250")  # the catch-all
        assert line.say("RCPT TO:<john@elsewhere.test>").startswith("554 5.7.1")
        assert line.say("DATA").startswith("354")
        assert line.say("Subject: the first\r\n\r\nHello\r\n.").startswith("250")
    postroad.maildir("john@example.org").wait("the first")
    postroad.maildir("lisa@example.org").wait("the first")


def test_logins_and_senders(server: tuple[Postroad, MariaDb]) -> None:
    postroad, _ = server
    with dialogue.starttls(postroad.port("submission")) as line:
        line.say("EHLO client.test")
        assert line.say(f"AUTH PLAIN {BAD}").startswith("535")
        assert line.say(f"AUTH PLAIN {JOHN}").startswith("235")
        for sender in ("lisa@example.org", "someone@elsewhere.test", "whoever@example.org"):
            line.say(f"MAIL FROM:<{sender}>")
            assert line.say("RCPT TO:<lisa@example.org>") == (
                f"553 5.7.1 <{sender}>: Sender address rejected: not owned by user john@example.org"
            )
            line.say("RSET")
        for sender in ("john@example.org", "john+x@example.org", "jack@example.org"):
            line.say(f"MAIL FROM:<{sender}>")
            assert line.say("RCPT TO:<lisa@example.org>").startswith("250")
            line.say("RSET")


def test_the_database_ends_and_comes_back(server: tuple[Postroad, MariaDb]) -> None:
    postroad, database = server
    database.end()
    try:
        with dialogue.plain(postroad.port("mx")) as line:
            line.hear()
            line.say("EHLO client.test")
            line.say("MAIL FROM:<someone@elsewhere.test>")
            for name in ("john@example.org", "nobody@example.org", "x@elsewhere.test"):
                assert line.say(f"RCPT TO:<{name}>").startswith("451 4.3.0")
        with dialogue.starttls(postroad.port("submission")) as line:
            line.say("EHLO client.test")
            assert line.say(f"AUTH PLAIN {JOHN}").startswith("454 4.7.0")
    finally:
        database.start()
    # A server that was away is left alone for some seconds.
    until(lambda: is_taken(postroad), within=30, what="john in the database")


def is_taken(postroad: Postroad) -> bool:
    with dialogue.plain(postroad.port("mx")) as line:
        line.hear()
        line.say("EHLO client.test")
        line.say("MAIL FROM:<someone@elsewhere.test>")
        return line.say("RCPT TO:<john@example.org>").startswith("250")


def test_check_names_the_query_that_is_wrong(server: tuple[Postroad, MariaDb]) -> None:
    postroad, _ = server
    text = postroad.configuration.read_text()
    assert "directory ispmail" not in postroad.run("check")
    query = "SELECT mail AS user FROM virtual_users WHERE email='%u'"
    postroad.configuration.write_text(
        text.replace("[directories.ispmail]", f'[directories.ispmail]\nuser_query = "{query}"')
    )
    try:
        with pytest.raises(RuntimeError, match=r"directory ispmail: user_query: .*'?mail'?"):
            postroad.run("check")
    finally:
        postroad.configuration.write_text(text)
