from __future__ import annotations

import grp
import os
import pwd
from pathlib import Path

import pytest

from postroad.config import Configuration
from postroad.config.mailboxes import mailbox_faults, mailbox_obstacles
from postroad.config.reach import Account
from postroad.mailbox import MailboxSettings

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
        ({"user": "vmail"}, "the server runs as postroad"),
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
        ({"user": "root"}, "mailbox.user is root, and the server runs as nobody"),
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
