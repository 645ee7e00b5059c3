"""Host names and address literals, as Postfix's restrictions judge them."""

from __future__ import annotations

import pytest

from postroad.policy.hostname import is_address_literal, is_fqdn, is_hostname, is_ip_address


@pytest.mark.parametrize(
    ("text", "hostname", "fqdn"),
    [
        ("mx.example.net", True, True),
        ("mx.example.net.", True, True),
        ("localhost", True, False),
        ("localhost.", True, False),
        ("münchen.example", True, True),
        ("my_host.example", True, True),
        ("a-b.example", True, True),
        ("1and1.example", True, True),
        ("3com", True, False),
        ("", False, False),
        (".", False, False),
        ("..", False, False),
        ("a..b", False, False),
        (".example.net", False, False),
        ("example.net..", False, False),
        ("-a.example", False, False),
        ("a-.example", False, False),
        ("a b.example", False, False),
        ("192.0.2.1", False, False),
        ("1234", False, False),
        ("[192.0.2.1]", False, False),
        ("x" * 63 + ".example", True, True),
        ("x" * 64 + ".example", False, False),
        (".".join(["x" * 49] * 5) + ".example", False, False),
    ],
)
def test_names(text, hostname, fqdn):
    assert is_hostname(text) is hostname
    assert is_fqdn(text) is fqdn


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("192.0.2.1", True),
        ("2001:db8::1", True),
        ("192.0.2", False),
        ("192.0.2.256", False),
        ("fe80::1%eth0", False),
        ("[192.0.2.1]", False),
        ("", False),
    ],
)
def test_addresses(text, expected):
    assert is_ip_address(text) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[192.0.2.1]", True),
        ("[IPv6:2001:db8::1]", True),
        ("[ipv6:::1]", True),
        ("[2001:db8::1]", False),
        ("[IPv6:192.0.2.1]", False),
        ("[192.0.2.1", False),
        ("192.0.2.1", False),
        ("[]", False),
        ("[", False),
        ("[x:192.0.2.1]", False),
    ],
)
def test_literals(text, expected):
    assert is_address_literal(text) is expected
