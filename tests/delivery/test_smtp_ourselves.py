"""Mail never goes round: this server among the mail exchangers."""

from __future__ import annotations

import pytest

from deliveries import told


@pytest.mark.parametrize("domain", ["ours.example", "equal.example", "relay.example.org"])
async def test_mail_whose_best_exchanger_has_our_name_is_returned(world, domain):
    here = await world()
    report = await here.send(domain)
    assert told(report) == [f"10 bounced 554 5.4.6 mail for {domain} loops back to myself"]
    assert (report.relay, report.outcomes[0].from_peer) == ("none", False)
    assert here.server.connections == 0


@pytest.mark.parametrize("nexthop", ["example.net", "[127.0.0.1]", "[mx.example.net]:{port}"])
async def test_mail_that_would_reach_our_own_listener_is_returned(world, nexthop):
    here = await world(own_port=0)
    (result,) = told(await here.send(nexthop.format(port=here.server.port)))
    host = nexthop.partition(":")[0].strip("[]")
    assert result == f"10 bounced 554 5.4.6 mail for {host} loops back to myself"
    assert here.server.connections == 0


async def test_another_port_of_this_machine_is_not_ourselves(world):
    here = await world(own_port=25)
    assert told(await here.send()) == ["10 sent 250 2.0.0 Ok: queued as 0"]


@pytest.mark.parametrize("nexthop", ["[relay.example.org]", "relay.example.org:{port}"])
async def test_our_name_in_brackets_or_with_a_port_is_not_ourselves(world, nexthop):
    here = await world()
    here.dns.zone = {"relay.example.org": {"A": ("127.0.0.1",)}}
    (result,) = told(await here.send(nexthop.format(port=here.server.port)))
    assert result == "10 sent 250 2.0.0 Ok: queued as 0"


async def test_only_better_exchangers_than_ourselves_are_tried(world):
    here = await world()
    assert told(await here.send("behind.example")) == ["10 sent 250 2.0.0 Ok: queued as 0"]
    dead = await world()
    (result,) = told(await dead.send("backup.example"))
    assert result.startswith("10 deferred 451 4.4.1 connect to dead.example.net[127.0.0.3]:")
    assert here.server.connections + dead.server.connections == 1


async def test_mail_waits_while_the_better_exchanger_has_no_address(world):
    here = await world()
    assert told(await here.send("lost.example")) == [
        "10 deferred 451 4.4.4 unable to find primary relay for lost.example"
    ]


@pytest.mark.parametrize("smarthost", ["[mx.example.net]", "example.net", "ours.example"])
async def test_a_smarthost_that_is_ourselves_waits_for_the_operator(world, smarthost):
    here = await world(own_port=0, smarthost=smarthost)
    report = await here.send(smarthost)
    host = smarthost.strip("[]")
    assert told(report) == [f"10 deferred 451 4.4.6 mail for {host} loops back to myself"]
    assert report.unreachable
