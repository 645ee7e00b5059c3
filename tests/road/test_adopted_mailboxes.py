"""Installations adopted with `--mailbox postroad`: Dovecot is left to show the mail by IMAP.

The small-server guide, whose users are names in a passwd-file, and the ISPmail guide, whose users
are in MariaDB. Mail comes in, lies where `mail_location` has it, and Dovecot itself reads it.
"""

from __future__ import annotations

import base64
import imaplib
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from adopt.guide_trees import install_guide
from peers import dialogue, needs
from peers.dovecot_imap import DovecotImap
from peers.mariadb import DATABASE, PASSWORD, USER, MariaDb
from peers.ports import free_port
from peers.processes import Process, peer_folder, remove_folder
from peers.waiting import greeting, until

pytestmark = pytest.mark.peer

NOBODY = 65534
ISPMAIL = """\
mail_location = maildir:~/Maildir
passdb {
  driver = sql
  args = /etc/dovecot/dovecot-sql.conf.ext
}
userdb {
  driver = sql
  args = /etc/dovecot/dovecot-sql.conf.ext
}
service lmtp {
  unix_listener /var/spool/postfix/private/dovecot-lmtp {
    mode = 0600
  }
}
service auth {
  unix_listener /var/spool/postfix/private/auth {
    mode = 0660
  }
}
"""
QUERIES = """\
driver = mysql
connect = host=127.0.0.1 port={port} dbname={database} user={user} password={password}
user_query = SELECT email as user, concat('*:bytes=', quota) AS quota_rule, \\
  '{root}/var/vmail/%d/%n' AS home, {number} AS uid, {number} AS gid \\
  FROM virtual_users WHERE email='%u'
password_query = SELECT password FROM virtual_users WHERE email='%u'
iterate_query = SELECT email AS user FROM virtual_users
"""
SCHEMA = """
CREATE TABLE virtual_domains (id int, name varchar(50));
CREATE TABLE virtual_users (id int, domain_id int, email varchar(100), password varchar(150),
  quota bigint NOT NULL DEFAULT 0);
CREATE TABLE virtual_aliases (id int, domain_id int, source varchar(100), destination varchar(100));
INSERT INTO virtual_domains VALUES (1, 'example.org');
INSERT INTO virtual_users VALUES (1, 1, 'john@example.org', '{PLAIN}summersun', 1000000);
INSERT INTO virtual_aliases VALUES (1, 1, 'jack@example.org', 'john@example.org');
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    needs.root("Dovecot")
    made = peer_folder("adopted")
    made.chmod(0o755)
    yield made
    remove_folder(made)


def _ports(root: Path) -> tuple[int, int]:
    """Free ports in master.cf, and no program or service that is not here."""
    mx, submission = free_port(), free_port()
    master = root / "etc/postfix/master.cf"
    lines = []
    for line in master.read_text().splitlines():
        if line.startswith("smtp ") and " inet " in line:
            lines.append(f"127.0.0.1:{mx} inet n - y - 5 smtpd")
        elif "content_filter" not in line:
            lines.append(line.replace("submission inet ", f"127.0.0.1:{submission} inet "))
    master.write_text("\n".join(lines) + "\n")
    main = root / "etc/postfix/main.cf"
    text = main.read_text()
    # Strangers here come from this machine, and are asked no questions by services elsewhere.
    drop = "smtpd_client_restrictions =\nsmtpd_recipient_restrictions =\n"
    main.write_text(f"{text}\n{drop}")
    return mx, submission


def _adopted(root: Path, folder: Path, *more: str) -> str:
    command = [
        *(sys.executable, "-m", "postroad", "adopt", "--mailbox", "postroad", "--root", str(root)),
        *("--postfix", "/etc/postfix", "--dovecot", "/etc/dovecot", *more),
        *("--to", str(folder / "new"), "--state", str(folder / "state")),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _serve(folder: Path, ports: tuple[int, int]) -> Process:
    file = folder / "new/postroad.toml"
    text = file.read_text()
    assert 'user = "nobody"' in text
    file.write_text(text.replace("state_directory", "workers = 1\nstate_directory", 1))
    argv = [sys.executable, "-m", "postroad", "--config", str(file), "serve"]
    process = Process(argv, log=folder / "output")
    process.wait_ready(lambda: all(greeting(port) for port in ports))
    return process


def _login(port: int, name: str, password: str) -> str:
    plain = base64.b64encode(f"\0{name}\0{password}".encode()).decode()
    with dialogue.starttls(port) as talk:
        talk.say("EHLO laptop")
        return talk.say(f"AUTH PLAIN {plain}")


def _mail(port: int, to: str, mark: str) -> None:
    with dialogue.plain(port) as talk:
        talk.hear()
        for line in ("EHLO localhost", "MAIL FROM:<>", f"RCPT TO:<{to}>"):
            said = talk.say(line)
            assert said.startswith("250"), said
        talk.say("DATA")
        said = talk.say(f"From: x@example.org\r\nSubject: {mark}\r\n\r\n{mark}\r\n.")
        assert said.startswith("250"), said


def _read(imap: DovecotImap, name: str, password: str, mark: str) -> bytes:
    """The message with this subject, as soon as Dovecot shows it."""
    session = imap.login(name, password)

    def found() -> list[bytes]:
        session.select("INBOX")
        return list(session.search(None, "SUBJECT", mark)[1][0].split())

    try:
        (number, *_) = until(found, within=30, what=f"{mark} in the inbox of {name}")
        part = session.fetch(number.decode(), "(RFC822)")[1][0]
        assert isinstance(part, tuple)
        return part[1]
    finally:
        session.logout()


def _shown(root: Path, text: str) -> str:
    """A file of Dovecot's as it is read where `/` is elsewhere."""
    for path in ("/var/spool/postfix", "/var/dovemail", "/etc/dovecot/"):
        text = text.replace(path, f"{root}{path}")
    return text


