"""The grammar of RFC 5321 §4.1.2, as tables of what is an address and what is not."""

from __future__ import annotations

import pytest

from postroad.model import Address, AddressError
from postroad.model.address import belongs_to


@pytest.mark.parametrize(
    ("text", "local", "domain"),
    [
        ("john@example.org", "john", "example.org"),
        ("john+lists@example.org", "john+lists", "example.org"),
        ('"john doe"@example.org', "john doe", "example.org"),
        (
            r'"a\"b\\c"@example.org',
            r"a\"b\\c".replace(r"\"", '"').replace(r"\\", "\\"),
            "example.org",
        ),
        ('"john"@example.org', "john", "example.org"),
        ("x@[192.0.2.1]", "x", "[192.0.2.1]"),
        ("x@[IPv6:2001:db8::1]", "x", "[IPv6:2001:db8::1]"),
        ("jürgen@müller.example", "jürgen", "müller.example"),
        ("a@localhost", "a", "localhost"),
        ("!#$%&'*+/=?^_`{|}~-@example.org", "!#$%&'*+/=?^_`{|}~-", "example.org"),
        ('"a@b"@example.org', "a@b", "example.org"),
        ("x" * 64 + "@example.org", "x" * 64, "example.org"),
    ],
)
def test_addresses(text: str, local: str, domain: str) -> None:
    address = Address.parse(text)

    assert (address.local, address.domain) == (local, domain)
    assert Address.parse(str(address)) == address


@pytest.mark.parametrize(
    "text",
    [
        "",
        "john",
        "@example.org",
        "john@",
        "john doe@example.org",
        ".john@example.org",
        "john.@example.org",
        "jo..hn@example.org",
        "john@-example.org",
        "john@example..org",
        "john@example.org.",
        "john@[300.0.2.1]",
        "john@[192.0.2.1",
        "john@[IPv6:zz::1]",
        'jo"hn@example.org',
        '"john@example.org',
        "john@exa mple.org",
        "jo\r\nhn@example.org",
        '"jo\r\nhn"@example.org',
        "jo\x00hn@example.org",
        "x" * 65 + "@example.org",
        "ü" * 33 + "@example.org",
        "x@" + "a" * 64 + ".org",
        "x@" + ".".join(["a" * 60] * 5),
        "a@b@example.org",
    ],
)
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(AddressError):
        Address.parse(text)


def test_key_ignores_case_and_the_roots_dot() -> None:
    assert Address("John", "Example.ORG").key == Address("john", "example.org.").key


def test_the_null_domain_is_postmasters() -> None:
    assert str(Address("Postmaster", "")) == "Postmaster"


@pytest.mark.parametrize(
    ("text", "ascii_only"), [("a@b.c", True), ("ä@b.c", False), ("a@ü.c", False)]
)
def test_is_ascii(text: str, ascii_only: bool) -> None:
    assert Address.parse(text).is_ascii is ascii_only


@pytest.mark.parametrize(
    ("name", "domain", "belongs"),
    [
        ("example.org", "example.org", True),
        ("mx.example.org", "example.org", True),
        ("badexample.org", "example.org", False),
        ("example.org", "mx.example.org", False),
        ("example.org.evil.test", "example.org", False),
        (".example.org", "example.org", True),
    ],
)
def test_what_belongs_to_a_domain(name: str, domain: str, *, belongs: bool) -> None:
    assert belongs_to(name, domain) is belongs
