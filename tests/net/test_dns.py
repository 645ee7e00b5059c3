from __future__ import annotations

import asyncio
import random

import pytest

from fake_dns import FakeDns
from postroad.model import Client
from postroad.net import client_name, dns_cache
from postroad.net.dns import (
    MAX_EXCHANGERS,
    DnsTemporary,
    Exchanger,
    Existence,
    MxAnswer,
    MxKind,
    Resolver,
    to_ascii,
)
from postroad.net.settings import DnsSettings

ZONE = {
    "example.net": {"MX": ("20 second.example.net.", "10 MX.Example.net.")},
    "mx.example.net": {"A": ("192.0.2.1", "192.0.2.2"), "AAAA": ("2001:db8::1",)},
    "plain.example": {"A": ("192.0.2.9",)},
    "null.example": {"MX": ("0 .",)},
    "mixed.example": {"MX": ("0 .", "10 mx.example.net.")},
    "six.example": {"AAAA": ("2001:db8::6",)},
    "empty.example": {},
    "xn--bcher-kva.example": {"MX": ("1 mx.example.net.",)},
    "equal.example": {"MX": tuple(f"5 mx{at}.example.net." for at in range(6))},
    "1.2.0.192.in-addr.arpa": {"PTR": ("mx.example.net.",)},
    "2.2.0.192.in-addr.arpa": {"PTR": ("liar.example.", "mx.example.net.")},
    "3.2.0.192.in-addr.arpa": {"PTR": ("mx.example.net.",)},
    "4.2.0.192.in-addr.arpa": {"PTR": ("bad\\032name.example.net.",)},
    "5.2.0.192.in-addr.arpa": {"PTR": ("192.0.2.5.",)},
    "7.2.0.192.in-addr.arpa": {"PTR": ("liar.example.",)},
    "8.2.0.192.in-addr.arpa": {"PTR": ("localhost.", "a.localhost.", "mail.example.25.")},
    "liar.example": {"A": ("192.0.2.99",)},
    f"1.{'0.' * 23}8.b.d.0.1.0.0.2.ip6.arpa": {"PTR": ("mx.example.net.",)},
}


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def resolver(query: FakeDns, clock: Clock | None = None, **settings: object) -> Resolver:
    return Resolver(
        DnsSettings(**settings),  # type: ignore[arg-type]
        clock or Clock(),
        query=query,
        chance=random.Random(1),
    )


def listed(*exchangers: tuple[int, str]) -> MxAnswer:
    return MxAnswer(MxKind.LISTED, tuple(Exchanger(*each) for each in exchangers))


@pytest.mark.parametrize(
    ("domain", "answer"),
    [
        ("example.net", listed((10, "mx.example.net"), (20, "second.example.net"))),
        ("Example.NET.", listed((10, "mx.example.net"), (20, "second.example.net"))),
        ("plain.example", MxAnswer(MxKind.IMPLICIT, (Exchanger(0, "plain.example"),))),
        ("empty.example", MxAnswer(MxKind.IMPLICIT, (Exchanger(0, "empty.example"),))),
        ("null.example", MxAnswer(MxKind.NULL)),
        ("mixed.example", listed((10, "mx.example.net"))),
        ("absent.example", MxAnswer(MxKind.NO_DOMAIN)),
        ("bücher.example", listed((1, "mx.example.net"))),
        ("Bücher.Example", listed((1, "mx.example.net"))),
        ("\u2665\u0301-.example", MxAnswer(MxKind.NO_DOMAIN)),
        ("", MxAnswer(MxKind.NO_DOMAIN)),
    ],
)
async def test_mx(domain, answer):
    assert await resolver(FakeDns(ZONE)).mx(domain) == answer


async def test_equal_preferences_are_shuffled_each_time():
    asked = resolver(FakeDns(ZONE))
    orders = {(await asked.mx("equal.example")).exchangers for _ in range(10)}
    assert len(orders) > 1
    assert len({frozenset(order) for order in orders}) == 1


