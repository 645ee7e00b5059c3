"""What is asked, remembered and said of an SPF check: what the suite of the RFC leaves out."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fake_dns import FakeDns
from postroad.mailauth.spf.checking import MOST_REMEMBERED, MOST_TEXT, REMEMBERED, SpfChecker
from postroad.mailauth.spf.result import SpfResult
from postroad.mailauth.spf.telling import budget, steps
from postroad.net.dns import Resolver
from postroad.net.settings import DnsSettings

ZONE = {
    "example.net": {"TXT": ("v=spf1 mx include:more.example.net -all",), "MX": ("1 mx.a.test.",)},
    "mx.a.test": {"A": ("192.0.2.1",)},
    "more.example.net": {"TXT": ("v=spf1 ip4:198.51.100.7 ?all",)},
    "told.example.net": {"TXT": ("v=spf1 -all exp=why.example.net",)},
    "why.example.net": {"TXT": ("%{i} is none of ours, %{l}: see %{r}",)},
    "quiet.example.net": {"TXT": ("v=spf1 -all exp=absent.example.net",)},
    "late.example.net": {"TXT": ("v=spf1 -all exp=slow.example.net",)},
    "forward.example.net": {"TXT": ("v=spf1 redirect=told.example.net",)},
    "open.example.net": {"TXT": ("v=spf1 include:told.example.net",)},
    "xn--bcher-kva.example": {"TXT": ("v=spf1 ip4:192.0.2.1 -all",)},
    "long.example.net": {"TXT": ("v=spf1 " + "x" * 5_000,)},
    "huge.example.net": {"TXT": ("v=spf1 " + "ip4:1.2.3.4 " * 5_000 + "-all",)},
    "fits.example.net": {"TXT": ("v=spf1 " + "ip4:1.2.3.4 " * 680 + "-all",)},
    "beside.example.net": {"TXT": ("v=spf1 -all", "x" * 50_000)},
    "over.example.net": {"TXT": ("v=spf1 include:huge.example.net -all",)},
    "digits.example.net": {"TXT": ("v=spf1 a:%{d" + "9" * 5_000 + "} -all",)},
    "essay.example.net": {"TXT": ("v=spf1 -all exp=text.example.net",)},
    "text.example.net": {"TXT": ("word " * 1_000,)},
    "limit.example.net": {"TXT": ("v=spf1 include:limit.example.net -all",)},
}
HERE, THERE = "192.0.2.1", "192.0.2.66"


class World:
    """A checker with its DNS and its clock."""

    def __init__(self, **dns: frozenset[str]) -> None:
        self.now = 0.0
        self.dns = FakeDns(ZONE, ttl=0, **dns)
        self.resolver = Resolver(DnsSettings(), lambda: self.now, query=self.dns)
        self.checker = SpfChecker(self.resolver, "mail.example.org", lambda: self.now, timeout=20.0)


@pytest.mark.parametrize(
    ("address", "sender", "result", "mechanism", "sentence"),
    [
        (HERE, "lisa@example.net", "pass", "mx", "192.0.2.1 may send for example.net (mx)"),
        (
            "198.51.100.7",
            "lisa@example.net",
            "pass",
            "include:more.example.net",
            "198.51.100.7 may send for example.net (include:more.example.net)",
        ),
        (
            THERE,
            "lisa@example.net",
            "fail",
            "-all",
            "192.0.2.66 may not send for example.net (-all)",
        ),
        (THERE, "lisa@Forward.Example.Net", "fail", "-all", None),
        # A term of another record decides nothing here.
        (THERE, "lisa@open.example.net", "neutral", "", None),
        ("::ffff:192.0.2.1", "lisa@example.net", "pass", "mx", None),
        (HERE, "lisa@bücher.example", "pass", "ip4:192.0.2.1", None),
        (
            HERE,
            "lisa@nothing.example.net",
            "none",
            "",
            "nothing.example.net says nothing of who sends for it",
        ),
        (
            HERE,
            "lisa@limit.example.net",
            "permerror",
            "",
            ("what limit.example.net says of who sends for it has a mistake: DNS lookup limit"
            " exceeded (10) at 'include:limit.example.net'"),
        ),
    ],
)  # fmt: skip
async def test_what_is_said(address, sender, result, mechanism, sentence) -> None:
    verdict = await World().checker.spf(address, sender, "mx.a.test")
    assert (verdict.result.value, verdict.mechanism) == (result, mechanism)
    if sentence is not None:
        assert verdict.sentence == sentence
        assert verdict.finding.words == sentence


async def test_an_address_within_ipv6_is_shown_as_what_it_is() -> None:
    verdict = await World().checker.spf("::ffff:192.0.2.1", "lisa@example.net", "")
    assert verdict.address == "192.0.2.1"


async def test_a_name_in_hello() -> None:
    verdict = await World().checker.spf(THERE, "", "told.example.net")
    assert (verdict.result, verdict.identity) == (SpfResult.FAIL, "helo")
    assert verdict.sender == "postmaster@told.example.net"
    assert verdict.explanation == "192.0.2.66 is none of ours, postmaster: see mail.example.org"


@pytest.mark.parametrize(
    ("domain", "said"),
    [
        ("told", "192.0.2.66 is none of ours, lisa: see mail.example.org"),
        ("forward", "192.0.2.66 is none of ours, lisa: see mail.example.org"),
        ("quiet", ""),
    ],
)
async def test_an_explanation(domain: str, said: str) -> None:
    verdict = await World().checker.spf(THERE, f"lisa@{domain}.example.net", "")
    assert verdict.explanation == said


@pytest.mark.parametrize("broken", ["why.example.net"])
async def test_an_explanation_that_is_away_changes_nothing(broken: str) -> None:
    world = World(broken=frozenset({broken}))
    verdict = await world.checker.spf(THERE, "lisa@told.example.net", "")
    assert (verdict.result, verdict.explanation) == (SpfResult.FAIL, "")


@pytest.mark.parametrize("broken", ["example.net TXT", "mx.a.test", "example.net MX"])
async def test_a_dns_that_does_not_answer(broken: str) -> None:
    world = World(broken=frozenset({broken}))
    verdict = await world.checker.spf(HERE, "lisa@example.net", "")
    assert verdict.result is SpfResult.TEMPERROR
    assert verdict.reason


async def test_a_strangers_text_is_bounded() -> None:
    verdict = await World().checker.spf(HERE, "lisa@long.example.net", "")
    assert verdict.result is SpfResult.PERMERROR
    assert len(verdict.reason) <= MOST_TEXT


@pytest.mark.parametrize(
    ("domain", "result"),
    [
        ("huge", SpfResult.PERMERROR),
        ("over", SpfResult.PERMERROR),
        ("digits", SpfResult.PERMERROR),
        ("fits", SpfResult.FAIL),
        ("beside", SpfResult.FAIL),
        ("essay", SpfResult.FAIL),
    ],
)
async def test_how_long_texts_may_be(domain: str, result: SpfResult) -> None:
    verdict = await World().checker.spf(HERE, f"lisa@{domain}.example.net", "")
    assert (verdict.result, verdict.explanation) == (result, "")
    assert bool(verdict.reason) is (result is SpfResult.PERMERROR)


async def test_an_explanation_has_what_is_left_of_the_time() -> None:
    times = iter([0.0, 20.0])
    world = World()
    checker = SpfChecker(world.resolver, "mail.example.org", lambda: next(times), timeout=20.0)
    verdict, _ = await checker.traced(THERE, "lisa@told.example.net", "")
    assert (verdict.result, verdict.explanation) == (SpfResult.FAIL, "")


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=60), st.text(max_size=60), st.text(max_size=60))
def test_nothing_makes_it_fail(address: str, sender: str, helo: str) -> None:
    verdict = asyncio.run(World().checker.spf(address, sender, helo))
    assert "\n" not in verdict.reason + verdict.explanation + verdict.mechanism


# Memory ------------------------------------------------------------------------------------------


async def test_a_question_is_asked_once_for_a_while() -> None:
    world = World()
    await world.checker.spf(HERE, "lisa@example.net", "mx")
    asked = len(world.dns.asked)
    await world.checker.spf(HERE, "lisa@example.net", "mx")
    assert len(world.dns.asked) == asked
    world.now = REMEMBERED
    await world.checker.spf(HERE, "lisa@example.net", "mx")
    assert len(world.dns.asked) == 2 * asked


async def test_who_asks_at_the_same_time_waits_for_the_same_answer() -> None:
    world = World()
    world.dns.gate.clear()
    asking = [
        asyncio.ensure_future(world.checker.spf(HERE, "lisa@example.net", "mx")) for _ in range(5)
    ]
    await asyncio.sleep(0)
    asking[0].cancel()  # whoever goes away takes no answer from the others
    world.dns.gate.set()
    found = await asyncio.gather(*asking, return_exceptions=True)
    assert isinstance(found[0], asyncio.CancelledError)
    assert [each.result for each in found[1:]] == [SpfResult.PASS] * 4
    assert world.dns.asked.count(("example.net", "TXT")) == 1


async def test_it_forgets_the_oldest() -> None:
    world = World()
    for at in range(MOST_REMEMBERED + 1):
        await world.checker.spf("not an address", f"{at}@example.net", "")
    await world.checker.spf(HERE, "lisa@example.net", "")
    assert len(world.checker._known) <= MOST_REMEMBERED


async def test_its_end_breaks_off_what_is_under_way() -> None:
    world = World()
    world.dns.gate.clear()
    asking = asyncio.ensure_future(world.checker.spf(HERE, "lisa@example.net", ""))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await world.checker.close()
    with pytest.raises(asyncio.CancelledError):
        await asking


# Telling -----------------------------------------------------------------------------------------


async def test_the_steps() -> None:
    _, found = await World().checker.traced(THERE, "lisa@example.net", "")
    assert [f"{'  ' * step.depth}{step.words}" for step in steps(found)] == [
        "example.net:",
        "record: v=spf1 mx include:more.example.net -all",
        "MX of example.net: mx.a.test",
        "A of mx.a.test: 192.0.2.1",
        "mx does not match",
        "  more.example.net:",
        "  record: v=spf1 ip4:198.51.100.7 ?all",
        "  ip4:198.51.100.7 does not match",
        "  ?all matches: neutral",
        "include of more.example.net: neutral",
        "include:more.example.net does not match",
        "-all matches: fail",
    ]
    assert budget(found) == ("2 of 10 terms that ask the DNS; 0 of 2 answers without a record")
