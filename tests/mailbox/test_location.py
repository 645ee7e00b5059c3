from __future__ import annotations

from pathlib import Path

import pytest

from postroad.mailbox import MaildirLocation, UnsafeName

STATE = Path("/var/lib/postroad")


@pytest.mark.parametrize(
    ("template", "path"),
    [
        ("", "/var/lib/postroad/mail/example.org/john/Maildir"),
        ("boxes/%u", "/var/lib/postroad/boxes/john@example.org"),
        ("/home/%n/Maildir", "/home/john/Maildir"),
        ("/srv/%d/%n-%n/100%%", "/srv/example.org/john-john/100%"),
        ("/srv/%%n/%n", "/srv/%n/john"),
    ],
)
def test_a_template_is_filled(template, path):
    assert MaildirLocation(template, STATE).path("john@example.org") == Path(path)


def test_a_percent_sign_in_the_state_directory_is_no_variable():
    location = MaildirLocation("%n", Path("/srv/%x"))
    assert location.path("john@example.org") == Path("/srv/%x/john")


@pytest.mark.parametrize(
    "user",
    [
        "../etc@example.org",
        "..@example.org",
        ".@example.org",
        ".hidden@example.org",
        "a/b@example.org",
        "/@example.org",
        "a\0b@example.org",
        "@example.org",
        "john",
        "john@",
        "john@..",
        "john@.example.org",
        "john@example.org/..",
        "john@a/../../b",
        "",
    ],
)
@pytest.mark.parametrize("template", ["", "/home/%d/%u"])
def test_a_name_never_leads_out_of_its_place(user, template):
    with pytest.raises(UnsafeName):
        MaildirLocation(template, STATE).path(user)


@pytest.mark.parametrize("user", ["%d@example.org", "a%%b@example.org", "back\\slash@example.org"])
def test_a_name_is_not_read_as_a_template(user):
    local = user.rpartition("@")[0]
    assert MaildirLocation("/home/%n", STATE).path(user) == Path("/home") / local


def test_a_template_without_account_is_refused():
    with pytest.raises(ValueError, match="needs %u or %n"):
        MaildirLocation("/var/mail/inbox", STATE)