async def test_the_best_of_too_many_exchangers_are_kept():
    hosts = tuple(f"{100 + at} mx{at}.example.net." for at in range(MAX_EXCHANGERS))
    zone = {"many.example": {"MX": (*hosts, "1 best.example.net.")}}
    found = (await resolver(FakeDns(zone)).mx("many.example")).exchangers
    assert len(found) == MAX_EXCHANGERS
    assert found[0] == Exchanger(1, "best.example.net")
    assert found[-1].preference == 100 + MAX_EXCHANGERS - 2


async def test_mx_without_an_answer():
    with pytest.raises(DnsTemporary) as raised:
        await resolver(FakeDns(ZONE, broken=frozenset({"example.net"}))).mx("example.net")
    assert (raised.value.name, raised.value.kind) == ("example.net", "MX")


@pytest.mark.parametrize(
    ("host", "addresses"),
    [
        ("mx.example.net", ("192.0.2.1", "2001:db8::1", "192.0.2.2")),
        ("six.example", ("2001:db8::6",)),
        ("empty.example", ()),
        ("absent.example", ()),
        ("192.0.2.7", ("192.0.2.7",)),
        ("2001:db8::7", ("2001:db8::7",)),
        ("localhost", ("127.0.0.1", "::1")),
    ],
)
async def test_addresses(host, addresses):
    assert await resolver(FakeDns(ZONE)).addresses(host) == addresses


async def test_half_an_answer_will_do():
    broken = frozenset({"mx.example.net A"})
    assert await resolver(FakeDns(ZONE, broken=broken)).addresses("mx.example.net") == (
        "2001:db8::1",
    )


@pytest.mark.parametrize("broken", ["six.example AAAA", "six.example"])
async def test_no_address_and_no_answer(broken):
    with pytest.raises(DnsTemporary):
        await resolver(FakeDns(ZONE, broken=frozenset({broken}))).addresses("six.example")


@pytest.mark.parametrize(
    ("name", "kind", "records"),
    [
        ("mx.example.net", "A", ("192.0.2.1", "192.0.2.2")),
        ("MX.Example.Net.", "AAAA", ("2001:db8::1",)),
        ("example.net", "MX", ("20 second.example.net.", "10 MX.Example.net.")),
        ("bücher.example", "MX", ("1 mx.example.net.",)),
        ("example.net", "TXT", ()),
        ("absent.example", "A", ()),
        ("", "A", ()),
        ("[192.0.2.1]", "A", ()),
        ("a b.example", "A", ()),
        ("a\\.b.example", "A", ()),
        ("two..dots.example", "A", ()),
        ("x" * 64 + ".example", "A", ()),
        (".".join(["x" * 50] * 5), "A", ()),
        ("\u2665\u0301-.example", "A", ()),
    ],
)
async def test_records(name, kind, records):
    assert await resolver(FakeDns(ZONE)).records(name, kind) == records


async def test_what_no_zone_can_hold_is_not_asked_for():
    query = FakeDns(ZONE)
    asked = resolver(query)
    for name in ("", ".", "[192.0.2.1]", "a\tb.example", "a\\.b", "a..b", ".".join(["x" * 50] * 5)):
        assert (await asked.lookup(name, "A")).existence is Existence.NO_DOMAIN
    assert query.asked == []


@pytest.mark.parametrize(
    ("name", "existence"),
    [
        ("example.net", Existence.FOUND),
        ("empty.example", Existence.NO_DATA),
        ("absent.example", Existence.NO_DOMAIN),
    ],
)
async def test_a_name_without_records_is_not_one_that_does_not_exist(name, existence):
    assert (await resolver(FakeDns(ZONE)).lookup(name, "MX")).existence is existence


async def test_records_without_an_answer():
    broken = frozenset({"example.net TXT"})
    with pytest.raises(DnsTemporary):
        await resolver(FakeDns(ZONE, broken=broken)).records("example.net", "TXT")


