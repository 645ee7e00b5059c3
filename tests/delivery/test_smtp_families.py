"""Hosts with addresses of both families, and hosts whose addresses lead nowhere."""

from __future__ import annotations

import asyncio
import random

import pytest

from deliveries import told
from fake_mx import FakeMx
from postroad.delivery.source_pool import SourcePool
from postroad.delivery.sources import Source
from postroad.net.connecting import connect

TAKEN = ["10 sent 250 2.0.0 Ok: queued as 0"]
BOTH = {
    "both.example": {"MX": ("10 both.example.net.",)},
    "both.example.net": {"A": ("127.0.0.1",), "AAAA": ("::1",)},
    "six.example": {"MX": ("10 six.example.net.",)},
    "six.example.net": {"AAAA": ("::1",)},
    "private.example": {"MX": ("10 both.example.net.",)},
}


async def both(world, monkeypatch, **delivery: object):
    """A world where what listens at ::1 is the server at 127.0.0.1 as well; who was dialled."""
    here = await world(delivery=delivery, parts={"chance": random.Random(1)})
    here.dns.zone = BOTH
    dialled = []

    async def any_family(host: str, port: int, **more):
        dialled.append(host)
        return await connect("127.0.0.1", port, **more)

    monkeypatch.setattr("postroad.delivery.dialling.connect", any_family)
    return here, dialled


@pytest.mark.parametrize(
    ("family", "first"),
    [
        ("prefer_ipv4", "127.0.0.1"),
        ("ipv4", "127.0.0.1"),
        ("prefer_ipv6", "::1"),
        ("ipv6", "::1"),
    ],
)
async def test_which_family_is_dialled(world, monkeypatch, family, first):
    here, dialled = await both(world, monkeypatch, address_family=family)
    assert told(await here.send("both.example")) == TAKEN
    assert dialled == [first]


async def test_a_host_without_an_address_of_the_only_family(world, monkeypatch):
    here, dialled = await both(world, monkeypatch, address_family="ipv4")
    (result,) = told(await here.send("six.example"))
    assert result == (
        "10 bounced 550 5.4.4 Host or domain name not found. Name service error for "
        "name=six.example.net type=A: Host not found"
    )
    assert dialled == []


async def test_the_other_family_is_tried_while_the_first_is_silent(world, monkeypatch):
    here = await world(delivery={"fallback_delay": 0.001, "address_family": "prefer_ipv6"})
    here.dns.zone = BOTH
    dialled = []

    async def silent_over_six(host: str, port: int, **more):
        dialled.append(host)
        if host == "127.0.0.1":
            return await connect(host, port, **more)
        return await asyncio.get_running_loop().create_future()

    monkeypatch.setattr("postroad.delivery.dialling.connect", silent_over_six)
    report = await here.send("both.example")
    assert told(report) == TAKEN
    assert report.relay.startswith("both.example.net[127.0.0.1]:")


async def test_a_refused_connection_leads_to_the_other_family_at_once(world, monkeypatch):
    here = await world(delivery={"address_family": "prefer_ipv6", "fallback_delay": 60})
    here.dns.zone = BOTH

    async def refused_over_six(host: str, port: int, **more):
        if ":" in host:
            raise ConnectionRefusedError(111, "Connect call failed")
        return await connect(host, port, **more)

    monkeypatch.setattr("postroad.delivery.dialling.connect", refused_over_six)
    assert told(await here.send("both.example")) == TAKEN
    (noted,) = here.logged
    assert noted.text == (
        f"connect to both.example.net[::1]:{here.server.port}: Connection refused"
    )


@pytest.mark.parametrize("nexthop", ["private.example", "[both.example.net]"])
async def test_private_addresses_may_be_kept_from_mx_records(world, monkeypatch, nexthop):
    here, dialled = await both(world, monkeypatch, private_exchangers=False)
    (result,) = told(await here.send(nexthop))
    if nexthop.startswith("["):
        assert result == TAKEN[0]
    else:
        assert result.startswith("10 bounced 550 5.4.4 unable to look up host both.example.net: ")
        assert dialled == []


async def test_our_own_address_to_connect_from(world):
    pool = SourcePool([Source("127.0.0.5", "five.example.org")])
    here = await world(FakeMx(), parts={"sources": pool})
    assert told(await here.send()) == TAKEN
    assert here.server.commands[0] == "EHLO five.example.org"
    assert here.server.clients == ["127.0.0.5"]


async def test_an_address_that_is_not_ours_delays_the_mail(world):
    here = await world(parts={"sources": SourcePool([Source("192.0.2.77", "")])})
    (result,) = told(await here.send())
    assert result == (
        f"10 deferred 451 4.4.1 connect to mx.example.net[127.0.0.1]:{here.server.port}: "
        "cannot send from 192.0.2.77: Cannot assign requested address"
    )
