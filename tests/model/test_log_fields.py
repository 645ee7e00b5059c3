"""No stranger's text ends its field of a log line."""

from __future__ import annotations

import pytest

from postroad.model.log_fields import enclosed, tamed


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("mail.example.org", "mail.example.org"),
        ("[192.0.2.7]", "[192.0.2.7]"),
        ("a b", "a?b"),
        ("x>, to=<y", "x???to=?y"),
        ('(a\\b);"c"@d', "?a?b???c??d"),
    ],
)
def test_a_name_that_a_client_gave_itself(name: str, shown: str) -> None:
    assert tamed(name) == shown


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("", ""),
        ("a@b.example", "a@b.example"),
        ('"a b"@b.example', '"a b"@b.example'),
        ('"a>, to=<b"@b.example', '"a?, to=?b"@b.example'),
    ],
)
def test_an_address_between_brackets(address: str, shown: str) -> None:
    assert enclosed(address) == shown