async def identified(address: str, asked: Resolver) -> tuple[str, str, bool, bool]:
    found = await asked.identify(Client(address, 4711, "guessed.example"))
    assert (found.address, found.port) == (address, 4711)
    return found.name, found.reverse_name, found.name_unsure, found.reverse_unsure


@pytest.mark.parametrize(
    ("address", "name", "reverse_name"),
    [
        ("192.0.2.1", "mx.example.net", "mx.example.net"),
        ("192.0.2.2", "mx.example.net", "mx.example.net"),  # the second of its names
        ("2001:db8::1", "mx.example.net", "mx.example.net"),
        ("2001:0db8:0::1", "mx.example.net", "mx.example.net"),
        ("192.0.2.3", "unknown", "mx.example.net"),  # whose it is not
        ("192.0.2.4", "unknown", "unknown"),
        ("192.0.2.5", "unknown", "unknown"),
        ("192.0.2.7", "unknown", "liar.example"),
        ("192.0.2.8", "unknown", "unknown"),
        ("198.51.100.1", "unknown", "unknown"),
        ("127.0.0.1", "localhost", "localhost"),
        ("::1", "localhost", "localhost"),
    ],
)
async def test_names_of_clients(address, name, reverse_name):
    found = await identified(address, resolver(FakeDns(ZONE)))
    assert found == (name, reverse_name, False, False)


@pytest.mark.parametrize(
    ("broken", "found"),
    [
        ("1.2.0.192.in-addr.arpa", ("unknown", "unknown", True, True)),
        ("mx.example.net", ("unknown", "mx.example.net", True, False)),
        ("mx.example.net A", ("unknown", "mx.example.net", True, False)),
        ("mx.example.net AAAA", ("mx.example.net", "mx.example.net", False, False)),
    ],
)
async def test_names_that_the_dns_did_not_tell(broken, found):
    asked = resolver(FakeDns(ZONE, broken=frozenset({broken})))
    assert await identified("192.0.2.1", asked) == found


@pytest.mark.parametrize(
    ("broken", "found"),
    [
        ("liar.example", ("mx.example.net", "mx.example.net", False, False)),
        ("mx.example.net", ("unknown", "liar.example", True, False)),
    ],
)
async def test_one_of_two_names_without_an_answer(broken, found):
    asked = resolver(FakeDns(ZONE, broken=frozenset({broken})))
    assert await identified("192.0.2.2", asked) == found


async def test_the_family_that_cannot_confirm_is_not_asked_for():
    query = FakeDns(ZONE)
    await identified("192.0.2.1", resolver(query))
    assert query.asked == [("1.2.0.192.in-addr.arpa", "PTR"), ("mx.example.net", "A")]


async def test_client_names_can_be_switched_off():
    query = FakeDns(ZONE)
    found = await identified("192.0.2.1", resolver(query, reverse=False))
    assert found == ("unknown", "unknown", False, False)
    assert (await identified("::1", resolver(query, reverse=False)))[0] == "localhost"
    assert query.asked == []


@pytest.mark.jumps
@pytest.mark.parametrize(
    ("slow", "found"),
    [
        ("1.2.0.192.in-addr.arpa", ("unknown", "unknown", True, True)),
        ("mx.example.net", ("unknown", "mx.example.net", True, False)),
    ],
)
async def test_client_names_do_not_take_long(slow, found):
    """What was found in time counts."""
    query = FakeDns(ZONE, slow=frozenset({slow}))
    asked = resolver(query)
    assert await identified("192.0.2.1", asked) == found
    await asked.close()


@pytest.mark.parametrize("address", ["unknown", "local"])
async def test_who_has_no_address_has_the_name_it_came_with(address):
    query = FakeDns(ZONE)
    client = Client(address, 0, "localhost")
    assert await resolver(query).identify(client) == client
    assert query.asked == []


async def test_a_hostile_reverse_zone_is_not_asked_for_long():
    many = tuple(f"name{at}.example." for at in range(90))
    query = FakeDns({"1.2.0.192.in-addr.arpa": {"PTR": many}})
    found = await identified("192.0.2.1", resolver(query))
    assert found == ("unknown", "name0.example", False, False)
    assert len(query.asked) == 1 + client_name.MAX_NAMES


