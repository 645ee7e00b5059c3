from __future__ import annotations

import pytest

from postroad.directory.names import address_form, domain_form, without_extension
from postroad.model import Address


@pytest.mark.parametrize(
    ("written", "form"),
    [
        ("Example.ORG.", "example.org"),
        ("MÜLLER.example", "xn--mller-kva.example"),
        ("xn--MLLER-kva.example", "xn--mller-kva.example"),
        ("bücher。example", "xn--bcher-kva.example"),
        ("_under.example", "_under.example"),
        ("[IPv6:2001:DB8::1]", "[ipv6:2001:db8::1]"),
        ("\u0378.example", "\u0378.example"),
        ("\udc80.example", "\ufffd.example"),
        ("", ""),
    ],
)
def test_domain_form(written, form):
    assert domain_form(written) == form


@pytest.mark.parametrize(
    ("written", "form"),
    [
        (Address("John", "Example.org"), "john@example.org"),
        (Address("Jo\u0308rg", "example.org"), "jörg@example.org"),
        (Address("two words", "example.org"), '"two words"@example.org'),
        (Address("\udc80", "example.org"), "\ufffd@example.org"),
    ],
)
def test_address_form(written, form):
    assert str(address_form(written)) == form


@pytest.mark.parametrize(
    ("local", "delimiters", "plain"),
    [
        ("john+lists", "+", "john"),
        ("john+lists+more", "+", "john"),
        ("john-a+b", "+-", "john"),
        ("john-a", "+", None),
        ("+john", "+", None),
        ("+john+x", "+", "+john"),
        ("john+", "+", "john"),
        ("john+lists", "", None),
        ("john", "+", None),
    ],
)
def test_without_extension(local, delimiters, plain):
    found = without_extension(Address(local, "example.org"), delimiters)
    assert (None if found is None else found.local) == plain
