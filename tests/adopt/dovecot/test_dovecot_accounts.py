"""Dovecot's passdbs, userdbs, places of mail and sockets in Postroad's words; and it all loads."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from adopt.guide_trees import install_guide
from peers.processes import peer_folder, remove_folder
from postroad.adopt.adoption import Adoption, adopted
from postroad.adopt.dovecot.domains import settle_domains
from postroad.adopt.dovecot.notes import Mailboxes
from postroad.adopt.dovecot.translation import adopt_dovecot
from postroad.adopt.finding import Verdict
from postroad.adopt.old_files import OldFiles
from postroad.adopt.plan import Plan
from postroad.adopt.writing import write

PAM = "passdb {\n driver = pam\n args = ARGS\n}\nuserdb {\n driver = passwd\n}\n"
VMAIL = "mail_location = maildir:/var/vmail/%d/%n\n"
SQL = "passdb {\n driver = sql\n args = ROOT/s\n}\n"
LDAP = "passdb {\n driver = ldap\n args = ROOT/s\n}\nuserdb {\n driver = ldap\n args = ROOT/s\n}\n"
USERS = "passdb {\n driver = passwd-file\n args = ROOT/s\n}\n"
SAME = "userdb {\n driver = DRIVER\n args = ROOT/s\n}\n"
ASKS = "password_query = SELECT password FROM users WHERE email='%u'\n"


def plan_of(folder: Path, main: str, second: str = "") -> Plan:
    (folder / "dovecot.conf").write_text(main.replace("ROOT", str(folder)))
    (folder / "s").write_text(second)
    plan = Plan(folder / "new")
    adopt_dovecot(plan, OldFiles(), folder, Mailboxes.POSTROAD)
    plan.set(("hostname",), "mail.example.org")
    plan.set(("domains",), ["example.org", "example.net"])
    settle_domains(plan)
    return plan


def settings(plan: Plan) -> dict[str, object]:
    return {".".join(path): setting.value for path, setting in plan.settings.items()}


@pytest.mark.parametrize(
    ("main", "second", "expected"),
    [
        (PAM.replace("ARGS", "session=yes dovecot"), "", {"directories.system.service": "dovecot"}),
        (PAM.replace("ARGS", "session=yes"), "", {"directories.system.service": "dovecot"}),
        (PAM.replace("ARGS", "%s"), "", {"directories.system.service": "smtp"}),
        (PAM.replace("ARGS", "*"), "", {"directories.system.service": "smtp"}),
        (
            PAM.replace("ARGS", "x") + "first_valid_uid = 600\nauth_default_realm = example.net\n",
            "",
            {
                "directories.system.minimum_uid": 600,
                "directories.system.default_domain": "example.net",
            },
        ),
        (PAM.replace("ARGS", "x"), "", {"directories.system.default_domain": "example.org"}),
        (
            PAM.replace("ARGS", "x") + "mail_location = maildir:~/Maildir\n",
            "",
            {
                "mailbox.path": "%h/Maildir",
                "mailbox.roots": ["/home"],
                "directories.system.use_homes": True,
            },
        ),
        (
            PAM.replace("ARGS", "x") + "mail_location = maildir:/var/mail/%u:INDEX=/var/i/%u\n",
            "",
            {"mailbox.path": "/var/mail/%n:INDEX=/var/i/%n"},
        ),
        (
            USERS + "mail_location = maildir:/v/%{user}:CONTROL=/c/%Lu\n",
            "john:{PLAIN}x\n",
            {"mailbox.path": "/v/%n:CONTROL=/c/%Ln"},
        ),
        (
            USERS + "mail_location = maildir:/v/%u\n",
            "john@example.org:{PLAIN}x\n",
            {"mailbox.path": "/v/%u", "directories.users.username_format": "%Lu"},
        ),
        (
            USERS + "auth_username_format = %Ln\n" + VMAIL,
            "john:{PLAIN}x\n",
            {
                "mailbox.path": "/var/vmail/%n",
                "directories.users.default_domain": "example.org",
                "directories.users.local_domains": ["example.org", "example.net"],
            },
        ),
        (
            USERS + SAME.replace("DRIVER", "passwd-file") + "mail_location = maildir:~/M\n",
            "a@example.org:{PLAIN}x:65534:65534::/srv/v/a\nb@example.org:::65534::/srv/w/b\n",
            {"user": "nobody", "mailbox.roots": ["/srv/v", "/srv/w"], "mailbox.path": "%h/M"},
        ),
        (
            USERS + "userdb {\n driver = static\n args = uid=65534 home=/h/%d/%n\n}\n"
            "mail_home = /other/%u\nmail_location = maildir:~/Maildir\n",
            "a@example.org:{PLAIN}x\n",
            {"user": "nobody", "mailbox.home": "/h/%d/%n", "mailbox.path": "%h/Maildir"},
        ),
        (
            USERS
            + "userdb {\n driver = static\n args = uid=nobody mail=maildir:/m/%n\n}\n"
            + VMAIL,
            "a@example.org:{PLAIN}x\n",
            {"mailbox.path": "/m/%n"},
        ),
        (
            SQL + SAME.replace("DRIVER", "sql") + "mail_location = maildir:~/Maildir\n",
            (
                "driver = mysql\nconnect = host=a host=/run/m.sock port=3307 dbname=d user=u"
                f" password=it's ssl_ca=/ca.pem\n{ASKS}"
                "user_query = SELECT email as user, '/var/vmail/%d/%n' AS home, 65534 AS uid,"
                " concat('*:bytes=', quota) AS quota_rule FROM users WHERE email='%Lu'\n"
            ),
            {
                "directories.sql.hosts": ["a:3307", "unix:/run/m.sock"],
                "directories.sql.tls_ca_file": "/ca.pem",
                "mailbox.roots": ["/var/vmail"],
                "user": "nobody",
            },
        ),
        (
            SQL + VMAIL,
            (
                f"driver = pgsql\nconnect = host=/run/postgresql dbname=d user=u\n{ASKS}"
                "user_query = SELECT 1 FROM unused\n"
            ),
            {"directories.sql.hosts": ["unix:/run/postgresql/.s.PGSQL.5432"]},
        ),
        (
            SQL + "auth_username_format = %n\nmail_location = maildir:/v/%u\n",
            f"driver = sqlite\nconnect = /v/users.db\n{ASKS}",
            {
                "directories.sql.file": "/v/users.db",
                "directories.sql.password_query": "SELECT password FROM users WHERE email='%n'",
                "mailbox.path": "/v/%n",
            },
        ),
        (
            LDAP + VMAIL,
            "uris = ldap://a ldaps://b\nbase = o=x\nauth_bind_userdn = uid=%u,o=x\n",
            {
                "directories.ldap.urls": ["ldap://a", "ldaps://b"],
                "directories.ldap.user_filter": "(&(objectClass=posixAccount)(uid=%u))",
                "directories.ldap.attributes.home": "homeDirectory",
            },
        ),
        (
            LDAP + VMAIL,
            (
                "hosts = a:3389\nbase = o=x,dc=%d\nauth_bind = yes\n"
                "auth_bind_userdn = cn=%{user},o=x\n"
                "user_filter = (mail=%Lu)\nuser_attrs = quota=quota_rule\n"
            ),
            {
                "directories.ldap.urls": ["ldap://a:3389"],
                "directories.ldap.bind_dn": "cn=%u,o=x",
                "directories.ldap.user_filter": "(mail=%u)",
                "directories.ldap.attributes.quota_rule": "quota",
            },
        ),
        (
            VMAIL + "mail_plugins = quota\nplugin {\n quota_rule = *:bytes=1000000\n}\n",
            "",
            {"mailbox.quota": "1000000", "mailbox.quota_full": "bounce"},
        ),
        (
            VMAIL + "quota_full_tempfail = yes\nmail_plugins = quota\n"
            "plugin {\n quota_rule = ?:storage=2048:messages=10\n}\n",
            "",
            {
                "mailbox.quota": "2048K",
                "mailbox.quota_messages": 10,
                "mailbox.quota_full": "defer",
            },
        ),
        (
            "namespace inbox {\n inbox = yes\n location = maildir:/n/%u\n}\n" + VMAIL,
            "",
            {"mailbox.path": "/n/%u"},
        ),
    ],
)
def test_it_means_the_same_and_loads(tmp_path, main, second, expected):
    plan = plan_of(tmp_path, main, second)
    found = settings(plan)
    assert {key: found.get(key) for key in expected} == expected
    plan.set(("listeners", "mx", "bind"), ["127.0.0.1:2525"])
    before = set(plan.settings)
    write(plan, tmp_path / "state")
    # What Postroad would not start with is taken back: nothing but what is not on this system.
    files = {path for path in before if path[-1] == "tls_ca_file"}
    if not Path("/etc/pam.d", str(found.get("directories.system.service"))).exists():
        files |= {path for path in before if path[:2] == ("directories", "system")}
    assert before - set(plan.settings) <= files


@pytest.mark.parametrize(
    ("main", "second", "words"),
    [
        (
            USERS + SAME.replace("DRIVER", "passwd-file"),
            "a@b:{PLAIN}x:1:1::/h/a\nb@b:{PLAIN}x:2:2::/h/b\n",
            "belong to different users: 1, 2",
        ),
        (USERS + "userdb {\n driver = sql\n args = /other\n}\n", "a@b:x\n", "driver sql says"),
        (
            SQL,
            (
                "driver = mysql\nconnect = host=a\npassword_query = "
                "SELECT password, nets AS allow_nets FROM u WHERE e='%u'\n"
            ),
            "the columns allow_nets",
        ),
        (
            SQL,
            "driver = mysql\nconnect = host=a\npassword_query = SELECT NULL FROM u WHERE p='%w'\n",
            "%w means nothing",
        ),
        (
            LDAP,
            "uris = ldap://a\npass_filter = (a=%u)\nuser_filter = (b=%u)\n",
            "Dovecot asked for them apart",
        ),
        (LDAP, "uris = ldap://a\ndefault_pass_scheme = SSHA\n", "not be taken as SSHA"),
        (VMAIL + "mail_uid = 54321\n", "", "belongs to user 54321"),
        (VMAIL + "mail_uid = root\n", "", "belongs to root"),
    ],
)
def test_what_cannot_be_the_same_is_said(tmp_path, main, second, words):
    plan = plan_of(tmp_path, main, second)
    assert [each for each in plan.serious() if words in each.words]


@pytest.mark.parametrize(
    ("home", "shell", "doubted"),
    [
        ("/home/lisa", "/bin/bash", True),
        ("/home/lisa", "/usr/sbin/nologin", False),
        ("/var/vmail", "/bin/sh", False),
    ],
)
def test_the_report_names_the_owner_and_what_a_login_is(tmp_path, home, shell, doubted):
    root = tmp_path / "root"
    (root / "etc/dovecot").mkdir(parents=True)
    (root / "etc/passwd").write_text(f"lisa:x:1000:1000:Lisa:{home}:{shell}\n")
    (root / "etc/group").write_text("lisa:x:1000:\n")
    text = USERS + SAME.replace("DRIVER", "passwd-file") + VMAIL
    (root / "etc/dovecot/dovecot.conf").write_text(text.replace("ROOT", "/etc/dovecot"))
    (root / "etc/dovecot/s").write_text("a@example.org:{PLAIN}x:1000:1000::/srv/v/a\n")
    plan = Plan(tmp_path / "new")
    adopt_dovecot(plan, OldFiles(root), Path("/etc/dovecot"), Mailboxes.POSTROAD)
    (said,) = [each for each in plan.findings if each.setting == "userdb: driver"]
    assert said.verdict is Verdict.TRANSLATED
    for words in ('`user = "lisa"`', '`[mailbox] group = "lisa"`', "`[mailbox] roots`"):
        assert words in said.words
    assert ("runs as lisa, who can log in" in said.todo) == doubted
    for path in (("user",), ("mailbox", "group"), ("mailbox", "roots")):
        assert plan.settings[path].finding == said


PER_DOMAIN = "passdb {\n driver = passwd-file\n args = username_format=%n ROOT/%d/passwd\n}\n"


def test_each_domain_with_a_passwd_file_gets_a_directory(tmp_path):
    for domain, home in (("example.org", "/srv/v/a"), ("example.net", "/srv/w/b")):
        (tmp_path / domain).mkdir()
        (tmp_path / domain / "passwd").write_text(f"a:{{PLAIN}}x:65534:65534::{home}\n")
    (tmp_path / "other").mkdir()
    same = PER_DOMAIN.replace("passdb", "userdb")
    plan = plan_of(tmp_path, PER_DOMAIN + same + VMAIL)
    assert list(plan.serious()) == []
    found = settings(plan)
    assert plan.tables("directories") == ["users-example.net", "users-example.org"]
    for domain in ("example.net", "example.org"):
        assert found[f"directories.users-{domain}.domains"] == [domain]
        assert found[f"directories.users-{domain}.passwd"] == f"{tmp_path}/{domain}/passwd"
        assert found[f"directories.users-{domain}.username_format"] == "%n"
    assert found["mailbox.roots"] == ["/srv/v", "/srv/w"]
    assert found["user"] == "nobody"
    before = set(plan.settings)
    plan.set(("listeners", "mx", "bind"), ["127.0.0.1:2525"])
    write(plan, tmp_path / "state")
    assert before <= set(plan.settings)


def test_a_passwd_file_with_other_variables_is_said(tmp_path):
    plan = plan_of(tmp_path, PER_DOMAIN.replace("%d", "%d/%n"))
    assert [each for each in plan.serious() if "a directory has one file" in each.words]


def test_quota_and_sieve_count_only_where_they_are_loaded(tmp_path):
    text = VMAIL + "plugin {\n quota_rule = *:storage=1G\n sieve = ~/.dovecot.sieve\n}\n"
    plan = plan_of(tmp_path, text)
    assert "mailbox.quota" not in settings(plan)
    assert list(plan.serious()) == []


@pytest.mark.parametrize(
    ("service", "key", "value"),
    [
        (
            "lmtp {\n unix_listener lmtp {\n mode = 0\n }\n}",
            "mailbox.transport",
            "lmtp:unix:/b/lmtp",
        ),
        ("lmtp {\n unix_listener mine {\n }\n}", "mailbox.transport", "lmtp:unix:/b/mine"),
        ("auth {\n unix_listener sub/auth {\n }\n}", "directories.dovecot.socket", "/b/sub/auth"),
        (
            "auth {\n inet_listener {\n  port = 12345\n }\n}",
            "directories.dovecot.socket",
            "127.0.0.1:12345",
        ),
        (
            "lmtp {\n unix_listener lmtp {\n mode = 0\n }\n inet_listener x {\n port = 24\n }\n}",
            "mailbox.transport",
            "lmtp:inet:127.0.0.1:24",
        ),
    ],
)
def test_sockets_beside_dovecot(tmp_path, service, key, value):
    (tmp_path / "dovecot.conf").write_text(f"base_dir = /b\nservice {service}\n")
    plan = Plan(tmp_path / "new")
    adopt_dovecot(plan, OldFiles(), tmp_path, Mailboxes.DOVECOT)
    assert settings(plan)[key] == value


ISPMAIL = """\
auth_mechanisms = plain login
mail_location = maildir:~/Maildir
mail_privileged_group = mail
mail_plugins = quota
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
    group = postfix
    mode = 0600
    user = postfix
  }
}
service auth {
  unix_listener /var/spool/postfix/private/auth {
    mode = 0660
    user = postfix
    group = postfix
  }
}
plugin {
  quota = count:User quota
  quota_vsizes = yes
}
"""
ISPMAIL_SQL = """\
driver = mysql
connect = host=127.0.0.1 dbname=mailserver user=mailserver password=x893dNj4stkHy1MKQq0USWBaX4ZZdq
user_query = SELECT email as user, concat('*:bytes=', quota) AS quota_rule, \\
  '/var/vmail/%d/%n' AS home, 65534 AS uid, 65534 AS gid FROM virtual_users WHERE email='%u'
