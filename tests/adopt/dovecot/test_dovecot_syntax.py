"""Single lines of Dovecot's configuration."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroad.adopt.dovecot.syntax import Line, LineKind, lines

SETTING, VARIABLE, FILE = LineKind.SETTING, LineKind.VARIABLE_SETTING, LineKind.FILE_SETTING


@pytest.mark.parametrize(
    ("text", "kind", "key", "value"),
    [
        ("ssl = required", SETTING, "ssl", "required"),
        ("ssl=required", SETTING, "ssl", "required"),
        ("  ssl\t=  required  ", SETTING, "ssl", "required"),
        ("ssl = required\r", SETTING, "ssl", "required"),
        ("ssl =", SETTING, "ssl", ""),
        ("ssl = required # always", SETTING, "ssl", "required"),
        ("ssl = required#always", SETTING, "ssl", "required"),
        ('greeting = "Hello # there"', SETTING, "greeting", "Hello # there"),
        ("greeting = 'it''s'", SETTING, "greeting", "it''s"),
        (r'greeting = "say \"hello\" \\ so"', SETTING, "greeting", r'say "hello" \ so'),
        ('greeting = "open', SETTING, "greeting", '"open'),
        ("greeting = don't # stop", SETTING, "greeting", "don't # stop"),
        ("special_use = \\Drafts", SETTING, "special_use", "\\Drafts"),
        ("ssl_cert = </etc/cert.pem", FILE, "ssl_cert", "/etc/cert.pem"),
        ("ssl_cert = < /etc/cert.pem", FILE, "ssl_cert", "/etc/cert.pem"),
        ("mail_plugins = $mail_plugins quota", VARIABLE, "mail_plugins", "$mail_plugins quota"),
        ("price = '$5'", SETTING, "price", "$5"),
        ("plugin/quota = maildir:User quota", SETTING, "plugin/quota", "maildir:User quota"),
        ("protocol imap {", LineKind.OPENING, "protocol", "imap"),
        ("passdb {", LineKind.OPENING, "passdb", ""),
        ('mailbox "Sent Messages" {', LineKind.OPENING, "mailbox", "Sent Messages"),
        ("}", LineKind.CLOSING, "", ""),
        ("!include conf.d/*.conf", LineKind.INCLUDE, "!include", "conf.d/*.conf"),
        ("!include_try local.conf", LineKind.INCLUDE_IF_THERE, "!include_try", "local.conf"),
        ("service auth", LineKind.ERROR, "service", "Expecting '{'"),
        ("service auth { user = root", LineKind.ERROR, "service", "Garbage after '{'"),
        ("nonsense", LineKind.ERROR, "nonsense", "no value"),
    ],
)
def test_a_line(text, kind, key, value):
    assert list(lines(text)) == [Line(1, kind, key, value)]


@pytest.mark.parametrize("text", ["", "   ", "# nothing", "\t# nothing", "\r"])
def test_nothing(text):
    assert list(lines(text)) == []


def test_a_line_goes_on_behind_a_backslash():
    text = "a = 1\nquery = SELECT user \\\n  # by the way\n  FROM users \\\n\n WHERE x\nb = 2\n"
    assert list(lines(text)) == [
        Line(1, SETTING, "a", "1"),
        Line(2, SETTING, "query", "SELECT user FROM users WHERE x"),
        Line(7, SETTING, "b", "2"),
    ]


@given(st.text(alphabet=" \t\"'\\#=<>{}$!\r\nab"))
def test_any_text_is_read(text):
    for line in lines(text):
        assert 1 <= line.number <= text.count("\n") + 1
