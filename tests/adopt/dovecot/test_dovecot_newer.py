"""Dovecot 2.4's configuration becomes what that of 2.3 becomes; and it all loads."""

from __future__ import annotations

from pathlib import Path

import pytest

from adopt.dovecot.test_dovecot_accounts import plan_of, settings
from postroad.adopt.dovecot.newer import older_variables
from postroad.adopt.dovecot.notes import Mailboxes
from postroad.adopt.dovecot.translation import adopt_dovecot
from postroad.adopt.finding import Verdict
from postroad.adopt.old_files import OldFiles
from postroad.adopt.plan import Plan
from postroad.adopt.writing import write

HEAD = "dovecot_config_version = 2.4.1\ndovecot_storage_version = 2.4.0\n"
VMAIL = "mail_driver = maildir\nmail_path = /var/vmail/%{user | domain}/%{user | username}\n"
USERS = """\
passdb passwd-file {
  default_password_scheme = sha512-crypt
  auth_username_format = %{user | username | lower}
  passwd_file_path = ROOT/s
}
userdb passwd-file {
  passwd_file_path = ROOT/s
}
"""
STATIC = """\
userdb static {
  fields {
    uid = nobody
    home = /srv/mail/%{user}
  }
}
"""
MYSQL = """\
sql_driver = mysql
mysql db.example.org {
  port = 3307
  user = mailuser
  password = "a secret word"
  dbname = mailserver
  ssl_ca = /ca.pem
}
passdb sql {
  default_password_scheme = BLF-CRYPT
  query = SELECT password FROM users WHERE email = '%{user}'
}
userdb sql {
  query = SELECT '/var/vmail/%{user | domain}/%{user | username}' AS home, 65534 AS uid \\
    FROM users WHERE email = '%{user | lower}'
  iterate_query = SELECT email AS user FROM users
}
"""
PAM = "passdb pam {\n service_name = other\n}\nuserdb passwd {\n}\n"
PGSQL = """\
sql_driver = pgsql
pgsql /run/postgresql {
  parameters {
    user = u
    dbname = d
  }
}
passdb sql {
  passdb_sql_query = SELECT password FROM users WHERE u = '%{user | username}'
}
"""
LDAP = """\
ldap_uris = ldap://a ldaps://b
ldap_base = ou=%{user | domain},o=x
ldap_auth_dn = cn=reader
ldap_auth_dn_password = secret
passdb ldap {
  bind = yes
  filter = (uid=%{user | username})
}
userdb ldap {
  filter = (uid=%{user | username})
  fields {
    home = %{ldap:homeDirectory}
    uid = %{ldap:uidNumber}
  }
}
"""


@pytest.mark.parametrize(
    ("main", "second", "expected"),
    [
        (
            USERS + VMAIL,
            "john:{PLAIN}x:65534:65534::/srv/v/john\n",
            {
                "directories.users.kind": "files",
                "directories.users.username_format": "%Ln",
                "directories.users.default_scheme": "sha512-crypt",
                "mailbox.path": "/var/vmail/%d/%n",
                "mailbox.roots": ["/srv/v"],
                "user": "nobody",
            },
        ),
        (
            USERS.partition("userdb")[0]
            + STATIC
            + "mail_driver = maildir\nmail_path = ~/Maildir\n",
            "a@example.org:x\n",
            {"mailbox.home": "/srv/mail/%u", "mailbox.path": "%h/Maildir", "user": "nobody"},
        ),
        (
            MYSQL + VMAIL,
            "",
            {
                "directories.sql.driver": "mysql",
                "directories.sql.hosts": ["db.example.org:3307"],
                "directories.sql.database": "mailserver",
                "directories.sql.username": "mailuser",
                "directories.sql.default_scheme": "BLF-CRYPT",
                "directories.sql.tls_ca_file": "/ca.pem",
                "directories.sql.password_query": "SELECT password FROM users WHERE email = '%u'",
                "mailbox.roots": ["/var/vmail"],
                "user": "nobody",
            },
        ),
        (
            PGSQL + VMAIL,
            "",
            {
                "directories.sql.driver": "postgresql",
                "directories.sql.hosts": ["unix:/run/postgresql/.s.PGSQL.5432"],
                "directories.sql.password_query": "SELECT password FROM users WHERE u = '%n'",
            },
        ),
        (
            "sql_driver = sqlite\nsqlite_path = /v/users.db\n"
            "passdb sql {\n query = SELECT password FROM u WHERE e = '%{user}'\n}\n" + VMAIL,
            "",
            {"directories.sql.file": "/v/users.db"},
        ),
        (
            LDAP + VMAIL,
            "",
            {
                "directories.ldap.urls": ["ldap://a", "ldaps://b"],
                "directories.ldap.base": "ou=%d,o=x",
                "directories.ldap.reader_dn": "cn=reader",
                "directories.ldap.auth_bind": True,
                "directories.ldap.user_filter": "(uid=%n)",
                "directories.ldap.attributes.home": "homeDirectory",
                "directories.ldap.attributes.uid": "uidNumber",
            },
        ),
        (
            PAM + "mail_driver = maildir\nmail_path = ~/Maildir\n",
            "",
            {"directories.system.service": "other", "mailbox.path": "%h/Maildir"},
        ),
        (
            VMAIL + "mail_plugins {\n quota = yes\n}\n"
            'quota "User quota" {\n driver = maildir\n storage_size = 1G\n message_count = 10\n'
            " storage_grace = 10M\n}\n",
            "",
            {"mailbox.quota": "1G", "mailbox.quota_messages": 10, "mailbox.quota_grace": "10M"},
        ),
        (
            VMAIL + "mail_control_path = /c/%{user}\nmail_index_path = /i/%{user}\n",
            "",
            {"mailbox.path": "/var/vmail/%d/%n:CONTROL=/c/%u:INDEX=/i/%u"},
        ),
    ],
)
def test_it_means_the_same_and_loads(
    tmp_path: Path, main: str, second: str, expected: dict[str, object]
) -> None:
    plan = plan_of(tmp_path, HEAD + main, second)
    found = settings(plan)
    assert {key: found.get(key) for key in expected} == expected
    assert [each for each in plan.serious() if "does not allow it yet" not in each.words] == []
    plan.set(("listeners", "mx", "bind"), ["127.0.0.1:2525"])
    before = set(plan.settings)
    write(plan, tmp_path / "state")
    files = {path for path in before if path[-1] == "tls_ca_file"}
    assert before - set(plan.settings) <= files


