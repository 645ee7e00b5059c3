"""Which network an address belongs to."""

from __future__ import annotations

import pytest

from postroad.limits.network import network_of, region_of


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.0/24"),
        ("10.1.2.3", "10.1.2.0/24"),
        ("2001:db8::1", "2001:db8::/64"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("::1", "::/64"),
        ("fe80::1", "fe80::/64"),
        ("local", "local"),
        ("", ""),
        ("no:address", "no:address"),
    ],
)
def test_network_of(address: str, network: str) -> None:
    assert network_of(address) == network


@pytest.mark.parametrize(
    ("address", "region"),
    [
        ("192.0.2.7", "192.0.0.0/16"),
        ("10.1.2.3", "10.1.0.0/16"),
        ("2001:db8::1", "2001:db8::/32"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8::/32"),
        ("::1", "::/32"),
        ("local", "local"),
        ("", ""),
        ("no:address", "no:address"),
    ],
)
def test_region_of(address: str, region: str) -> None:
    assert region_of(address) == region