password_query = SELECT password FROM virtual_users WHERE email='%u'
iterate_query = SELECT email AS user FROM virtual_users
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """One that others may enter: the server's user makes its state below it."""
    made = peer_folder("ispmail")
    made.chmod(0o755)
    yield made
    remove_folder(made)


@pytest.mark.parametrize("here", [False, True])
def test_ispmail(folder, here):
    root = install_guide("ispmail-debian11", folder)
    (root / "etc/dovecot").mkdir()
    (root / "etc/dovecot/dovecot.conf").write_text(ISPMAIL)
    (root / "etc/dovecot/dovecot-sql.conf.ext").write_text(ISPMAIL_SQL)
    folders = (Path("/etc/postfix"), folder / "new", Path("/etc/dovecot"), folder / "state")
    result = adopted(Adoption(*folders, root, mailboxes_here=here))
    made = result.written.configuration
    assert [str(each) for each in result.findings if each.serious] == []
    assert "x893dNj4" not in (folder / "new/adopt-report.txt").read_text()
    if not here:
        spool = f"{root}/var/spool/postfix/private"
        assert made.mailbox.transport == f"lmtp:unix:{spool}/dovecot-lmtp"
        assert made.directories["dovecot"].socket == f"{spool}/auth"
        assert "sql" not in made.directories
        return
    assert "dovecot" not in made.directories
    assert made.directories["sql"].database == "mailserver"
    assert made.directories["sql"].user_query.count("%u") == 1
    assert (made.user, made.mailbox.transport) == ("nobody", "maildir")
    assert (made.mailbox.path, made.mailbox.roots) == ("%h/Maildir", ("/var/vmail",))
    (secret,) = (folder / "new/secrets").iterdir()
    assert secret.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("text", "group"),
    [("mail_gid = nogroup\n", None), ("mail_gid = nogroup\nmail_uid = nobody\n", "nogroup")],
)
def test_a_group_is_set_only_with_the_user_that_is_in_it(tmp_path, text, group):
    found = settings(plan_of(tmp_path, VMAIL + text))
    assert found.get("mailbox.group") == group