def test_a_report_names_what_is_written_and_no_password(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, HEAD + MYSQL + VMAIL)
    names = {each.setting for each in plan.findings}
    assert {
        "passdb sql: driver",
        "parameters: query",
        "mail_path",
        "mysql db.example.org: user",
    } <= names
    assert "a secret word" not in "".join(map(str, plan.findings))
    secrets = [each for each in plan.files.values() if each.secret]
    assert [each.content for each in secrets] == [b"a secret word\n"]


def test_sockets_beside_dovecot(tmp_path: Path) -> None:
    (tmp_path / "dovecot.conf").write_text(
        HEAD + MYSQL + "base_dir = /b\nprotocols {\n imap = yes\n lmtp = yes\n}\n"
        "ssl_server_cert_file = /c.pem\nssl_server_key_file = /k.pem\n"
        "service lmtp {\n unix_listener lmtp {\n }\n}\n"
        "service auth {\n unix_listener /var/spool/postfix/private/auth {\n  mode = 0660\n }\n}\n"
    )
    plan = Plan(tmp_path / "new")
    adopt_dovecot(plan, OldFiles(), tmp_path, Mailboxes.DOVECOT)
    found = settings(plan)
    assert found["mailbox.transport"] == "lmtp:unix:/b/lmtp"
    assert found["directories.dovecot.socket"] == "/var/spool/postfix/private/auth"
    assert not [each for each in plan.findings if each.verdict is Verdict.UNSUPPORTED]


@pytest.mark.parametrize(
    ("main", "words"),
    [
        (USERS + "mail_driver = sdbox\nmail_path = ~/mail\n", "mailboxes sdbox"),
        ("passdb lua {\n lua_file = /x.lua\n}\n", "only the driver lua knows"),
        (USERS + STATIC.replace("userdb static", "userdb passwd-file"), "left out: uid=nobody"),
        (MYSQL.replace("'%{user}'", "'%{user | md5}'"), "means nothing in Postroad's queries"),
        (LDAP.replace("%{ldap:uidNumber}", "%{ldap:a}%{ldap:b}"), "is not asked for"),
    ],
)
def test_what_cannot_be_the_same_is_said(tmp_path: Path, main: str, words: str) -> None:
    plan = plan_of(tmp_path, HEAD + main)
    assert [each for each in plan.serious() if words in each.words]


@pytest.mark.parametrize(
    ("newer", "older"),
    [
        ("%{user}", "%u"),
        ("%{ user|username }", "%n"),
        ("%{user | domain | lower}", "%Ld"),
        ("%{user|lower|username}", "%Ln"),
        ("%{home}/x", "%h/x"),
        ("%{user | md5}", "%{user | md5}"),
        ("%{protocol}", "%{protocol}"),
        ("100%%", "100%%"),
    ],
)
def test_a_variable_in_older_words(newer: str, older: str) -> None:
    assert older_variables(newer) == older
