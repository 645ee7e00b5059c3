"""Dovecot's configuration as a tree: files, sections, variables, faults."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from peers.needs import program
from postroad.adopt.dovecot.conf import Section, read_dovecot
from postroad.adopt.old_files import OldFiles

MAIN = """\
!include_try absent.conf
!include_try protocols/*.protocol
mail_plugins = $mail_plugins quota
mail_location = maildir:/var/dovemail/%u/Maildir
!include conf.d/*.conf
!include_try local.conf
"""
AUTH = """\
auth_username_format = %Ln
auth_mechanisms = plain \\
  login
!include auth-passwdfile.conf.ext
"""
USERS = """\
passdb {
  driver = passwd-file
  args = scheme=SHA512 username_format=%u /etc/dovecot/users
}
passdb {
  driver = pam
}
userdb {
  driver = passwd-file
  args = username_format=%u /etc/dovecot/users
}
"""
MASTER = """\
service lmtp {
  unix_listener /var/spool/postfix/private/dovecot-lmtp {
    group = postfix
    mode = 0600
  }
}
service auth {
  unix_listener /var/spool/postfix/private/auth {
    mode = 0666
  }
}
service lmtp {
  process_min_avail = 1
}
protocol lmtp {
  mail_plugins = $mail_plugins sieve
}
protocol imap {
  mail_plugins = $mail_plugins imap_quota
}
plugin {
  quota = maildir:User quota
  quota_rule = *:storage=1G
}
plugin/quota_rule2 = Trash:storage=+100M
"""
FILES = {
    "dovecot.conf": MAIN,
    "conf.d/10-auth.conf": AUTH,
    "conf.d/10-master.conf": MASTER,
    "conf.d/.hidden.conf": "mail_location = mbox:/nowhere\n",
    "conf.d/auth-passwdfile.conf.ext": USERS,
    "protocols/imapd.protocol": "protocols = $protocols imap\n",
    "protocols/lmtpd.protocol": "protocols = $protocols lmtp\n",
    "local.conf": "ssl = no\nplugin {\n  quota_rule = *:storage=2G\n}\n",
}


def tree(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return folder / "dovecot.conf"


def read(folder: Path, files: dict[str, str]) -> Section:
    whole, faults = read_dovecot(OldFiles(), tree(folder, files))
    assert faults == []
    return whole


def test_values_of_all_files_in_their_order(tmp_path):
    whole = read(tmp_path, FILES)
    assert whole.text("mail_location") == "maildir:/var/dovemail/%u/Maildir"
    assert whole.text("auth_mechanisms") == "plain login"
    assert whole.text("ssl") == "no"
    assert whole.text("protocols").split() == ["imap", "lmtp"]
    value = whole.values["auth_username_format"]
    assert (value.file, value.line) == (tmp_path / "conf.d" / "10-auth.conf", 1)


def test_sections_of_one_name_are_one_and_unnamed_ones_are_many(tmp_path):
    whole = read(tmp_path, FILES)
    assert [each.text("driver") for each in whole.all("passdb")] == ["passwd-file", "pam"]
    lmtp = whole.one("service", "lmtp")
    assert lmtp is not None
    assert lmtp.text("process_min_avail") == "1"
    (listener,) = lmtp.all("unix_listener")
    assert listener.name == "/var/spool/postfix/private/dovecot-lmtp"
    plugin = whole.one("plugin")
    assert plugin is not None
    assert plugin.text("quota_rule") == "*:storage=2G"
    assert plugin.text("quota_rule2") == "Trash:storage=+100M"


def test_a_variable_is_what_holds_there(tmp_path):
    whole = read(tmp_path, FILES)
    assert whole.text("mail_plugins") == "quota"
    lmtp = whole.one("protocol", "lmtp")
    assert lmtp is not None
    assert lmtp.text("mail_plugins") == "quota sieve"


def test_a_secret_is_not_shown(tmp_path):
    whole = read(tmp_path, {"dovecot.conf": "doveadm_password = correct horse\n"})
    assert "horse" not in repr(whole)


@pytest.mark.parametrize(
    ("files", "line", "words"),
    [
        ({"dovecot.conf": "a = 1\n}\n"}, 2, "a '}' without a section"),
        ({"dovecot.conf": "service auth {\n"}, 1, "the section service is never closed"),
        ({"dovecot.conf": "\n!include none.conf\n"}, 2, "none.conf: no such file to include"),
        ({"dovecot.conf": "!include dovecot.conf\n"}, 1, "too many files include each other"),
        ({"dovecot.conf": "service auth\n"}, 1, "service: Expecting '{'"),
        ({"dovecot.conf": "a {\n" * 50_000}, 50, "too many sections within each other"),
        ({"dovecot.conf": "a = $ENV:HOME\n"}, 1, "$ENV:HOME: Dovecot's environment is not known"),
    ],
)
def test_what_dovecot_would_not_take_is_told_with_its_line(tmp_path, files, line, words):
    _, faults = read_dovecot(OldFiles(), tree(tmp_path, files))
    assert faults[0].line == line
    assert words in faults[0].words


def test_what_follows_sections_that_are_too_deep_is_read(tmp_path):
    text = "a {\n" * 60 + "}\n" * 60 + "ssl = no\n"
    whole, faults = read_dovecot(OldFiles(), tree(tmp_path, {"dovecot.conf": text}))
    assert [fault.line for fault in faults] == [50]
    assert whole.text("ssl") == "no"
    assert len(list(whole.walk())) == 50


def test_a_missing_configuration_is_told(tmp_path):
    _, (fault,) = read_dovecot(OldFiles(), tmp_path / "dovecot.conf")
    assert "no such file" in fault.words


def flat(section: Section, prefix: str = "") -> dict[str, str]:
    """Every value by its place; unnamed sections by their number."""
    found = {prefix + key: value.text for key, value in section.values.items()}
    counts: dict[tuple[str, str], int] = {}
    for each in section.sections:
        at = counts[each.kind, each.name] = counts.get((each.kind, each.name), 0) + 1
        found |= flat(each, f"{prefix}{each.kind} {each.name} {at}/")
    return found


@pytest.mark.peer
@pytest.mark.parametrize("which", ["ours", "debian"])
def test_doveconf_reads_the_same(tmp_path, which):
    doveconf = program("doveconf")
    if which == "ours":
        file = tree(tmp_path, FILES)
    else:
        shutil.copytree("/usr/share/dovecot/conf.d", tmp_path / "conf.d")
        shutil.copy("/usr/share/dovecot/dovecot.conf", tmp_path)
        file = tmp_path / "dovecot.conf"
    whole, faults = read_dovecot(OldFiles(), file)
    assert faults == []
    shown = subprocess.run(
        [doveconf, "-a", "-c", str(file)], capture_output=True, text=True, check=True
    ).stdout
    (tmp_path / "shown.conf").write_text(shown)
    theirs, _ = read_dovecot(OldFiles(), tmp_path / "shown.conf")
    known = flat(theirs)
    for place, value in flat(whole).items():
        if place not in ("ssl_key", "ssl_dh"):  # hidden
            assert known[place].strip() == value, place
