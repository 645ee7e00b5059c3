from __future__ import annotations

import pytest
from pydantic import TypeAdapter, ValidationError

from postroad.mailbox import MailboxSettings


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"path": "/var/mail/%u"},
        {"path": "boxes/%d/%n/100%%"},
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
        ({"path": "/var/mail/%h/%n"}, "%h is unknown here"),
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
