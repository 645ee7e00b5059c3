"""What is asked of the DNS, put to a real name server (nsd): records, and the names of clients."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from peers.dns import NameServer
from postroad.model import Client
from postroad.net.dns import DnsTemporary, Existence, Resolver
from postroad.net.settings import DnsSettings

pytestmark = pytest.mark.peer

LONG = " ".join(f'"{letter * 250}"' for letter in "abcdefgh")
RECORDS = [
    "mx.test. A 192.0.2.1",
    "mx.test. AAAA 2001:db8::1",
    "example.test. MX 10 mx.test.",
    "example.test. MX 20 mx.xn--bcher-kva.test.",
    'example.test. TXT "v=spf1 " "mx -all"',
    f"long.test. TXT {LONG}",
    "null.test. MX 0 .",
    "alias.test. CNAME second.test.",
    "second.test. CNAME mx.test.",
    "loop.test. CNAME pool.test.",
    "pool.test. CNAME loop.test.",
    "dangling.test. CNAME nothing.test.",
    "abroad.test. CNAME mx.elsewhere.example.",
    "away.test. NS ns.elsewhere.example.",
    "mx.xn--bcher-kva.test. A 192.0.2.9",
    "other.test. A 192.0.2.99",
    "2.0.0.127.list.test. A 127.0.0.2",
    '2.0.0.127.list.test. TXT "Blocked - see http://list.test/2"',
    *(f"many.test. A 10.0.{at}.1" for at in range(250)),
    "1.2.0.192.in-addr.arpa. PTR mx.test.",
    "2.2.0.192.in-addr.arpa. PTR mx.test.",
    "3.2.0.192.in-addr.arpa. PTR nothing.test.",
    "4.2.0.192.in-addr.arpa. PTR x.away.test.",
    "99.2.0.192.in-addr.arpa. PTR alias.test.",
    "99.2.0.192.in-addr.arpa. PTR other.test.",
    f"1.{'0.' * 23}8.b.d.0.1.0.0.2.ip6.arpa. PTR mx.test.",
]
ZONES = ("test.", "2.0.192.in-addr.arpa.", "8.b.d.0.1.0.0.2.ip6.arpa.")


@pytest.fixture(scope="module")
def server() -> Iterator[NameServer]:
    server = NameServer(RECORDS, ZONES)
    yield server
    server.stop()


@pytest.fixture
async def resolver(server: NameServer) -> AsyncIterator[Resolver]:
    resolver = Resolver(DnsSettings(servers=(server.address,)), lambda: 0.0)
    yield resolver
    await resolver.close()


@pytest.mark.parametrize(
    ("name", "kind", "records"),
    [
        ("mx.test", "A", ("192.0.2.1",)),
        ("MX.Test.", "AAAA", ("2001:db8::1",)),
        ("example.test", "MX", ("10 mx.test.", "20 mx.xn--bcher-kva.test.")),
        ("null.test", "MX", ("0 .",)),
        ("test", "NS", ("ns.invalid.",)),
        ("example.test", "TXT", ("v=spf1 mx -all",)),
        ("long.test", "TXT", ("".join(letter * 250 for letter in "abcdefgh"),)),
        ("alias.test", "A", ("192.0.2.1",)),
        ("mx.bücher.test", "A", ("192.0.2.9",)),
        ("2.0.0.127.list.test", "A", ("127.0.0.2",)),
        ("2.0.0.127.list.test", "TXT", ("Blocked - see http://list.test/2",)),
        ("1.2.0.192.in-addr.arpa", "PTR", ("mx.test.",)),
        ("example.test", "A", ()),
        ("alias.test", "MX", ()),
        ("nothing.test", "A", ()),
        ("dangling.test", "A", ()),
    ],
)
async def test_records(resolver: Resolver, name: str, kind: str, records: tuple[str, ...]) -> None:
    assert tuple(sorted(await resolver.records(name, kind))) == records  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "existence"),
    [
        ("mx.test", Existence.FOUND),
        ("example.test", Existence.NO_DATA),
        ("nothing.test", Existence.NO_DOMAIN),
    ],
)
async def test_what_exists(resolver: Resolver, name: str, existence: Existence) -> None:
    assert (await resolver.lookup(name, "A")).existence is existence


@pytest.mark.parametrize(
    "name",
    [
        "x.away.test",  # whose servers are elsewhere
        "abroad.test",  # an alias into a zone that it refuses to speak of
        "mx.elsewhere.example",
        "loop.test",
    ],
)
async def test_what_it_cannot_say(resolver: Resolver, name: str) -> None:
    with pytest.raises(DnsTemporary):
        await resolver.records(name, "A")


async def test_more_records_than_are_taken(resolver: Resolver) -> None:
    assert len(await resolver.records("many.test", "A")) == 100


@pytest.mark.parametrize(
    ("address", "names"),
    [
        ("192.0.2.1", ("mx.test", "mx.test", False, False)),
        ("2001:db8::1", ("mx.test", "mx.test", False, False)),
        ("192.0.2.2", ("unknown", "mx.test", False, False)),
        ("192.0.2.3", ("unknown", "nothing.test", False, False)),
        ("192.0.2.4", ("unknown", "x.away.test", True, False)),
        ("192.0.2.5", ("unknown", "unknown", False, False)),
        ("192.0.2.99", ("other.test", "other.test", False, False)),
        ("198.51.100.1", ("unknown", "unknown", True, True)),  # a zone that it refuses to speak of
    ],
)
async def test_names_of_clients(
    resolver: Resolver, address: str, names: tuple[str, str, bool, bool]
) -> None:
    found = await resolver.identify(Client(address, 4711))
    assert (found.name, found.reverse_name, found.name_unsure, found.reverse_unsure) == names
