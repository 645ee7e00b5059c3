"""Tests of IP addresses in text."""

from ipaddress import IPv4Address, IPv6Address

import pytest

from postroad.model.ip_address import IpAddress, ip_of, is_ip_address


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("192.0.2.1", IPv4Address("192.0.2.1")),
        ("2001:DB8::0:1", IPv6Address("2001:db8::1")),
        ("::ffff:192.0.2.1", IPv4Address("192.0.2.1")),
        ("::ffff:c000:201", IPv4Address("192.0.2.1")),
        ("::ffff:0.0.0.0", IPv4Address("0.0.0.0")),
        ("::192.0.2.1", IPv6Address("::c000:201")),  # compatible, not mapped
        ("fe80::1%eth0", IPv6Address("fe80::1%eth0")),
    ],
)
def test_addresses(text: str, address: IpAddress) -> None:
    assert ip_of(text) == address
    assert is_ip_address(text)


@pytest.mark.parametrize(
    "text", ["", "192.0.2", "192.0.2.256", "[192.0.2.1]", "192.0.2.1 ", "192.0.2.0/24", "a", "\0"]
)
def test_what_is_none(text: str) -> None:
    assert ip_of(text) is None
    assert not is_ip_address(text)
