"""What may be sent to an address that stands for a foreign sender."""

from __future__ import annotations

import pytest

from postroad.directory import DirectoryUnavailable
from postroad.model import Address
from postroad.server.return_rules import ReturnRules
from session_world import World, talk

SRS = Address("SRS0=ABCDEFGH=XY=example.com=ann", "example.org")
JOHN, EVE = Address("john", "example.org"), Address("eve", "elsewhere.test")


def leads_back(address: Address) -> bool:
    return address == SRS


def away(address: Address) -> bool:
    raise DirectoryUnavailable("no keys")


RULES = ReturnRules(leads_back, bounces_only=True)


@pytest.mark.parametrize(
    ("sender", "only", "is_taken"),
    [
        (None, SRS, True),
        (EVE, SRS, False),
        (EVE, JOHN, True),
        (EVE, Address("SRS0=made=up", "example.org"), True),
        (None, None, True),
        (EVE, None, True),
    ],
)
def test_nothing_but_bounces(sender: Address | None, only: Address | None, is_taken: bool) -> None:
    refusal = RULES.refusal(sender, only)

    assert (refusal is None) is is_taken
    if refusal is not None:
        assert str(refusal).startswith(f"550 5.7.1 <{SRS}>: Recipient address rejected: ")
    assert ReturnRules(leads_back, bounces_only=False).refusal(sender, only) is None


@pytest.mark.parametrize(
    ("recipient", "first", "is_taken"),
    [(SRS, JOHN, False), (JOHN, SRS, False), (JOHN, EVE, True)],
)
def test_each_bounce_has_one_recipient(recipient: Address, first: Address, is_taken: bool) -> None:
    refusal = ReturnRules(leads_back, bounces_only=False).beside(recipient, first)

    assert (refusal is None) is is_taken
    assert refusal is None or str(refusal).startswith(f"452 4.5.3 <{recipient}>: ")


def test_keys_that_cannot_be_read_are_no_refusal_for_good() -> None:
    rules = ReturnRules(away, bounces_only=True)

    assert str(rules.refusal(EVE, SRS)) == "451 4.3.0 Error: temporary lookup failure"
    assert str(rules.beside(SRS, JOHN)) == "451 4.3.0 Error: temporary lookup failure"
    assert rules.refusal(EVE, JOHN) is None


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        (("MAIL FROM:<>", f"RCPT TO:<{SRS}>", "DATA"), "354 "),
        (("MAIL FROM:<a@example.net>", f"RCPT TO:<{SRS}>"), "250 "),  # who asks is told
        (("MAIL FROM:<a@example.net>", f"RCPT TO:<{SRS}>", "DATA"), "550 5.7.1 <SRS0="),
        (("MAIL FROM:<>", "RCPT TO:<john@example.org>", f"RCPT TO:<{SRS}>"), "452 4.5.3 <SRS0="),
        (("MAIL FROM:<>", f"RCPT TO:<{SRS}>", "RCPT TO:<john@example.org>"), "452 4.5.3 <john@"),
        (
            ("MAIL FROM:<>", f"RCPT TO:<{SRS}>", "RCPT TO:<john@example.org>", "DATA"),
            "354 ",
        ),
    ],
)
async def test_a_dialogue(world: World, said: tuple[str, ...], answer: str) -> None:
    world.directory.aliases[SRS.key] = (EVE,)
    client, _, _ = await world.connect(returns=RULES)

    assert (await talk(client, "EHLO mua.example.net", *said)).startswith(answer)
