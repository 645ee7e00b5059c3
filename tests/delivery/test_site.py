"""Whose hosts a next hop leads to."""

from __future__ import annotations

import pytest

from postroad.delivery.site import registrable


@pytest.mark.parametrize(
    ("host", "site"),
    [
        ("aspmx.l.google.com", "google.com"),
        ("example-org.mail.protection.outlook.com", "outlook.com"),
        ("mx.provider.co.uk", "provider.co.uk"),
        ("mx.uk", "mx.uk"),
        ("co.uk", "co.uk"),
        ("localhost", "localhost"),
        ("192.0.2.1", "192.0.2.1"),
        ("2001:DB8::1", "2001:db8::1"),
    ],
)
def test_the_registrable_domain(host, site):
    assert registrable(host) == site


@pytest.mark.parametrize(
    ("nexthop", "site"),
    [
        ("example.net", "example.net"),
        ("away.example", "example.net"),
        ("[mx.example.net]:587", "mx.example.net"),
        ("[127.0.0.1]", "127.0.0.1"),
        ("[mx.example.net],[dead.example.net]", "mx.example.net"),
        ("john@example.org/[mx.example.net]", "mx.example.net"),
        ("absent.example", "absent.example"),
        ("null.example", "null.example"),
        ("broken.example", "broken.example"),
        ("", ""),
    ],
)
async def test_the_site_of_a_next_hop(world, nexthop, site):
    here = await world()
    assert await here.transport.site(nexthop) == site
