"""Which TLS a destination and its hosts need, and who says so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from fake_dns import FakeDns
from postroad.delivery.nexthop import Nexthop
from postroad.delivery.sts import StsFound
from postroad.delivery.sts_policy import parse
from postroad.delivery.tls_policies import TlsPolicyFinder
from postroad.delivery.tls_policy import HostTls, TlsResult, TlsSeen
from postroad.delivery.tls_settings import OutboundTlsSettings
from postroad.model import Reply
from postroad.net.dns import Exchanger, Existence, Records, RecordType, Resolver
from postroad.net.settings import DnsSettings
from postroad.tables import TableUnavailable

EE = f"3 1 1 {'ab' * 32}"
TA = f"2 0 1 {'cd' * 32}"
ONLY_PKIX = f"1 1 1 {'ab' * 32}"
TRUNCATED = "3 1 1 abcd"

ZONE = {
    # Signed, with TLSA records.
    "dane.test": {"MX": ("10 mx.dane.test.",)},
    "mx.dane.test": {"A": ("192.0.2.1",)},
    "_25._tcp.mx.dane.test": {"TLSA": (EE, TA)},
    # Signed, without any.
    "signed.test": {"MX": ("10 mx.signed.test.",)},
    "mx.signed.test": {"A": ("192.0.2.1",)},
    # Signed, and none of them is of use.
    "unusable.test": {"MX": ("10 mx.unusable.test.",)},
    "mx.unusable.test": {"A": ("192.0.2.1",)},
    "_25._tcp.mx.unusable.test": {"TLSA": (ONLY_PKIX, TRUNCATED)},
    # A signed MX record that leads to an unsigned zone, and the other way round.
    "outward.test": {"MX": ("10 mx.plain.example.",)},
    "plain.example": {"MX": ("10 mx.plain.example.",)},
    "mx.plain.example": {"A": ("192.0.2.1",)},
    "_25._tcp.mx.plain.example": {"TLSA": (EE,)},
    "inward.example": {"MX": ("10 mx.dane.test.",)},
    # Somebody hides the answer.
    "bogus.test": {"MX": ("10 mx.bogus.test.",)},
    "mx.bogus.test": {"A": ("192.0.2.1",)},
    # Aliases: the records are at the end, at the beginning, or the end is unsigned.
    "_25._tcp.end.dane.test": {"TLSA": (TA,)},
    "end.dane.test": {"A": ("192.0.2.1",)},
    "_25._tcp.begin.test": {"TLSA": (EE,)},
    "bare.test": {"A": ("192.0.2.1",)},
    "_25._tcp.astray.test": {"TLSA": (EE,)},
    # DNSSEC proves the host, and not its records.
    "lifted.test": {"MX": ("10 mx.lifted.test.",)},
    "mx.lifted.test": {"A": ("192.0.2.1",)},
    "_tlsa.plain.example": {"TLSA": (EE,)},
    # More records than are taken from an answer.
    "big.test": {"MX": ("10 mx.big.test.",)},
    "mx.big.test": {"A": ("192.0.2.1",)},
    # It is its own mail exchanger.
    "itself.example": {"MX": ("10 itself.example.", "20 student.itself.example.")},
    "implicit.test": {"A": ("192.0.2.1",)},
    "_25._tcp.implicit.test": {"TLSA": (EE,)},
    "_587._tcp.mx.dane.test": {"TLSA": (TA,)},
}
ALIASES = {
    "alias.test": "end.dane.test",
    "begin.test": "bare.test",
    "astray.test": "mx.plain.example",
    "inward.plain.example": "mx.dane.test",
    "_25._tcp.mx.lifted.test": "_tlsa.plain.example",
}
STS = "version: STSv1\nmode: enforce\nmx: mx.plain.example\nmx: *.sts.example\nmax_age: 99999\n"


class Dns(FakeDns):
    """One set of records is too large to be taken."""

    async def __call__(self, name: str, kind: RecordType) -> Records:
        found = await super().__call__(name, kind)
        if name == "_25._tcp.mx.big.test":
            return replace(found, existence=Existence.FOUND, values=())
        return found


class Sts:
    """Policies of domains."""

    def __init__(self, **found: StsFound) -> None:
        self.found = found
        self.asked: list[str] = []

    async def find(self, domain: str) -> StsFound:
        self.asked.append(domain)
        return self.found.get(domain, StsFound())


class Tables:
    """One table."""

    def __init__(self, entries: Mapping[str, str] | None) -> None:
        self.entries = entries

    async def find(self, table: str, key: str) -> str | None:
        if self.entries is None:
            raise TableUnavailable(f"{table}: no answer")
        return self.entries.get(key)


class World:
    """A finder, what it asked and what it told."""

    def __init__(self, *, level=None, table=None, sts: str = "", failed: StsFound | None = None,
                 **settings):  # fmt: skip
        self.dns = Dns(
            ZONE, broken=frozenset({"_25._tcp.mx.bogus.test"}), signed=(".test",), aliases=ALIASES
        )
        resolver = Resolver(DnsSettings(), lambda: 0.0, query=self.dns)
        found = failed or StsFound(parse("plain.example", sts) if sts else None)
        self.sts = Sts(**{"plain.example": found, "inward.example": found, "dane.test": found})
        self.seen: list[TlsSeen] = []
        self.reported: list[str] = []
        if table is not None:
            settings["policy"] = ("hash:/policy",)
        self.finder = TlsPolicyFinder(
            OutboundTlsSettings(**settings),
            resolver,
            level=level,
            tables=Tables(table if table != "broken" else None),
            sts=self.sts,
            seeing=self.seen.append,
            report=self.reported.append,
        )

    async def at(self, nexthop: str, host: str, port: int = 25, **needs: bool) -> HostTls | Reply:
        policy = await self.finder.policy(Nexthop.parse(nexthop), **needs)
        if isinstance(policy, Reply):
            return policy
        return await self.finder.for_host(policy, Exchanger(10, host), port)


def told(found: HostTls | Reply) -> str:
    """A policy in a few words."""
    if isinstance(found, Reply):
        return str(found)
    words = [found.level, *found.names, *(str(each)[:5] for each in found.tlsa)]
    if found.testing:
        words.append("testing")
    if found.basis is not None:
        words.append(f"({found.basis.kind} {found.basis.domain})")
    return " ".join(words)


MAY = "may (no-policy-found {})"


@pytest.mark.parametrize(
    ("nexthop", "host", "expected"),
    [
        (
            "dane.test",
            "mx.dane.test",
            "dane mx.dane.test dane.test 3 1 1 2 0 1 (tlsa mx.dane.test)",
        ),
        ("signed.test", "mx.signed.test", MAY.format("signed.test")),
        ("unusable.test", "mx.unusable.test", "encrypt (tlsa mx.unusable.test)"),
        ("outward.test", "mx.plain.example", MAY.format("outward.test")),
        ("plain.example", "mx.plain.example", MAY.format("plain.example")),
        ("inward.example", "mx.dane.test", MAY.format("inward.example")),
        ("bogus.test", "mx.bogus.test", "451 4.7.5 TLSA lookup error for mx.bogus.test:25"),
        # RFC 7672 §2.2.3
        (
            "dane.test",
            "alias.test",
            "dane end.dane.test alias.test dane.test 2 0 1 (tlsa end.dane.test)",
        ),
        ("dane.test", "begin.test", "dane begin.test dane.test 3 1 1 (tlsa begin.test)"),
        ("dane.test", "astray.test", "dane astray.test dane.test 3 1 1 (tlsa astray.test)"),
        ("dane.test", "inward.plain.example", MAY.format("dane.test")),
        ("lifted.test", "mx.lifted.test", MAY.format("lifted.test")),
        ("big.test", "mx.big.test", "encrypt (tlsa mx.big.test)"),
        ("implicit.test", "implicit.test", "dane implicit.test 3 1 1 (tlsa implicit.test)"),
    ],
)
@pytest.mark.parametrize("settings", [{}, {"security_level": "dane"}, {"level": "dane"}])
async def test_opportunistic_dane(nexthop, host, expected, settings):
    assert told(await World(**settings).at(nexthop, host)) == expected


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        ("dane.test MX", "451 4.4.3 Host or domain name not found. Name service error for "),
        ("_25._tcp.mx.dane.test", "451 4.7.5 TLSA lookup error for mx.dane.test:25"),
        ("astray.test CNAME", "451 4.4.3 Host or domain name not found. Name service error for "),
    ],
)
async def test_a_question_that_is_suppressed_is_no_denial(broken, words):
    """RFC 7672 §2.1.1: or whoever can drop packets could switch DANE off."""
    world = World()
    world.dns.broken = frozenset({broken})
    host = "astray.test" if "astray" in broken else "mx.dane.test"
    assert told(await world.at("dane.test", host)).startswith(words)


@pytest.mark.parametrize(
    ("nexthop", "host", "expected"),
    [
        (
            "dane.test",
            "mx.dane.test",
            "dane mx.dane.test dane.test 3 1 1 2 0 1 (tlsa mx.dane.test)",
        ),
        ("signed.test", "mx.signed.test", "451 4.7.5 no TLSA records found"),
        ("unusable.test", "mx.unusable.test", "451 4.7.5 TLSA records unusable"),
        ("outward.test", "mx.plain.example", "451 4.7.5 no TLSA records found"),
        ("inward.example", "mx.dane.test", "451 4.7.5 non DNSSEC destination"),
        ("bogus.test", "mx.bogus.test", "451 4.7.5 TLSA lookup error for mx.bogus.test:25"),
        ("[mx.dane.test]", "mx.dane.test", "dane mx.dane.test 3 1 1 2 0 1 (tlsa mx.dane.test)"),
        ("[192.0.2.1]", "192.0.2.1", "451 4.7.5 no TLSA records found"),
    ],
)
async def test_mandatory_dane(nexthop, host, expected):
    assert told(await World(level="dane-only").at(nexthop, host)) == expected


async def test_the_port_is_part_of_the_question():
    assert told(await World().at("dane.test:587", "mx.dane.test", 587)).startswith("dane")
    world = World(level="dane")
    found = await world.at("[mx.dane.test]:587", "mx.dane.test", 587)
    assert isinstance(found, HostTls)
    assert [str(each)[:5] for each in found.tlsa] == ["2 0 1"]


async def test_the_server_name_is_the_base_domain():
    """RFC 7672 §8.1."""
    found = await World().at("dane.test", "alias.test")
    assert isinstance(found, HostTls)
    assert found.server_name == "end.dane.test"


async def test_dane_is_switched_off():
    world = World(dane="never")
    assert told(await world.at("dane.test", "mx.dane.test")) == MAY.format("dane.test")
    assert not [kind for _, kind in world.dns.asked if kind == "TLSA"]


async def test_unsigned_zones_are_not_asked_for_records():
    """RFC 7672 §2.2.2: their servers may fail at it."""
    world = World()
    await world.at("outward.test", "mx.plain.example")
    await world.at("plain.example", "mx.plain.example")
    assert not [kind for _, kind in world.dns.asked if kind == "TLSA"]


@pytest.mark.parametrize("level", ["none", "may", "encrypt", "verify", "secure"])
async def test_nothing_is_asked_about_a_host_in_brackets(level):
    world = World(level=level)
    found = await world.at("[127.0.0.1]:25", "127.0.0.1")
    assert isinstance(found, HostTls)
    assert found.basis is None
    assert world.dns.asked == []
    assert world.sts.asked == []


@pytest.mark.parametrize(
    ("level", "nexthop", "expected"),
    [
        ("none", "plain.example", "none"),
        ("encrypt", "plain.example", "encrypt"),
        ("verify", "plain.example", "verify mx.plain.example"),
        ("secure", "plain.example", "verify plain.example .plain.example"),
        ("verify", "[mx.plain.example]:587", "verify mx.plain.example"),
        ("secure", "[mx.plain.example]:587", "verify mx.plain.example .mx.plain.example"),
        ("fingerprint", "plain.example", "fingerprint"),
    ],
)
@pytest.mark.parametrize("key", ["level", "security_level"])
async def test_what_the_operator_wants(key, level, nexthop, expected):
    world = World(**{key: level}, sts=STS, fingerprint_match=("ab:cd",))
    found = await world.at(nexthop, "mx.plain.example")
    assert told(found) == expected
    assert world.sts.asked == []
    assert isinstance(found, HostTls)
    assert found.fingerprints == ((b"\xab\xcd",) if level == "fingerprint" else ())


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ("none", "none"),
        ("may", "may (sts plain.example)"),
        ("encrypt", "encrypt"),
        ("verify", "verify mx.plain.example"),
        ("secure match=nexthop:.example.org", "verify plain.example .example.org"),
        ("fingerprint match=abcd", "fingerprint"),
        ("fingerprint", "451 4.7.5 client TLS configuration problem"),
        ("dane-only", "451 4.7.5 non DNSSEC destination"),
        ("secured", "451 4.7.5 client TLS configuration problem"),
    ],
)
async def test_a_table_comes_first(entry, expected):
    world = World(level="encrypt", table={"plain.example": entry}, sts=STS)
    found = told(await world.at("plain.example", "mx.plain.example"))
    assert found == expected.replace("may (sts", "verify mx.plain.example (sts")
    assert bool(world.reported) is ("configuration problem" in expected)


async def test_a_table_that_does_not_answer_keeps_the_mail():
    world = World(table="broken")
    found = await world.at("plain.example", "mx.plain.example")
    assert told(found) == "451 4.7.5 client TLS configuration problem"


async def test_attributes_of_a_table():
    entry = "verify protocols=TLSv1.3 ciphers=high servername=front.example"
    found = await World(table={"plain.example": entry}).at("plain.example", "mx.plain.example")
    assert isinstance(found, HostTls)
    assert found.parameters.protocols == "TLSv1.3"
    assert found.parameters.ciphers == "high"
    assert found.server_name == "front.example"
    assert found.chosen


@pytest.mark.parametrize(
    ("mode", "host", "expected"),
    [
        ("enforce", "mx.plain.example", "verify mx.plain.example (sts plain.example)"),
        ("enforce", "a.sts.example", "verify a.sts.example (sts plain.example)"),
        (
            "enforce",
            "other.example",
            "451 4.7.5 the MTA-STS policy of plain.example does not list host other.example",
        ),
        ("testing", "mx.plain.example", "verify mx.plain.example testing (sts plain.example)"),
        ("testing", "other.example", "may"),
    ],
)
async def test_mta_sts(mode, host, expected):
    world = World(sts=STS.replace("enforce", mode))
    assert told(await world.at("plain.example", host)) == expected
    results = [each.result for each in world.seen]
    assert results == ([TlsResult.VALIDATION_FAILURE] if host == "other.example" else [])


async def test_dane_comes_before_mta_sts():
    """RFC 8461 §2: a policy there must not override a DANE check, that might fail."""
    world = World(sts=STS)
    found = await world.at("dane.test", "mx.dane.test")
    assert told(found).startswith("dane mx.dane.test")


async def test_a_policy_that_could_not_be_had_is_reported_and_mail_goes_on():
    failed = StsFound(None, TlsResult.STS_POLICY_INVALID, "malformed")
    world = World(failed=failed)
    assert told(await world.at("plain.example", "mx.plain.example")) == MAY.format("plain.example")
    assert [(each.result, each.reason) for each in world.seen] == [
        (TlsResult.STS_POLICY_INVALID, "malformed")
    ]


@pytest.mark.parametrize(
    ("nexthop", "host", "expected"),
    [
        # RFC 8689 §4.2.1: DNSSEC, or MTA-STS, or the name to which the mail is addressed.
        ("signed.test", "mx.signed.test", "verify mx.signed.test"),
        ("outward.test", "mx.plain.example", "verify mx.plain.example"),
        ("itself.example", "itself.example", "verify itself.example"),
        (
            "itself.example",
            "student.itself.example",
            (
                "554 5.7.10 REQUIRETLS: only an MX record without DNSSEC names host "
                "student.itself.example, and no MTA-STS policy does"
            ),
        ),
        ("plain.example", "mx.plain.example", "verify mx.plain.example"),
        ("inward.example", "a.sts.example", "verify a.sts.example"),
        (
            "inward.example",
            "mx.dane.test",
            (
                "554 5.7.10 REQUIRETLS: only an MX record without DNSSEC names host mx.dane.test, "
                "and no MTA-STS policy does"
            ),
        ),
        ("[mx.plain.example]", "mx.plain.example", "verify mx.plain.example"),
        ("unusable.test", "mx.unusable.test", "verify mx.unusable.test"),
    ],
)
@pytest.mark.parametrize("level", ["none", "may", "encrypt", "verify", None])
async def test_mail_with_requiretls(level, nexthop, host, expected):
    world = World(level=level, sts=STS)
    found = await world.at(nexthop, host, require_tls=True)
    assert told(found).partition(" (")[0] == expected
    if isinstance(found, HostTls):
        assert found.require_tls
        assert not found.testing


@pytest.mark.parametrize(
    ("level", "host", "expected"),
    [
        ("none", "mx.dane.test", "dane mx.dane.test dane.test 3 1 1 2 0 1"),
        ("encrypt", "mx.dane.test", "dane mx.dane.test dane.test 3 1 1 2 0 1"),
        ("encrypt", "mx.bogus.test", "451 4.7.5 TLSA lookup error for mx.bogus.test:25"),
        # What the operator checks stays: a pin, a name, an authority of his.
        ("verify", "mx.dane.test", "verify mx.dane.test"),
        ("secure", "mx.dane.test", "verify dane.test .dane.test"),
        ("fingerprint", "mx.dane.test", "fingerprint"),
    ],
)
async def test_requiretls_asks_for_no_less_than_the_operator(level, host, expected):
    world = World(level=level, fingerprint_match=("ab:cd",))
    found = await world.at("dane.test", host, require_tls=True)
    assert told(found).partition(" (")[0] == expected
    assert isinstance(found, Reply) or found.require_tls


async def test_a_pin_vouches_for_a_host_that_only_an_mx_record_names():
    world = World(level="fingerprint", fingerprint_match=("ab:cd",))
    assert told(await world.at("plain.example", "other.example", require_tls=True)) == "fingerprint"


async def test_policies_that_cannot_be_read_are_not_none():
    world = World(failed=StsFound(known=False))
    words = "451 4.7.5 MTA-STS policies that were kept cannot be read"
    assert told(await world.at("plain.example", "mx.plain.example")) == words
    assert told(await world.at("plain.example", "mx.plain.example", require_tls=True)) == words
    assert told(await world.at("plain.example", "mx.plain.example", relaxed=True)) == "may"
    encrypt = World(level="encrypt", failed=StsFound(known=False))
    assert told(await encrypt.at("plain.example", "mx.plain.example")) == "encrypt"


async def test_mail_that_would_rather_arrive():
    """RFC 8689 §5: what the domain publishes does not count, what the operator wants does."""
    relaxed = {"relaxed": True}
    world = World(sts=STS)
    assert told(await world.at("dane.test", "mx.dane.test", **relaxed)) == "may"
    assert told(await world.at("plain.example", "other.example", **relaxed)) == "may"
    for settings in (
        {"level": "dane"},
        {"security_level": "dane"},
        {"table": {"dane.test": "dane"}},
    ):
        strict = World(**settings)
        found = await strict.at("dane.test", "mx.dane.test", **relaxed)
        assert told(found) == "dane mx.dane.test dane.test 3 1 1 2 0 1 (tlsa mx.dane.test)"
    dane = World(level="dane", sts=STS)
    assert told(await dane.at("plain.example", "other.example", **relaxed)) == "may"
    assert dane.sts.asked == []
    for level in ("encrypt", "verify", "dane-only"):
        strict = World(level=level)
        found = await strict.at("plain.example", "mx.plain.example", **relaxed)
        assert told(found) == told(await strict.at("plain.example", "mx.plain.example"))
    both = await world.at("inward.example", "mx.dane.test", require_tls=True, relaxed=True)
    assert told(both).startswith("554 5.7.10")


async def test_a_password_wants_to_know_to_whom():
    open_ended = await World().at("[mx.plain.example]", "mx.plain.example")
    assert isinstance(open_ended, HostTls)
    assert told(open_ended.for_login("mx.plain.example")) == "verify mx.plain.example"
    without = await World(security_level="none").at("[mx.plain.example]", "mx.plain.example")
    assert isinstance(without, HostTls)
    assert told(without.for_login("mx.plain.example")) == "verify mx.plain.example"
    tested = await World(sts=STS.replace("enforce", "testing")).at(
        "plain.example", "mx.plain.example"
    )
    assert isinstance(tested, HostTls)
    assert tested.testing
    assert tested.for_login("mx.plain.example") == replace(tested, testing=False)
    assert tested.for_login("mx.plain.example").required
    for level, expected in (("may", "may"), ("encrypt", "encrypt"), ("none", "none")):
        chosen = await World(level=level).at("[mx.plain.example]", "mx.plain.example")
        assert isinstance(chosen, HostTls)
        assert told(chosen.for_login("mx.plain.example")) == expected


async def test_reports_of_what_the_dns_had():
    world = World()
    await world.at("bogus.test", "mx.bogus.test")
    await world.at("unusable.test", "mx.unusable.test")
    await World.at(world, "signed.test", "mx.signed.test")
    assert [(each.basis.kind, each.domain, each.result) for each in world.seen] == [
        ("tlsa", "bogus.test", TlsResult.DNSSEC_INVALID),
        ("tlsa", "unusable.test", TlsResult.TLSA_INVALID),
    ]


async def test_equal_policies_may_share_a_session():
    world = World()
    one = await world.at("plain.example", "mx.plain.example")
    other = await world.at("outward.test", "mx.plain.example")
    assert one == other
    assert isinstance(one, HostTls)
    assert replace(one, level="encrypt") != other
