"""What an old Postfix's content filter brings back, as amavis does."""

from __future__ import annotations

from pathlib import Path

from adopt.postfix.test_translation import make

AMAVIS = """\
amavis unix - - n - 2 smtp
127.0.0.1:10025 inet n - n - - smtpd
  -o content_filter=
  -o receive_override_options=no_header_body_checks,no_milters
  -o smtpd_recipient_restrictions=permit_mynetworks,reject
"""


def test_it_is_neither_verified_nor_signed_nor_filtered(tmp_path: Path) -> None:
    main = "content_filter = amavis:[127.0.0.1]:10024\nsmtpd_milters = inet:localhost:11332\n"
    found = make(tmp_path, main, AMAVIS).written.configuration

    (back,) = [each for each in found.listeners.values() if each.taken_before]
    assert back.bind == ("127.0.0.1:10025",)
    assert not back.content_filter
    assert back.filters == ()
    assert found.listeners["mx"].content_filter == "amavis:[127.0.0.1]:10024"
    assert not found.listeners["mx"].taken_before
