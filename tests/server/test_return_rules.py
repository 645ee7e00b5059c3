"""What may be sent to an address that stands for a foreign sender."""

from __future__ import annotations

import pytest

from postroad.directory import DirectoryUnavailable
from postroad.model import Address, Recipient
from postroad.server.return_rules import ReturnRules
from session_world import World, talk

SRS = Address("SRS0=ABCDEFGH=XY=example.com=ann", "example.org")
PROBE = "double-bounce@mail.example.org"
JOHN, EVE = Address("john", "example.org"), Address("eve", "elsewhere.test")


def leads_back(address: Address) -> bool:
    return address == SRS


def away(address: Address) -> bool:
    raise DirectoryUnavailable("no keys")


RULES = ReturnRules(leads_back, bounces_only=True)


@pytest.mark.parametrize(
    ("sender", "to", "is_taken"),
    [
        (None, [SRS], True),
        (EVE, [SRS], False),
        (EVE, [SRS, JOHN], False),
        (EVE, [JOHN, SRS], False),
        (None, [JOHN, SRS], True),
        (EVE, [JOHN], True),
        (EVE, [JOHN, EVE], True),
        (EVE, [Address("SRS0=made=up", "example.org")], True),
        (EVE, [], True),
    ],
)
def test_nothing_but_bounces(sender: Address | None, to: list[Address], is_taken: bool) -> None:
    recipients = list(map(Recipient, to))
    refusal = RULES.refusal(sender, recipients)

    assert (refusal is None) is is_taken
    if refusal is not None:
        assert str(refusal).startswith(f"550 5.7.1 <{SRS}>: Recipient address rejected: ")
    assert ReturnRules(leads_back, bounces_only=False).refusal(sender, recipients) is None


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

    assert str(rules.refusal(EVE, [Recipient(SRS)])) == "451 4.3.0 Error: temporary lookup failure"
    assert str(rules.beside(SRS, JOHN)) == "451 4.3.0 Error: temporary lookup failure"
    assert rules.refusal(EVE, [Recipient(JOHN)]) is None


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


@pytest.mark.parametrize(
    ("sender", "recipients", "answer"),
    [
        ("a@example.net", (SRS, PROBE), "452 4.5.3 <double-bounce@"),
        ("a@example.net", (PROBE, SRS), "452 4.5.3 <SRS0="),
        ("", (SRS, PROBE), "452 4.5.3 <double-bounce@"),
        ("a@example.net", (JOHN, PROBE), "250 "),
    ],
)
async def test_the_sender_of_our_probes_is_no_company_either(
    world: World, sender: str, recipients: tuple[object, ...], answer: str
) -> None:
    """It is taken without asking anybody, and must not hide a rewritten address from the rules."""
    world.directory.aliases[SRS.key] = (EVE,)
    client, _, _ = await world.connect(returns=RULES, probe_sender=PROBE)
    said = [f"RCPT TO:<{each}>" for each in recipients]

    assert (await talk(client, "EHLO x", f"MAIL FROM:<{sender}>", *said)).startswith(answer)
    alone = recipients[0] == SRS and sender
    assert (await talk(client, "DATA")).startswith("550 5.7.1 <SRS0=" if alone else "354 ")
