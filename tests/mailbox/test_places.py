"""Homes and mail that a directory names: Dovecot's forms, and never out of the roots."""

from __future__ import annotations

from pathlib import Path

import pytest

from postroad.mailbox import MaildirLocation, UnsafeName
from postroad.mailbox.location import above_accounts

STATE = Path("/var/lib/postroad")
USER = "John@example.org"


def find(template="/var/vmail/%d/%n", *, home="", mail="", usual_home="", roots=()):
    location = MaildirLocation(template, STATE, home=usual_home, roots=roots)
    return location.find(USER.lower() if template != "%Ln" else USER, home, mail)


@pytest.mark.parametrize(
    ("template", "path"),
    [
        ("/var/vmail/%Ld/%Ln", "/var/vmail/example.org/john"),
        ("/var/vmail/%Ud/%n", "/var/vmail/EXAMPLE.ORG/john"),
        ("/var/vmail/%1n/%n", "/var/vmail/j/john"),
        ("/var/vmail/%1.2n/%n", "/var/vmail/oh/john"),
        ("/var/vmail/%2Mn/%n", "/var/vmail/52/john"),  # printf john | md5sum
        ("/var/vmail/%Rn", "/var/vmail/nhoj"),
        ("/var/vmail/%{domain}/%{username}", "/var/vmail/example.org/john"),
        ("maildir:/var/vmail/%u", "/var/vmail/john@example.org"),
        ("maildir:/var/vmail/%n:INDEX=/var/index/%n", "/var/vmail/john"),
        ("/var/v::mail/%n", "/var/v:mail/john"),
    ],
)
def test_dovecots_variables(template, path):
    assert find(template).inbox == Path(path)


def test_options():
    found = find("maildir:/v/%n:INBOX=/v/%n/.INBOX:CONTROL=/c/%n:LAYOUT=fs:UTF-8")
    assert (found.root, found.inbox, found.control) == (
        Path("/v/john"),
        Path("/v/john/.INBOX"),
        Path("/c/john"),
    )
    assert found.nested
    assert found.utf8


@pytest.mark.parametrize(
    ("home", "mail", "path"),
    [
        ("", "", "/var/vmail/example.org/john"),
        ("", "/var/vmail/elsewhere", "/var/vmail/elsewhere"),
        ("", "maildir:/var/vmail/%d/x/%n/", "/var/vmail/example.org/x/john"),
        ("/var/vmail/h", "maildir:~/Maildir", "/var/vmail/h/Maildir"),
        ("/var/vmail/h", "%h/m", "/var/vmail/h/m"),
        ("/var/vmail/h", "Maildir", "/var/vmail/h/Maildir"),
    ],
)
def test_what_a_directory_says(home, mail, path):
    assert find(home=home, mail=mail).inbox == Path(path)


def test_the_usual_template_below_a_home():
    roots = ("/home",)
    assert find("~/Maildir", home="/home/john", roots=roots).inbox == Path("/home/john/Maildir")
    found = find("%h/Maildir", usual_home="/home/%n", roots=roots)
    assert found.inbox == Path("/home/john/Maildir")
    with pytest.raises(UnsafeName, match="no home"):
        find("~/Maildir", roots=roots)
    with pytest.raises(UnsafeName, match="no home"):
        find("%h/Maildir", roots=roots)


@pytest.mark.parametrize(
    ("home", "mail"),
    [
        ("", "/etc/cron.d"),
        ("", "/var/vmail/../../etc"),
        ("", "/var/vmail"),
        ("", "/var/vmail/"),
        ("", "/var/vmailother/john"),
        ("", "../../../etc/%n"),
        ("/etc", ""),
        ("/etc", "~/x"),
        ("", "maildir:/var/vmail/john:INBOX=/etc/x"),
        ("", "maildir:/var/vmail/john:CONTROL=/etc/x"),
        ("", "/var/vmail/a\0b"),
    ],
)
def test_a_directory_cannot_have_mail_written_elsewhere(home, mail):
    template = "~/Maildir" if home and not mail else "/var/vmail/%d/%n"
    with pytest.raises(UnsafeName, match="roots"):
        find(template, home=home, mail=mail, roots=("/var/vmail",))


@pytest.mark.parametrize("mail", ["mbox:~/mail", "mdbox:/var/vmail/x", "sdbox:~/x"])
def test_other_forms_are_dovecots_own(mail):
    with pytest.raises(UnsafeName, match="LMTP"):
        find(mail=mail, home="/var/vmail/h")


def test_an_unknown_variable_of_a_directory():
    with pytest.raises(UnsafeName, match="%z is unknown"):
        find(mail="/var/vmail/%z")


def test_a_link_leads_out_of_the_roots(tmp_path):
    (tmp_path / "root").mkdir()
    (tmp_path / "else").mkdir()
    (tmp_path / "root" / "out").symlink_to(tmp_path / "else")
    location = MaildirLocation("", STATE, roots=(f"{tmp_path}/root",))
    location.find("john@example.org", mail=f"{tmp_path}/root/in/Maildir").confine()
    with pytest.raises(UnsafeName, match="link"):
        location.find("john@example.org", mail=f"{tmp_path}/root/out/Maildir").confine()


@pytest.mark.parametrize(
    ("template", "home", "above"),
    [
        ("", "", "mail"),
        ("/var/vmail/%d/%n", "", "/var/vmail"),
        ("maildir:/var/vmail/x-%n", "", "/var/vmail"),
        ("~/Maildir", "/home/%n", "/home"),
        ("%h/Maildir", "", None),
    ],
)
def test_the_folder_above_all(template, home, above):
    assert above_accounts(template, home) == (None if above is None else Path(above))
