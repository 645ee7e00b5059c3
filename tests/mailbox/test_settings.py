from __future__ import annotations

import pytest
from pydantic import TypeAdapter, ValidationError

from postroad.mailbox.settings import MailboxSettings


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"path": "/var/mail/%u"},
        {"path": "boxes/%d/%n/100%%"},
        {"path": "maildir:~/Maildir:INBOX=~/Maildir/.INBOX:LAYOUT=fs"},
        {"path": "/var/mail/%Ld/%1.2Mn/%Ln"},
        {"path": "%h/Maildir"},
        {"path": "/var/vmail/%{domain}/%{username}"},
        {"transport": "maildir"},
        {"transport": "lmtp:unix:/run/dovecot/lmtp"},
        {"transport": "lmtp:inet:127.0.0.1:24"},
        {"transport": "lmtp:inet:[::1]:24"},
        {"transport": "lmtp:inet:mail.example.org:2424"},
    ],
)
def test_what_is_taken(given):
    settings = TypeAdapter(MailboxSettings).validate_python(given)
    assert {"path": settings.path, "transport": settings.transport} == {
        "path": "",
        "transport": "maildir",
        **given,
    }


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"path": "/var/mail/all"}, "needs %u or %n"),
        ({"path": "/var/mail/%d"}, "needs %u or %n"),
        ({"path": "maildir:/var/mail:INBOX=/var/in/%u"}, "needs %u or %n"),
        ({"path": "mdbox:/x/%n"}, "mail is written as Maildir, not mdbox; deliver to that by LMTP"),
        ({"path": "mbox:~/mail"}, "mail is written as Maildir, not mbox"),
        ({"path": "/var/mail/%s/%n"}, "%s is unknown here"),
        ({"path": "/var/mail/%Qn"}, "%Qn is unknown here"),
        ({"path": "~/Maildir/%z"}, "%z is unknown here"),
        ({"home": "/home/%h"}, "cannot be named by %h"),
        ({"home": "/home/%z"}, "%z is unknown here"),
        ({"roots": ["var/mail"]}, "absolute path"),
        ({"roots": ["/"]}, "absolute path"),
        ({"mode": "rwx"}, "octal digits"),
        ({"mode": "0777"}, "everybody could change"),
        ({"mode": "0077"}, "the server itself"),
        ({"file_mode": "0644644"}, "octal digits"),
        ({"quota": "much"}, '"1G"'),
        ({"quota": "-1"}, '"1G"'),
        ({"quota": "99999999T"}, "at the most"),
        ({"quota_grace": "200%"}, "such as"),
        ({"quota_warnings": [0]}, "1 to 100"),
        ({"quota_full": "drop"}, "bounce"),
        ({"detail_folders": "yes"}, "existing"),
        ({"path": "/var/mail/%n/%"}, "% is unknown here"),
        ({"transport": "mbox"}, '"lmtp:unix:/path"'),
        ({"transport": "lmtp:/run/lmtp"}, '"lmtp:unix:/path"'),
        ({"transport": "lmtp:unix:relative"}, '"lmtp:unix:/path"'),
        ({"transport": "lmtp:inet:localhost"}, '"lmtp:unix:/path"'),
        ({"transport": "lmtp:inet:localhost:0"}, '"lmtp:unix:/path"'),
        ({"transport": "lmtp:inet:localhost:65536"}, '"lmtp:unix:/path"'),
    ],
)
def test_what_is_refused(given, text):
    with pytest.raises(ValidationError, match=text):
        TypeAdapter(MailboxSettings).validate_python(given)
