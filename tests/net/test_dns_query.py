from __future__ import annotations

import asyncio
from dataclasses import replace

import dns.asyncresolver
import dns.rcode
import pytest

from connection_pair import sockets
from dns_server import DnsServer
from postroad.net.dns import DnsQuery, DnsTemporary, Existence, MxKind, Records, Resolver
from postroad.net.settings import DnsSettings

ZONE = """
@     300 IN SOA ns.example.net. hostmaster.example.net. 1 3600 600 86400 30
@     120 IN MX 10 mx.example.net.
@     120 IN MX 20 mx2.example.net.
mx     60 IN A 192.0.2.1
mx     60 IN AAAA 2001:db8::1
null   60 IN MX 0 .
tlsa   60 IN TLSA 3 1 1 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
"""


@pytest.fixture
async def server():
    server = DnsServer("example.net.", ZONE)
    server.address = await server.start()
    yield server
    server.stop()


def query(server: DnsServer, timeout: float = 30) -> DnsQuery:
    made = DnsQuery(DnsSettings(servers=(server.address,), timeout=timeout))
    made._resolver.timeout = timeout  # for a single try: nothing is asked twice for time alone
    return made


@pytest.mark.parametrize(
    ("name", "kind", "records"),
    [
        (
            "example.net",
            "MX",
            Records(Existence.FOUND, ("10 mx.example.net.", "20 mx2.example.net."), 120),
        ),
        ("mx.example.net", "A", Records(Existence.FOUND, ("192.0.2.1",), 60)),
        ("mx.example.net", "AAAA", Records(Existence.FOUND, ("2001:db8::1",), 60)),
        ("null.example.net", "MX", Records(Existence.FOUND, ("0 .",), 60)),
        ("mx.example.net", "MX", Records(Existence.NO_DATA, (), 30)),
        ("absent.example.net", "MX", Records(Existence.NO_DOMAIN, (), 30)),
        ("double..dot", "MX", Records(Existence.NO_DOMAIN)),
        (f"{'x' * 64}.example.net", "A", Records(Existence.NO_DOMAIN)),
    ],
)
async def test_questions(server, name, kind, records):
    answer = await query(server)(name, kind)
    assert replace(answer, values=tuple(sorted(answer.values))) == records


async def test_records_too_large_to_be_taken_are_there_none_the_less(server, monkeypatch):
    """Who asks for TLSA must not take them for none."""
    monkeypatch.setattr("postroad.net.dns_query.MAX_OCTETS", 20)
    answer = await query(server)("tlsa.example.net", "TLSA")
    assert answer == Records(Existence.FOUND, (), 60)


@pytest.mark.parametrize("rcode", [dns.rcode.SERVFAIL, dns.rcode.REFUSED])
async def test_a_server_that_cannot_say(server, rcode):
    server.rcode = rcode
    with pytest.raises(DnsTemporary):
        await query(server)("example.net", "MX")


async def test_a_silent_server(server):
    server.silent = True
    with pytest.raises(DnsTemporary):
        await query(server, timeout=0.05)("example.net", "MX")


async def test_the_whole_resolver_over_the_wire(server):
    settings = DnsSettings(servers=(server.address,))
    resolver = Resolver(settings, lambda: 0.0)
    answer = await resolver.mx("example.net")
    hosts = [exchanger.host for exchanger in answer.exchangers]
    assert (answer.kind, hosts) == (MxKind.LISTED, ["mx.example.net", "mx2.example.net"])
    assert (await resolver.mx("null.example.net")).kind is MxKind.NULL
    assert await resolver.addresses("mx.example.net") == ("192.0.2.1", "2001:db8::1")
    asked = server.questions
    await resolver.addresses("mx.example.net")
    assert server.questions == asked


def asked(query: DnsQuery) -> list[str]:
    """The servers that a query goes to, in their order."""
    return [str(server) for server in query._resolver.nameservers]


@pytest.mark.parametrize(
    ("text", "server"),
    [
        ("192.0.2.1", "Do53:192.0.2.1@53"),
        ("127.0.0.1:5353", "Do53:127.0.0.1@5353"),
        ("[::1]:53", "Do53:::1@53"),
        ("2001:db8::1", "Do53:2001:db8::1@53"),
        ("[2001:db8::1]", "Do53:2001:db8::1@53"),
    ],
)
def test_servers(text, server):
    assert asked(DnsQuery(DnsSettings(servers=(text,)))) == [server]


@pytest.mark.parametrize("text", ["", "ns.example.net", "127.0.0.1:", "127.0.0.1:x", "1.2.3.4:0"])
def test_what_is_no_server(text):
    with pytest.raises(ValueError, match="is no name server"):
        DnsQuery(DnsSettings(servers=(text,)))


@pytest.mark.parametrize(
    ("text", "servers"),
    [
        (
            "search example.net\nnameserver 192.0.2.1\nnameserver ::1\n",
            ["Do53:192.0.2.1@53", "Do53:::1@53"],
        ),
        ("search example.net\n", ["Do53:127.0.0.1@53"]),
        (None, ["Do53:127.0.0.1@53"]),
    ],
)
def test_the_systems_servers(monkeypatch, tmp_path, text, servers):
    files = {"/etc/resolv.conf": tmp_path / "resolv.conf"}
    if text is not None:
        files["/etc/resolv.conf"].write_text(text)
    read = dns.asyncresolver.Resolver.read_resolv_conf
    monkeypatch.setattr(
        dns.asyncresolver.Resolver, "read_resolv_conf", lambda self, path: read(self, files[path])
    )

    assert asked(DnsQuery(DnsSettings())) == servers


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("turns", range(1, 8))
async def test_who_gives_up_while_a_socket_is_made_leaves_none(server, turns, times):
    """One that uvloop is left with keeps a loop from being closed, for ever."""
    before = sockets()
    asking = asyncio.create_task(query(server)("example.net", "MX"))
    for _ in range(turns):
        await asyncio.sleep(0)
    for _ in range(times):  # a time limit, and whoever asked: a turn apart
        asking.cancel()
        await asyncio.sleep(0)
    await asyncio.gather(asking, return_exceptions=True)
    for _ in range(5):  # turns in which closed transports let go of their sockets
        await asyncio.sleep(0)
    assert sockets() == before
