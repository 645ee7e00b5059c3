"""Next hops that lead to one endpoint share its sessions, where nothing else tells them apart."""

from __future__ import annotations

import pytest

from deliveries import delivery, told
from fake_mx import OFFER, FakeMx
from postroad.delivery.login import Credentials
from postroad.delivery.source_pool import SourcePool
from postroad.delivery.sources import Source
from smtp_world import TLS_OFFER, server_context


async def test_two_domains_with_one_mail_exchanger_share_a_connection(world):
    here = await world()
    for at, domain in enumerate(("example.net", "away.example", "example.net")):
        assert told(await here.send(domain)) == [f"10 sent 250 2.0.0 Ok: queued as {at}"]
    assert here.server.connections == 1
    assert "RSET" not in here.server.commands


@pytest.mark.parametrize("level", ["may", "encrypt", "verify"])
async def test_under_tls_as_well(world, authority, level):
    context = server_context(authority, "mx.example.net")
    here = await world(
        FakeMx(offer=TLS_OFFER, context=context), tls=level, ca_file=authority.certificate
    )
    for domain in ("example.net", "away.example"):
        assert told(await here.send(domain))[0].startswith("10 sent")
    assert here.server.connections == 1


async def test_another_name_of_the_host_is_another_host(world):
    here = await world()
    await here.send("example.net")
    await here.send("[127.0.0.1]")
    assert here.server.connections == 2


async def test_a_login_is_not_lent(world):
    here = await world(
        FakeMx(offer=(*OFFER, "AUTH PLAIN")),
        smarthost="[mx.example.net]",
        tls="none",
        credentials=Credentials("john", "summersun"),
    )
    await here.send("[mx.example.net]")
    await here.send("example.net")
    await here.send("[mx.example.net]")
    assert here.server.connections == 2
    assert sum(line.startswith("AUTH") for line in here.server.commands) == 1


async def test_nor_is_a_source(world):
    turns = SourcePool([Source("127.0.0.5", ""), Source("127.0.0.6", "")], round_robin=True)
    here = await world(parts={"sources": turns})
    await here.send("example.net")
    await here.send("away.example")
    assert set(here.server.clients) == {"127.0.0.5", "127.0.0.6"}


async def test_mail_with_requiretls_has_its_own(world, authority):
    context = server_context(authority, "mx.example.net")
    here = await world(
        FakeMx(offer=(*TLS_OFFER, "REQUIRETLS"), context=context), ca_file=authority.certificate
    )
    here.dns.signed = ("example.net",)
    await here.send("example.net")
    assert told(await here.send("example.net", require_tls=True))[0].startswith("10 sent")
    assert here.server.connections == 2


@pytest.mark.parametrize(("limit", "connections"), [(1, 3), (2, 2), (0, 1), (None, 1)])
async def test_the_queue_may_limit_the_messages_of_a_connection(world, limit, connections):
    here = await world(delivery={"messages_per_connection": 100})
    for _ in range(3):
        one = delivery("example.net")
        await here.transport.deliver(type(one)(one.message, one.recipients, one.nexthop, limit))
    assert here.server.connections == connections


async def test_what_was_said_to_an_idle_session_is_no_answer(world):
    """250 and then 421 behind it: the message was taken, and the session is over."""
    here = await world(FakeMx(said={"END": ["250 2.0.0 Ok\r\n421 4.3.2 Bye"]}))
    assert told(await here.send()) == ["10 sent 250 2.0.0 Ok"]
    assert told(await here.send())[0].startswith("10 sent")
    assert here.server.connections == 2
