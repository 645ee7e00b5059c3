"""The proof is never wrong on the unsafe side: rules it has never seen, strangers who try."""

from __future__ import annotations

from random import Random

import pytest

from postroad.model import Address
from postroad.policy import (
    Policy,
    PolicySettings,
    Restriction,
    Rule,
    SharedPolicySettings,
    Stage,
    prove,
)
from postroad.policy.answer import dunno, permit, refuse
from postroad.policy.restriction import plain
from proof_lists import DOMAINS, HOME
from proof_world import Case, Tally, relayed

# Restrictions of later days ---------------------------------------------------------------------
# Each permits a stranger by something only he knows. The proof has never seen them.


def new_rule(check):
    restriction = Restriction(plain(check), permits=True)
    return Rule(Stage.RELAY, "permit_new", restriction, check=check)


async def _reads_recipient(facts, oracle):
    return permit("") if facts.recipient.local == "abuse" else dunno("")


async def _compares_recipient(facts, oracle):
    return permit("") if facts.recipient == Address("lisa", "example.com") else dunno("")


async def _formats_recipient(facts, oracle):
    return permit("") if "example" in str(facts.recipient) else dunno("")


async def _searches_domain(facts, oracle):
    return permit("") if facts.recipient.domain in DOMAINS else dunno("")


async def _takes_domain_apart(facts, oracle):
    return permit("") if "".join([facts.recipient.domain]).endswith(".com") else dunno("")


async def _asks_for_type(facts, oracle):
    return permit("") if isinstance(facts.recipient, Address) else dunno("")


async def _matches(facts, oracle):
    match facts.recipient:
        case Address(local="lisa"):
            return permit("")
        case _:
            return dunno("")


async def _reads_helo(facts, oracle):
    return permit("") if facts.helo.endswith(".com") else dunno("")


async def _looks_for_sender(facts, oracle):
    return dunno("") if facts.sender is None else permit("")


async def _asks_about_sender(facts, oracle):
    return (
        permit("") if await oracle.accounts.has_owner(Address("lisa", "example.com")) else dunno("")
    )


async def _asks_about_client(facts, oracle):
    return permit("") if facts.client.name != "unknown" else refuse("", 550, "5.7.1", "no")


@pytest.mark.parametrize(
    "check",
    [
        _reads_recipient,
        _compares_recipient,
        _formats_recipient,
        _searches_domain,
        _takes_domain_apart,
        _asks_for_type,
        _matches,
        _reads_helo,
        _looks_for_sender,
        _asks_about_sender,
        _asks_about_client,
    ],
)
def test_what_a_stranger_chooses_is_never_taken_for_known(check):
    rule = new_rule(check)
    holes = prove(Policy({Stage.RELAY: (rule,)}), HOME)
    assert [str(hole.path[-1]) for hole in holes] == ["permit_new: may permit it"]


async def _says_nothing(facts, oracle):
    return dunno("")


def test_a_list_that_ends_without_a_refusal():
    restriction = Restriction(plain(_says_nothing))
    rule = Rule(Stage.RELAY, "reject_unauth_destination", restriction, check=_says_nothing)
    (hole,) = prove(Policy({Stage.RELAY: (rule,)}), HOME)
    assert str(hole.path[-1]) == "reject_unauth_destination: is the last, and refuses nothing"


async def _asks_about_other_domain(facts, oracle):
    return permit("") if await oracle.accounts.is_local("example.com") else dunno("")


def test_only_the_recipients_domain_is_known_to_be_foreign():
    rule = new_rule(_asks_about_other_domain)
    assert len(prove(Policy({Stage.RELAY: (rule,)}), HOME)) == 1


# Strangers who try ------------------------------------------------------------------------------


@pytest.mark.parametrize("part", range(6))
def test_nobody_comes_through_what_is_proved(part):
    """Random configurations and concrete sessions: no session relays where no hole was found."""
    tally = Tally()
    for seed in range(part * 500, part * 500 + 500):
        tally.attempt(seed)
    # Else the cases would say little: all lists closed, or most holes imagined.
    assert tally.safe > 150
    assert tally.open > tally.doubtful > 0


def test_strangers_come_through_what_is_open():
    case = Case(PolicySettings(relay=("permit",)), SharedPolicySettings(), HOME, relays=True)
    assert relayed(case, Random(0)) is not None
