"""What becomes of a Dovecot's settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from postroad.adopt.dovecot.notes import Mailboxes
from postroad.adopt.dovecot.translation import adopt_dovecot
from postroad.adopt.finding import Finding, Verdict
from postroad.adopt.old_files import OldFiles
from postroad.adopt.plan import Plan

DOVECOT, POSTROAD = Mailboxes.DOVECOT, Mailboxes.POSTROAD

SMALL_SERVER = {
    "dovecot.conf": "!include_try protocols.d/*\nprotocols = imap lmtp\n!include conf.d/*.conf\n",
    "conf.d/10-auth.conf": "auth_username_format = %Ln\n!include auth-passwdfile.conf.ext\n",
    "conf.d/auth-passwdfile.conf.ext": (
        "passdb {\n  driver = passwd-file\n"
        "  args = scheme=SHA512 username_format=%u /etc/dovecot/users\n}\n"
        "userdb {\n  driver = passwd-file\n  args = username_format=%u /etc/dovecot/users\n}\n"
    ),
    "conf.d/10-mail.conf": "mail_location = maildir:/var/dovemail/%u/Maildir\n",
    "conf.d/10-master.conf": (
        "service lmtp {\n  unix_listener /var/spool/postfix/private/dovecot-lmtp {\n"
        "    group = postfix\n    user = postfix\n    mode = 0600\n  }\n}\n"
        "service auth {\n  unix_listener auth-userdb {\n  }\n"
        "  unix_listener /var/spool/postfix/private/auth {\n    mode = 0666\n  }\n}\n"
    ),
    "conf.d/10-ssl.conf": "ssl = required\nssl_cert = </etc/letsencrypt/live/x/fullchain.pem\n",
    "conf.d/15-lda.conf": "postmaster_address = postmaster@example.org\n",
}

SQL = {
    "dovecot.conf": (
        "passdb {\n  driver = sql\n  args = ROOT/dovecot-sql.conf.ext\n}\n"
        "userdb {\n  driver = static\n  args = uid=vmail gid=vmail home=/var/vmail/%d/%n\n}\n"
        "mail_location = maildir:~/Maildir\nmail_home = /var/vmail/%d/%n\n"
        "mail_uid = vmail\nmail_gid = vmail\n"
        "plugin {\n  quota = maildir:User quota\n  quota_rule = *:storage=1G:messages=5000\n}\n"
        "protocol lmtp {\n  mail_plugins = $mail_plugins quota sieve\n}\n"
    ),
    "dovecot-sql.conf.ext": (
        "driver = mysql\n"
        "connect = host=127.0.0.1 dbname=mailserver user=mailuser password=x'y\n"
        "default_pass_scheme = SHA256-CRYPT\n"
        "password_query = SELECT email as user, password FROM virtual_users \\\n"
        "  WHERE email='%Lu';\n"
        "iterate_query = SELECT email FROM virtual_users\n"
    ),
}

LDAP = {
    "dovecot.conf": (
        "passdb {\n  driver = ldap\n  args = ROOT/dovecot-ldap.conf.ext\n}\n"
        "userdb {\n  driver = ldap\n  args = ROOT/dovecot-ldap.conf.ext\n}\n"
    ),
    "dovecot-ldap.conf.ext": (
        "hosts = ldap.example.org\ndn = cn=reader,dc=example,dc=org\ndnpass = secret\n"
        "base = ou=people,dc=example,dc=org\nscope = onelevel\nauth_bind = yes\n"
        "pass_filter = (&(objectClass=mailUser)(mail=%Lu))\n"
        "user_attrs = homeDirectory=home, mailQuota=quota_rule\n"
    ),
}


def adopted(folder: Path, files: dict[str, str], mailboxes: Mailboxes) -> Plan:
    for name, text in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text.replace("ROOT", str(folder)))
    plan = Plan(folder / "new")
    adopt_dovecot(plan, OldFiles(), folder, mailboxes)
    return plan


def settings(plan: Plan) -> dict[str, object]:
    return {".".join(path): setting.value for path, setting in plan.settings.items()}


def serious(plan: Plan) -> list[str]:
    return [finding.setting for finding in plan.serious()]


def finding(plan: Plan, setting: str) -> Finding:
    (found,) = [each for each in plan.findings if each.setting == setting]
    return found


def test_beside_dovecot_the_sockets_of_the_guide_are_used(tmp_path):
    plan = adopted(tmp_path, SMALL_SERVER, DOVECOT)
    assert settings(plan) == {
        "mailbox.transport": "lmtp:unix:/var/spool/postfix/private/dovecot-lmtp",
        "directories.dovecot.kind": "dovecot",
        "directories.dovecot.socket": "/var/spool/postfix/private/auth",
    }
    assert serious(plan) == []
    lmtp = finding(plan, "unix_listener /var/spool/postfix/private/dovecot-lmtp")
    assert "mode is 0600 now" in lmtp.todo
    assert (lmtp.file.name, lmtp.line) == ("10-master.conf", 2)
    assert finding(plan, "unix_listener /var/spool/postfix/private/auth").todo == ""


def test_in_dovecots_place_the_users_and_maildirs_of_the_guide_are_used(tmp_path):
    plan = adopted(tmp_path, SMALL_SERVER, POSTROAD)
    assert settings(plan) == {
        "directories.users.kind": "files",
        "directories.users.passwd": "/etc/dovecot/users",
        "directories.users.default_scheme": "SHA512",
        "directories.users.username_format": "%Ln",
        "mailbox.transport": "maildir",
        "mailbox.path": "/var/dovemail/%n/Maildir",
    }
    assert serious(plan) == []


def test_users_in_a_database_stay_there(tmp_path):
    plan = adopted(tmp_path, SQL, POSTROAD)
    found = settings(plan)
    query = "SELECT email as user, password FROM virtual_users WHERE email='%u';"
    assert found["directories.sql.password_query"] == query
    assert found["directories.sql.driver"] == "mysql"
    assert found["directories.sql.hosts"] == ["127.0.0.1"]
    assert found["directories.sql.database"] == "mailserver"
    assert found["directories.sql.username"] == "mailuser"
    assert found["directories.sql.default_scheme"] == "SHA256-CRYPT"
    (secret,) = plan.files.values()
    assert (secret.name, secret.content, secret.secret) == ("secrets/sql-password", b"x'y\n", True)
    assert found["mailbox.path"] == "%h/Maildir"
    assert found["mailbox.home"] == "/var/vmail/%d/%n"
    assert (found["user"], found["mailbox.group"]) == ("vmail", "vmail")
    assert (found["mailbox.quota"], found["mailbox.quota_messages"]) == ("1G", 5000)
    assert serious(plan) == ["protocol lmtp: mail_plugins"]


def test_no_password_is_repeated(tmp_path):
    for files in (SQL, LDAP):
        plan = adopted(tmp_path, files, POSTROAD)
        told = repr(plan.findings) + repr(plan.settings)
        assert "x'y" not in told
        assert "secret'" not in told


def test_a_directory_service_is_asked_the_same(tmp_path):
    plan = adopted(tmp_path, LDAP, POSTROAD)
    found = settings(plan)
    assert found["directories.ldap.urls"] == ["ldap://ldap.example.org"]
    assert found["directories.ldap.user_filter"] == "(&(objectClass=mailUser)(mail=%u))"
    assert found["directories.ldap.scope"] == "one"
    assert found["directories.ldap.auth_bind"] is True
    assert found["directories.ldap.attributes.home"] == "homeDirectory"
    assert found["directories.ldap.attributes.quota_rule"] == "mailQuota"


def test_what_an_entry_says_in_a_form_of_its_own_is_said(tmp_path):
    text = LDAP["dovecot-ldap.conf.ext"].replace("=quota_rule\n", "=quota_rule=*:bytes=%$\n")
    plan = adopted(tmp_path, {**LDAP, "dovecot-ldap.conf.ext": text}, POSTROAD)
    assert "mailQuota=quota_rule=*:bytes=%$" in finding(plan, "user_attrs").words
    assert serious(plan) == ["user_attrs", "userdb: driver", "mail_location"]


@pytest.mark.parametrize(
    ("text", "setting", "words"),
    [
        ("passdb {\n driver = lua\n args = x\n}\n", "passdb: driver", "only the driver lua knows"),
        (
            "passdb {\n driver = passwd-file\n deny = yes\n args = /x\n}\n",
            "passdb: driver",
            "who is listed there could log in",
        ),
        ("mail_location = mbox:~/mail\n", "mail_location", "mailboxes mbox are written by nobody"),
        (
            "plugin {\n sieve = ~/.dovecot.sieve\n}\nmail_plugins = sieve\n",
            "plugin: sieve",
            "would not run",
        ),
        (
            "mail_plugins = quota\nplugin {\n quota_rule = *:storage=10%\n}\n",
            "plugin: quota_rule",
            "no quota",
        ),
        ("mail_plugins = quota\nplugin {\n quota2 = count:D\n}\n", "plugin: quota2", "another"),
        ("passdb {\n driver = static\n args = nopassword=y\n}\n", "passdb: driver", "for all"),
        ("passdb {\n driver = passwd-file\n args = /v/%d/u\n}\n", "passdb: driver", "one file"),
        ("passdb {\n driver = pam\n pass = yes\n}\n", "passdb: pass", "joins several"),
        ("protocols = imap\n", "mail_location", "nothing is set"),
    ],
)
def test_what_postroad_would_do_otherwise_is_said(tmp_path, text, setting, words):
    plan = adopted(tmp_path, {"dovecot.conf": text}, POSTROAD)
    found = finding(plan, setting)
    assert found.serious
    assert words in found.words
    beside = adopted(tmp_path, {"dovecot.conf": f"protocols = imap\n{text}"}, DOVECOT)
    assert not beside.settings


@pytest.mark.parametrize("mailboxes", Mailboxes)
@pytest.mark.parametrize("files", [SMALL_SERVER, SQL, LDAP])
def test_every_setting_is_spoken_of_once(tmp_path, files, mailboxes):
    plan = adopted(tmp_path, files, mailboxes)
    places = [(each.file, each.line, each.setting) for each in plan.findings]
    assert len(places) == len(set(places))
    spoken = {(file.name, line) for file, line, _ in places}
    for name, text in files.items():
        if mailboxes is DOVECOT and name.endswith(("sql.conf.ext", "ldap.conf.ext")):
            continue  # Dovecot goes on to read them
        for number, line in enumerate(text.splitlines(), start=1):
            if "=" in line and not line.startswith("  WHERE"):
                assert (Path(name).name, number) in spoken, line


def test_an_unknown_setting_is_said_not_dropped(tmp_path):
    plan = adopted(tmp_path, {"dovecot.conf": "frobnicate = yes\n"}, DOVECOT)
    found = finding(plan, "frobnicate")
    assert (found.verdict, found.matters) == (Verdict.UNSUPPORTED, False)


def test_the_next_version_is_read_too(tmp_path):
    plan = adopted(tmp_path, {"dovecot.conf": "dovecot_config_version = 2.4.0\n"}, DOVECOT)
    (found,) = plan.findings
    assert found.verdict is Verdict.NOT_NEEDED


def test_a_broken_file_is_said_and_the_rest_read(tmp_path):
    text = "service auth\nmail_location = maildir:/m/%u\n"
    plan = adopted(tmp_path, {"dovecot.conf": text}, POSTROAD)
    assert serious(plan) == ["dovecot.conf"]
    assert settings(plan)["mailbox.path"] == "/m/%u"
