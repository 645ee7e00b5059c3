"""SPF's restrictions by every setting of `[spf]`."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Network

import pytest

from fake_oracle import oracle_of
from postroad.mailauth.spf.result import SpfResult, SpfVerdict
from postroad.mailauth.spf.settings import SpfSettings
from postroad.model import Address, Client
from postroad.policy import Facts, LookupUnavailable, Stage
from postroad.policy.answer import Action, Answer
from postroad.policy.context import Context, Surroundings
from postroad.policy.facts import RecordType
from postroad.policy.lookups import Lookup, noting
from postroad.policy.recalled import Present, recalled
from postroad.policy.rules import read_list
from postroad.policy.spf_rules import check_spf, reject_spf_fail

FACTS = Facts(
    Client("192.0.2.1", 4711),
    helo="mx.example.net",
    mail=True,
    sender=Address("lisa", "example.net"),
    recipient=Address("john", "example.org"),
)


class World:
    """Senders and names as a test has them; every other sender passes."""

    def __init__(self, **results: str) -> None:
        self.results = {"sender": "pass", "helo": "none", "forwarder": "fail", **results}
        self.asked: list[tuple[str, str, str]] = []

    async def spf(self, address: str, sender: str, helo: str) -> SpfVerdict:
        self.asked.append((address, sender, helo))
        whose = "forwarder" if sender.startswith("postmaster@") else "sender" if sender else "helo"
        return SpfVerdict(
            result=SpfResult(self.results[whose]),
            identity="mailfrom" if sender else "helo",
            domain=sender.rpartition("@")[2] or helo,
            address=address,
            sender=sender,
            reason="a reason" if "error" in self.results[whose] else "",
        )

    async def records(self, name: str, kind: RecordType) -> tuple[str, ...]:
        if name == "away.example.net":
            raise LookupUnavailable(name)
        return {("mx.example.net", "A"): ("192.0.2.1",)}.get((name, kind), ())


def context(settings: SpfSettings) -> Context:
    return Context(stage=Stage.RECIPIENT, read=lambda _: (), spf=settings)


async def answer(world: World, facts: Facts = FACTS, **settings: object) -> Answer:
    check = check_spf("", context(SpfSettings(**settings)))
    return await check(facts, oracle_of(None, world, senders=world))


WORDS = {
    "never": set(),
    "fail": {"fail"},
    "softfail": {"fail", "softfail"},
    "not_pass": {"fail", "softfail", "neutral"},
}
RESULTS = [each.value for each in SpfResult]


@pytest.mark.parametrize("result", RESULTS)
@pytest.mark.parametrize("refused", WORDS)
async def test_which_results_of_the_sender_are_refused(refused: str, result: str) -> None:
    said = await answer(World(sender=result), mail_from_reject=refused, helo_reject="never")
    assert (said.action is Action.REJECT) is (result in WORDS[refused])


@pytest.mark.parametrize("result", RESULTS)
@pytest.mark.parametrize("refused", WORDS)
async def test_which_results_of_the_name_in_hello(refused: str, result: str) -> None:
    said = await answer(World(helo=result), mail_from_reject="never", helo_reject=refused)
    assert (said.action is Action.REJECT) is (result in WORDS[refused])


@pytest.mark.parametrize(
    ("sender", "action"), [(FACTS.sender, Action.DUNNO), (None, Action.REJECT)]
)
async def test_null_asks_the_name_of_those_without_a_sender(sender, action) -> None:
    facts = replace(FACTS, sender=sender)
    assert (await answer(World(helo="fail"), facts, helo_reject="null")).action is action


@pytest.mark.parametrize(
    ("settings", "result", "expected"),
    [
        ({}, "permerror", None),
        ({}, "temperror", None),
        (
            {"permerror_reject": True},
            "permerror",
            (
                Action.REJECT,
                550,
                "5.7.24",
                "Message rejected due to: SPF Permanent Error: a reason.",
            ),
        ),
        (
            {"temperror_defer": True},
            "temperror",
            (
                Action.DEFER_IF_PERMIT,
                451,
                "4.7.24",
                "Message deferred due to: SPF Temporary Error: a reason.",
            ),
        ),
    ],
)
async def test_errors(settings, result, expected) -> None:
    said = await answer(World(sender=result), **settings)
    if expected is None:
        assert said.action is Action.DUNNO
        return
    assert said.refusal is not None
    shown = (said.action, said.refusal.code, said.refusal.enhanced)
    assert shown == expected[:3]
    assert said.refusal.words.startswith(
        f"{expected[3]} Please see http://www.openspf.net/Why?s=mfrom;"
    )


@pytest.mark.parametrize(
    ("settings", "world", "facts", "action"),
    [
        ({}, {}, FACTS, Action.REJECT),
        ({"skip_addresses": (IPv4Network("192.0.2.0/24"),)}, {}, FACTS, Action.DUNNO),
        ({"domain_whitelist": ("lists.test",)}, {"forwarder": "pass"}, FACTS, Action.DUNNO),
        ({"domain_whitelist": ("lists.test",)}, {"forwarder": "softfail"}, FACTS, Action.REJECT),
        ({"helo_whitelist": ("MX.example.net",)}, {}, FACTS, Action.DUNNO),
        ({"helo_whitelist": ("other.example.net",)}, {}, FACTS, Action.REJECT),
        (
            {"helo_whitelist": ("mx.example.net",)},
            {},
            replace(FACTS, client=Client("192.0.2.9", 1)),  # who says the name without its address
            Action.REJECT,
        ),
        (
            {"helo_whitelist": ("away.example.net",)},
            {},
            replace(FACTS, helo="away.example.net"),
            Action.DEFER_IF_PERMIT,  # it may be the forwarder
        ),
        (
            {"domain_whitelist": ("lists.test",)},
            {"forwarder": "temperror"},
            FACTS,
            Action.DEFER_IF_PERMIT,
        ),
        ({}, {}, replace(FACTS, trusted=True), Action.DUNNO),
        ({}, {}, replace(FACTS, client=Client("unknown", 0)), Action.DUNNO),
        ({}, {}, replace(FACTS, mail=False, sender=None), Action.DUNNO),
    ],
)  # fmt: skip
async def test_who_is_not_asked(settings, world, facts, action) -> None:
    assert (await answer(World(sender="fail", **world), facts, **settings)).action is action


async def test_reject_spf_fail_goes_by_nothing_else() -> None:
    settings = SpfSettings(
        mail_from_reject="never",
        helo_reject="not_pass",
        permerror_reject=True,
        temperror_defer=True,
    )
    check = reject_spf_fail("", context(settings))
    for result in RESULTS:
        world = World(sender=result, helo="fail")
        said = await check(FACTS, oracle_of(None, world, senders=world))
        assert (said.action is Action.REJECT) is (result == "fail")


@pytest.mark.parametrize("result", RESULTS)
async def test_a_decision_is_made_again_from_what_was_noted(result: str) -> None:
    world, notes = World(sender=result), []
    check = check_spf("", context(SpfSettings(permerror_reject=True, temperror_defer=True)))
    first = await check(FACTS, noting(oracle_of(None, world, senders=world), notes))
    assert [note.whom for note in notes] == ["spf", "spf"]
    kept = [Lookup(*note) for note in notes]
    again = await check(FACTS, recalled(kept, Present(None, None)))
    assert again == first


@pytest.mark.parametrize(
    ("settings", "action"),
    [
        (SpfSettings(), Action.REJECT),
        (SpfSettings(mail_from_reject="never"), Action.DUNNO),
        (SpfSettings(skip_addresses=(IPv4Network("192.0.2.0/24"),)), Action.DUNNO),
    ],
)
async def test_a_list_goes_by_the_settings_of_the_server(
    settings: SpfSettings, action: Action
) -> None:
    rules, mistakes = read_list(Stage.RECIPIENT, ("check_spf",), Surroundings(spf=settings))
    assert not mistakes
    world = World(sender="fail")
    said = await rules[0].check(FACTS, oracle_of(None, world, senders=world))
    assert said.action is action
