"""Whose word on DNSSEC counts, and what it says of a host (RFC 7672 §2)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest

from dns_server import Liar, Lie
from fake_dns import FakeDns
from postroad.net.dns import DnsQuery, HostStanding, Resolver
from postroad.net.settings import DnsSettings

Lying = Callable[[Lie], Awaitable[Liar]]
SOA = "ns.invalid. hostmaster.invalid. 1 3600 600 86400 60"


@pytest.fixture
async def lying():
    servers: list[tuple[Liar, str]] = []

    async def start(lie: Lie) -> tuple[Liar, str]:
        liar = Liar(lie)
        servers.append((liar, await liar.start()))
        return servers[-1]

    yield start
    for server, _ in servers:
        server.stop()


def saying(*records: tuple[str, str, str], ad: bool = True, rcode: int = 0) -> Lie:
    """Answers with these records, proved or not; only to who asked for it."""

    def lie(question: dns.message.Message) -> dns.message.Message:
        said = dns.message.make_response(question, recursion_available=True)
        said.set_rcode(dns.rcode.Rcode(rcode))
        for name, kind, value in records:
            said.answer.append(dns.rrset.from_text(name, 60, "IN", kind, value))
        if not records:
            said.authority.append(dns.rrset.from_text("test.", 60, "IN", "SOA", SOA))
        if ad and question.flags & dns.flags.AD:
            said.flags |= dns.flags.AD
        return said

    return lie


MX = ("a.test.", "MX", "10 mx.a.test.")
ALIAS = ("a.test.", "CNAME", "b.test.")
ADDRESS = ("b.test.", "A", "192.0.2.1")


@pytest.mark.parametrize(
    ("lie", "kind", "validated"),
    [
        (saying(MX), "MX", True),
        (saying(MX, ad=False), "MX", False),
        (saying(ALIAS, ADDRESS), "A", True),
        (saying(ad=True), "A", True),  # that there is none is proved as well
        (saying(ad=False), "A", False),
        (saying(ad=True, rcode=3), "A", True),
        (saying(ad=False, rcode=3), "A", False),
    ],
)
async def test_what_the_resolver_says(lying, lie, kind, validated):
    _, address = await lying(lie)
    query = DnsQuery(DnsSettings(servers=(address,)))
    assert query.is_trusted
    assert (await query("a.test", kind)).validated is validated


async def test_an_alias_that_leads_into_an_unsigned_zone(lying):
    """Each answer on the way has to be proved."""

    def lie(question):
        first = question.question[0].name.to_text() == "a.test."
        return saying(ALIAS)(question) if first else saying(ADDRESS, ad=False)(question)

    _, address = await lying(lie)
    records = await DnsQuery(DnsSettings(servers=(address,)))("a.test", "A")
    assert records.values == ("192.0.2.1",)
    assert not records.validated
    assert records.canonical == "b.test"


@pytest.mark.parametrize(
    ("servers", "validating", "trusted"),
    [
        (("127.0.0.1:5353",), None, True),
        (("[::1]:53", "127.0.0.53"), None, True),
        (("127.0.0.1", "192.0.2.1"), None, False),
        (("192.0.2.1",), None, False),
        (("192.0.2.1",), True, True),
        (("127.0.0.1",), False, False),
    ],
)
def test_whose_word_counts(servers, validating, trusted):
    settings = DnsSettings(servers=servers, validating=validating)
    assert DnsQuery(settings).is_trusted is trusted


async def test_a_word_that_does_not_count(lying):
    liar, address = await lying(saying(MX))
    records = await DnsQuery(DnsSettings(servers=(address,), validating=False))("a.test", "MX")
    assert not records.validated
    assert liar.questions == ["udp a.test. MX"]


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("both.test", HostStanding(True)),
        ("alias.test", HostStanding(True, "both.test", alias_validated=True)),
        ("astray.test", HostStanding(False, "plain.example", alias_validated=True)),
        ("inward.example", HostStanding(False, "both.test")),
        ("plain.example", HostStanding(False)),
        ("nowhere.test", HostStanding(False)),
        ("192.0.2.1", HostStanding(False)),
        ("localhost", HostStanding(False)),
        ("", HostStanding(False)),
    ],
)
async def test_the_standing_of_a_host(host, expected):
    zone = {
        "both.test": {"A": ("192.0.2.1",), "AAAA": ("2001:db8::1",)},
        "plain.example": {"A": ("192.0.2.1",)},
    }
    aliases = {
        "alias.test": "both.test",
        "astray.test": "plain.example",
        "inward.example": "both.test",
    }
    fake = FakeDns(zone, signed=(".test",), aliases=aliases)
    assert await Resolver(DnsSettings(), lambda: 0.0, query=fake).standing(host) == expected


async def test_a_family_that_is_not_proved_spoils_the_host():
    class Half(FakeDns):
        async def __call__(self, name, kind):
            found = await super().__call__(name, kind)
            self.signed = () if kind == "A" else (".test",)
            return found

    zone = {"both.test": {"A": ("192.0.2.1",), "AAAA": ("2001:db8::1",)}}
    fake = Half(zone, signed=(".test",))
    standing = await Resolver(DnsSettings(), lambda: 0.0, query=fake).standing("both.test")
    assert not standing.validated
