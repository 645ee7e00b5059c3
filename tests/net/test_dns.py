from __future__ import annotations

import asyncio
import random

import pytest

from fake_dns import FakeDns
from postroad.net import dns
from postroad.net.dns import DnsTemporary, Exchanger, MxAnswer, MxKind, Resolver, to_ascii
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
    "6.2.0.192.in-addr.arpa": {"PTR": ("half.example.",)},
    "half.example": {"A": ("192.0.2.6",)},
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
    ("address", "name"),
    [
        ("192.0.2.1", "mx.example.net"),
        ("192.0.2.2", "mx.example.net"),
        ("2001:db8::1", "mx.example.net"),
        ("2001:0db8:0::1", "mx.example.net"),
        ("192.0.2.3", "unknown"),
        ("192.0.2.4", "unknown"),
        ("192.0.2.5", "unknown"),
        ("198.51.100.1", "unknown"),
        ("127.0.0.1", "localhost"),
        ("::1", "localhost"),
    ],
)
async def test_client_name(address, name):
    assert await resolver(FakeDns(ZONE)).client_name(address) == name


async def test_client_names_are_not_worth_an_error():
    query = FakeDns(ZONE, broken=frozenset({"mx.example.net A", "mx.example.net AAAA"}))
    assert await resolver(query).client_name("192.0.2.1") == "unknown"


async def test_client_names_can_be_switched_off():
    query = FakeDns(ZONE)
    assert await resolver(query, reverse=False).client_name("192.0.2.1") == "unknown"
    assert query.asked == []


async def test_client_names_do_not_take_long():
    query = FakeDns(ZONE)
    query.gate.clear()
    asked = resolver(query, timeout=0.001)
    assert await asked.client_name("192.0.2.1") == "unknown"
    await asked.close()


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
    clock.now += dns.MAX_TTL + 1
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
    monkeypatch.setattr(dns, "CACHE_SIZE", 2)
    query = FakeDns(ZONE)
    asked = resolver(query)
    for name in ("a.example", "b.example", "a.example", "c.example", "a.example", "b.example"):
        await asked.mx(name)
    assert [name[0] for name, _ in query.asked] == ["a", "b", "c", "b"]


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
    with pytest.raises(asyncio.CancelledError):
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
