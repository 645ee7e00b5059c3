"""Tables of TLS policies, as Postfix's smtp_tls_policy_maps."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as some

from postroad.delivery.nexthop import Nexthop
from postroad.delivery.tls_table import TablePolicy, look_up, policy_mistake, read_policy

# The example of postconf(5).
EXAMPLE = {
    "example.edu": "none",
    "example.mil": "may",
    "example.gov": "encrypt protocols=TLSv1",
    "example.com": "verify ciphers=high",
    "example.net": "secure",
    ".example.net": "secure match=.example.net:example.net",
    "[mail.example.org]:587": "secure match=nexthop",
    "[thumb.example.org]": "fingerprint match=b6:b4:72:34 match=51:e9:af:2e",
}


class Tables:
    """Tables in memory, and what was asked."""

    def __init__(self, **tables: dict[str, str]) -> None:
        self.tables = tables
        self.asked: list[str] = []

    async def find(self, table: str, key: str) -> str | None:
        self.asked.append(f"{table} {key}")
        return self.tables[table].get(key)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("none", TablePolicy("none")),
        ("may", TablePolicy("may")),
        ("encrypt protocols=TLSv1", TablePolicy("encrypt", protocols="TLSv1")),
        ("verify ciphers=high", TablePolicy("verify", ciphers="high")),
        (
            "secure match=.example.net:example.net",
            TablePolicy("secure", match=(".example.net", "example.net")),
        ),
        (
            "secure  match=nexthop, match=dot-nexthop",
            TablePolicy("secure", match=("nexthop", "dot-nexthop")),
        ),
        (
            "fingerprint match=b6:b4|51E9",
            TablePolicy("fingerprint", match=("b6:b4", "51E9")),
        ),
        ("dane", TablePolicy("dane")),
        ("dane-only", TablePolicy("dane-only")),
        (
            "verify servername=Mail.example.net",
            TablePolicy("verify", server_name="mail.example.net"),
        ),
    ],
)
def test_results(text, expected):
    assert read_policy(text) == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no level"),
        ("secured", "no level"),
        ("none ciphers=high", "without TLS"),
        ("may match=example.net", "nothing at the level may"),
        ("dane match=example.net", "nothing at the level dane"),
        ("verify ciphers=export", "ciphers"),
        ("verify ciphers=high ciphers=high", "twice"),
        ("verify match=", "none of"),
        ("verify cipher=high", "none of"),
        ("verify high", "none of"),
        ("verify match=exa_mple..net", "no name"),
        ("fingerprint match=xyz", "no fingerprint"),
        ("encrypt protocols=TLSv9", "no version"),
        ("encrypt protocols=!TLSv1:!TLSv1.1:!TLSv1.2:!TLSv1.3", "no version"),
        ("verify servername=a..b", "servername"),
    ],
)
def test_what_means_nothing(text, words):
    assert words in policy_mistake(text)


@given(some.text(max_size=100))
def test_no_text_is_too_odd(text):
    assert policy_mistake(text) or read_policy(text).level


@pytest.mark.parametrize(
    ("nexthop", "source"),
    [
        ("example.net", "one for example.net"),
        ("a.example.net", "one for .example.net"),
        ("a.b.example.net", "one for .example.net"),
        ("example.net:587", None),  # postconf(5): only without a port are parents looked up
        ("a.example.net:25", None),
        ("[mail.example.org]:587", "one for [mail.example.org]:587"),
        ("[mail.example.org]", None),
        ("[thumb.example.org]", "one for [thumb.example.org]"),
        ("thumb.example.org", None),
        ("other.example", "two for other.example"),
    ],
)
async def test_keys(nexthop, source):
    tables = Tables(one=EXAMPLE, two={"other.example": "may", "example.net": "none"})
    found = await look_up(["one", "two"], Nexthop.parse(nexthop), tables)
    assert (found.source if isinstance(found, TablePolicy) else found) == source


async def test_the_keys_come_before_the_tables():
    tables = Tables(one={".example.net": "may"}, two={"a.example.net": "encrypt"})
    found = await look_up(["one", "two"], Nexthop.parse("a.example.net"), tables)
    assert isinstance(found, TablePolicy)
    assert found.level == "encrypt"


async def test_a_mistake_is_told_and_is_no_policy():
    tables = Tables(one={"example.net": "secured"})
    found = await look_up(["one"], Nexthop.parse("example.net"), tables)
    assert isinstance(found, str)
    assert found.startswith("one for example.net: ")