def test_users_of_a_passwd_file(folder: Path) -> None:
    root = install_guide("small-server", folder)
    users = root / "etc/dovecot/users"
    users.write_text(users.read_text().replace(":1000:1000", f":{NOBODY}:{NOBODY}"))
    (root / "var/dovemail").mkdir()
    os.chown(root / "var/dovemail", NOBODY, NOBODY)
    mx, submission = ports = _ports(root)
    _adopted(root, folder)
    users.chmod(0o644)
    databases = _shown(root, (root / "etc/dovecot/conf.d/auth-passwdfile.conf.ext").read_text())
    location = f"mail_location = maildir:{root}/var/dovemail/%u/Maildir\n"
    with ExitStack() as ends:
        ends.callback(_serve(folder, ports).stop)
        imap = DovecotImap(f"{databases}{location}auth_username_format = %Ln\n")
        ends.callback(imap.stop)
        assert _login(submission, "john", "summersun").startswith("235")
        assert _login(submission, "JOHN@example.org", "summersun").startswith("235")
        assert _login(submission, "john", "wrong").startswith("535")
        _mail(mx, "john@example.org", "for-john")
        assert b"Return-Path: <>" in _read(imap, "john", "summersun", "for-john")
        assert (root / "var/dovemail/john/Maildir").is_dir()
        _mail(mx, "info@example.org", "for-both")
        assert b"for-both" in _read(imap, "lisa", "winterrain", "for-both")
        with pytest.raises(imaplib.IMAP4.error):
            imap.login("john", "wrong")


def test_users_in_a_database(folder: Path) -> None:
    needs.library("asyncmy")
    root = install_guide("ispmail-debian11", folder)
    with ExitStack() as ends:
        database = MariaDb()
        ends.callback(database.stop)
        database.execute(SCHEMA, DATABASE)
        for table in (root / "etc/postfix").glob("mysql-*.cf"):
            text = table.read_text().replace("x893dNj4stkHy1MKQq0USWBaX4ZZdq", PASSWORD)
            table.write_text(text.replace("127.0.0.1", f"127.0.0.1:{database.port}"))
        said = {"port": database.port, "database": DATABASE, "user": USER, "password": PASSWORD}
        queries = QUERIES.format(**said, root=root, number=NOBODY)
        (root / "etc/dovecot").mkdir()
        (root / "etc/dovecot/dovecot.conf").write_text(ISPMAIL)
        (root / "etc/dovecot/dovecot-sql.conf.ext").write_text(queries)
        (root / "var/vmail").mkdir(parents=True)
        os.chown(root / "var/vmail", NOBODY, NOBODY)
        mx, submission = ports = _ports(root)
        report = _adopted(root, folder)
        assert PASSWORD not in report
        server = _serve(folder, ports)
        ends.callback(server.stop)
        said = _login(submission, "john@example.org", "summersun")
        assert said.startswith("235"), server.output()
        assert _login(submission, "john@example.org", "wintersun").startswith("535")
        _mail(mx, "jack@example.org", "for-jack")
        new = root / "var/vmail/example.org/john/Maildir/new"
        until(lambda: new.is_dir() and any(new.iterdir()), within=30, what="mail in the Maildir")
        (there,) = new.iterdir()
        assert b"for-jack" in there.read_bytes()
        assert there.stat().st_uid == NOBODY