async def test_answers_hold_as_long_as_they_say():
    query, clock = FakeDns(ZONE, ttl=60), Clock()
    asked = resolver(query, clock)
    for later, questions in ((0, 1), (59, 1), (61, 2), (62, 2)):
        clock.now = 1000.0 + later
        await asked.mx("example.net")
        await asked.mx("EXAMPLE.net")
        assert len(query.asked) == questions


async def test_answers_hold_no_longer_than_a_day():
    query, clock = FakeDns(ZONE, ttl=1e9), Clock()
    asked = resolver(query, clock)
    await asked.mx("example.net")
    clock.now += dns_cache.MAX_TTL + 1
    await asked.mx("example.net")
    assert len(query.asked) == 2


async def test_denials_are_kept_too_and_failures_are_not():
    query = FakeDns(ZONE, broken=frozenset({"broken.example"}))
    asked = resolver(query)
    for _ in range(2):
        await asked.mx("absent.example")
        with pytest.raises(DnsTemporary):
            await asked.mx("broken.example")
    assert [name for name, _ in query.asked] == [
        "absent.example",
        "broken.example",
        "broken.example",
    ]


async def test_the_cache_is_bounded(monkeypatch):
    monkeypatch.setattr(dns_cache, "CACHE_SIZE", 2)
    query = FakeDns(ZONE)
    asked = resolver(query)
    for name in ("a.example", "b.example", "a.example", "c.example", "a.example", "b.example"):
        await asked.mx(name)
    assert [name[0] for name, _ in query.asked] == ["a", "b", "c", "b"]


async def test_long_answers_take_the_room_of_many(monkeypatch):
    monkeypatch.setattr(dns_cache, "CACHE_OCTETS", 25)
    query = FakeDns({f"{at}.example": {"TXT": ("0123456789",)} for at in range(4)})
    asked = resolver(query)
    for at in (0, 1, 0, 1, 2, 2, 0, 1):
        await asked.records(f"{at}.example", "TXT")
    assert [name[0] for name, _ in query.asked] == ["0", "1", "2", "0", "1"]


async def test_an_answer_that_does_not_hold_takes_no_room_twice(monkeypatch):
    monkeypatch.setattr(dns_cache, "CACHE_OCTETS", 25)
    query, clock = FakeDns({"a.example": {"TXT": ("0123456789",)}}, ttl=0), Clock()
    asked = resolver(query, clock)
    for _ in range(5):
        assert await asked.records("a.example", "TXT") == ("0123456789",)
    assert len(query.asked) == 5


async def test_a_question_is_asked_once_for_all_who_wait():
    query = FakeDns(ZONE)
    query.gate.clear()
    asked = resolver(query)
    first, *others = [asyncio.ensure_future(asked.mx("example.net")) for _ in range(5)]
    await asyncio.sleep(0)
    first.cancel()  # one who gives up takes the answer from nobody
    await asyncio.sleep(0)
    query.gate.set()
    answers = await asyncio.gather(*others)
    assert {answer.kind for answer in answers} == {MxKind.LISTED}
    assert len(query.asked) == 1
    assert first.cancelled()


async def test_close_gives_up_questions():
    query = FakeDns(ZONE)
    query.gate.clear()
    asked = resolver(query)
    waiting = asyncio.ensure_future(asked.mx("example.net"))
    await asyncio.sleep(0)
    await asked.close()
    with pytest.raises(DnsTemporary):
        await waiting


@pytest.mark.parametrize(
    ("domain", "ascii_form"),
    [
        ("Example.ORG.", "example.org"),
        ("müller.de", "xn--mller-kva.de"),
        ("MÜLLER.de", "xn--mller-kva.de"),
        ("_dmarc.example.org", "_dmarc.example.org"),
        ("a..ü", ""),
        ("ü" * 64, ""),
    ],
)
def test_to_ascii(domain, ascii_form):
    assert to_ascii(domain) == ascii_form
