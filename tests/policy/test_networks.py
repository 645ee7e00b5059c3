"""Trusted networks: who is in, who is not, and text that is no address."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from postroad.policy import Networks

NETWORKS = ("127.0.0.0/8", "::1/128", "10.1.0.0/16", "2001:db8::/32", "::ffff:192.0.2.0/120")


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("127.0.0.1", True),
        ("127.255.255.255", True),
        ("128.0.0.1", False),
        ("::1", True),
        ("::2", False),
        ("10.1.2.3", True),
        ("10.2.2.3", False),
        ("2001:db8:ffff::1", True),
        ("2001:DB8::1", True),
        ("2001:db9::1", False),
        ("::ffff:10.1.2.3", True),
        ("::ffff:10.2.2.3", False),
        ("192.0.2.77", True),
        ("::ffff:192.0.2.77", True),
        ("192.0.3.77", False),
        ("fe80::1%eth0", False),
        ("", False),
        ("unknown", False),
        ("127.0.0.1/8", False),
        ("127.1", False),
    ],
)
def test_contains(address, expected):
    networks = Networks(map(ip_network, NETWORKS))
    assert networks.contains(address) is expected
    assert networks.contains(address) is expected


def test_no_network_contains_nobody():
    assert not Networks().contains("127.0.0.1")
    assert str(Networks()) == "no network"


def test_neighbours_are_joined():
    halves = Networks(map(ip_network, ("128.0.0.0/1", "0.0.0.0/1")))
    assert str(halves) == "0.0.0.0/0"


def test_mapped_networks_are_ipv4():
    assert str(Networks([ip_network("::ffff:127.0.0.0/104")])) == "127.0.0.0/8"
    assert str(Networks([ip_network("::ffff:0:0/96")])) == "0.0.0.0/0"


def test_memory_is_bounded():
    networks = Networks([ip_network("10.0.0.0/8")])
    for number in range(10_000):
        networks.contains(f"10.0.{number // 256}.{number % 256}")
    assert len(networks._known) <= 4096
    assert networks.contains("10.0.0.0")
