from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroad.directory.names import (
    address_form,
    domain_form,
    has_a_label,
    is_plain,
    is_text,
    same_text,
    without_extension,
)
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
    ("domain", "has"),
    [
        ("example.org", True),
        ("b\u00fccher.example", True),
        ("_under.example", True),
        ("[192.0.2.1]", True),
        ("", True),
        ("\u0301example.org", False),
        ("e\u20ddxample.org", False),
        ("\u200dexample.org", False),
        ("\udc80.example", False),
    ],
)
def test_a_domain_that_can_be(domain, has):
    assert has_a_label(domain_form(domain)) is has


@pytest.mark.parametrize(
    ("written", "form"),
    [
        (Address("John", "Example.org"), "john@example.org"),
        (Address("Jo\u0308rg", "example.org"), "jörg@example.org"),
        (Address("J\u030cx", "example.org"), "\u01f0x@example.org"),
        (Address("T\u0308", "example.org"), "\u1e97@example.org"),
        (Address("two words", "example.org"), '"two words"@example.org'),
        (Address("\udc80", "example.org"), "\ufffd@example.org"),
    ],
)
def test_address_form(written, form):
    assert str(address_form(written)) == form


@given(st.text())
def test_a_form_is_its_own_form(local):
    form = address_form(Address(local, "example.org"))
    assert address_form(form) == form


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("John@Example.org", "john@example.org", True),
        ("john@m\u00fcller.example", "john@xn--mller-kva.example", True),
        ("JOHN", "john", True),
        ("j\u00f6hn", "jo\u0308hn", True),
        ("j\u00f6hn", "john", False),
        ("\uff4aohn", "john", False),
        ("john ", "john", False),
    ],
)
def test_same_text(one, other, same):
    assert same_text(one, other) is same
    assert same_text(other, one) is same


@pytest.mark.parametrize(
    ("local", "plain"),
    [("john", True), ("a.b+c", True), ("j\u00f6hn", False), ("john ", False), ("a\nb", False)],
)
def test_is_plain(local, plain):
    assert is_plain(local) is plain
    assert not is_plain("")


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


@pytest.mark.parametrize(
    ("text", "writable"),
    [("", True), ("J\u00f6rg \U0001f600", True), ("a\udc80", False), ("\ud83d", False)],
)
def test_texts_that_can_be_written(text, writable):
    assert is_text(text) is writable
