from __future__ import annotations

import grp
import os
import pwd
from dataclasses import replace
from pathlib import Path

import pytest

from postroad.config import Configuration
from postroad.config.mailboxes import mailbox_faults, mailbox_obstacles
from postroad.config.reach import Account
from postroad.directory.domain_settings import DomainSettings
from postroad.directory.source_settings import SourceSettings
from postroad.mailbox.settings import MailboxSettings

NOBODY = pwd.getpwnam("nobody")
GROUP = grp.getgrgid(NOBODY.pw_gid).gr_name


def server(**mailbox) -> Configuration:
    return Configuration(
        hostname="mail.example.org",
        domains=("example.org",),
        state_directory=Path("/var/lib/postroad"),
        mailbox=MailboxSettings(**mailbox),
    )


@pytest.mark.parametrize(
    ("mailbox", "words"),
    [
        ({"path": "~/Maildir"}, "set home, or roots"),
        ({"path": "%h/Maildir"}, "set home, or roots"),
    ],
)
def test_faults(mailbox, words):
    [fault] = mailbox_faults(server(**mailbox))
    assert words in fault.message


@pytest.mark.parametrize(
    "mailbox",
    [
        {},
        {"user": "postroad"},
        {"path": "~/Maildir", "home": "/var/vmail/%d/%n"},
        {"path": "~/Maildir", "roots": ("/home",)},
    ],
)
def test_no_faults(mailbox):
    assert list(mailbox_faults(server(**mailbox))) == []


@pytest.mark.parametrize(
    ("mailbox", "words"),
    [
        ({}, ""),
        ({"user": "nobody"}, ""),
        ({"user": "no-such-user"}, "mailbox.user: there is no user no-such-user"),
        ({"user": "root"}, "mailbox.user: as root no mail is written for accounts"),
        ({"uids": ("500-", "no-such-user")}, "mailbox.uids: there is no user no-such-user"),
        ({"gids": ("no-such-group",)}, "mailbox.gids: there is no group no-such-group"),
        ({"user": "daemon", "group": "root"}, "mailbox.user: as root no mail is written"),
        ({"group": GROUP}, ""),
        ({"group": "no-such-group"}, "mailbox.group: there is no group no-such-group"),
        ({"group": "root"}, "usermod -aG root nobody"),
    ],
)
def test_obstacles(mailbox, words):
    groups = frozenset({NOBODY.pw_gid} - {0})
    account = Account("nobody", NOBODY.pw_uid, groups, after_root=os.geteuid() == 0)
    found = " ".join(mailbox_obstacles(server(**mailbox), account))
    assert (words in found) if words else not found


@pytest.mark.parametrize(
    ("after_root", "words"),
    [(True, ""), (False, "only a server that is started as root writes as others")],
)
def test_other_owners_need_a_start_as_root(after_root, words):
    account = Account("nobody", NOBODY.pw_uid, frozenset({NOBODY.pw_gid}), after_root=after_root)
    settings = replace(
        server(), domain={"one.test": DomainSettings(mail_user="2001", mail_group="2001")}
    )
    for each in (server(user="daemon"), settings):
        found = " ".join(mailbox_obstacles(replace(each, user="nobody"), account))
        assert (words in found) if words else not found


@pytest.mark.parametrize(
    ("line", "after_root", "words"),
    [
        ("a@one.test:x:2001:2001::::", True, ""),
        ("a@one.test:x:2001:2001::::", False, "a@one.test: its owner is user 2001, as whom only"),
        ("a@one.test:x:8:8::::", True, "user 8, whom [mailbox] uids does not allow"),
        ("a@one.test:x:2001:42::::", True, "group is 42, which [mailbox] gids does not allow"),
        ("a@one.test:x:::::", False, ""),
    ],
)
def test_owners_that_a_passwd_file_names(tmp_path, line, after_root, words):
    (tmp_path / "users").write_text(line + "\n")
    settings = SourceSettings(kind="files", passwd=tmp_path / "users")
    account = Account("nobody", NOBODY.pw_uid, frozenset({NOBODY.pw_gid}), after_root=after_root)
    configuration = replace(server(), directories={"old": settings})
    found = " ".join(mailbox_obstacles(configuration, account))
    assert (f"directories.old: {line.partition(':')[0]}: " in found) == bool(words)
    assert words in found
    if after_root:  # a server that stays root writes as them by the same rules
        assert " ".join(mailbox_obstacles(configuration, None)) == found
