"""Domains that mail is passed on for: whom `reject_unlisted_recipient` and its like refuse."""

from __future__ import annotations

from dataclasses import replace

import pytest

from postroad.model import Address, Client
from postroad.policy import Oracle
from postroad.policy.access_rules import access, recipient_keys
from postroad.policy.answer import Action, Answer, Stage, Subject
from postroad.policy.backup_rules import permit_mx_backup
from postroad.policy.context import Context
from postroad.policy.facts import Elsewhere, Facts, Passing, Verification, VerificationStatus
from postroad.policy.lookups import Lookup, noting
from postroad.policy.recalled import Present, recalled
from postroad.policy.recipient_rules import (
    defer_unauth_destination,
    permit_auth_destination,
    reject_unauth_destination,
    reject_unlisted_recipient,
)
from postroad.policy.sender_rules import reject_unlisted_sender


class Relaying:
    """A directory with one such domain, and a next hop that says one thing."""

    def __init__(self, listed: bool | Elsewhere, status: VerificationStatus | None = None) -> None:
        self.listed = listed
        self.status = status

    async def is_local(self, domain: str) -> bool | Passing:
        return Passing.RELAYED if domain == "partner.test" else False

    async def is_listed(self, address: Address) -> bool | Elsewhere:
        return self.listed

    async def owns(self, user: str, address: Address) -> bool:
        return False

    async def has_owner(self, address: Address) -> bool:
        return False

    async def verify(self, address: Address, *, sender: bool) -> Verification:
        assert self.status is not None
        return Verification(self.status, "host said so")


FACTS = Facts(
    Client("192.0.2.1", 40_000),
    mail=True,
    sender=Address("a", "partner.test"),
    recipient=Address("a", "partner.test"),
)


CONTEXT = Context(stage=Stage.RECIPIENT, read=lambda _: ())


def of(world: Relaying) -> Oracle:
    return Oracle(world, world, world, world)


def said(answer: Answer) -> tuple[Action, int, str]:
    refusal = answer.refusal
    return (answer.action, refusal.code, refusal.words) if refusal else (answer.action, 0, "")


RECIPIENTS = [
    (True, None, (Action.DUNNO, 0, "")),
    (False, None, (Action.REJECT, 550, "User unknown in virtual mailbox table")),
    (Elsewhere.LISTED, None, (Action.DUNNO, 0, "")),
    (Elsewhere.ABSENT, None, (Action.REJECT, 550, "User unknown in relay recipient table")),
    (Elsewhere.ASK, VerificationStatus.DELIVERABLE, (Action.DUNNO, 0, "")),
    (
        Elsewhere.ASK,
        VerificationStatus.UNDELIVERABLE,
        (Action.REJECT, 550, "undeliverable address: host said so"),
    ),
    (
        Elsewhere.ASK,
        VerificationStatus.UNKNOWN,
        (Action.DEFER_IF_PERMIT, 450, "unverified address: host said so"),
    ),
]


@pytest.mark.parametrize(("listed", "status", "expected"), RECIPIENTS)
async def test_recipients(
    listed: bool | Elsewhere, status: VerificationStatus | None, expected: tuple[Action, int, str]
) -> None:
    answer = await reject_unlisted_recipient(FACTS, of(Relaying(listed, status)))
    assert said(answer) == expected


@pytest.mark.parametrize(
    ("listed", "code", "text"),
    [
        (True, 0, ""),
        (False, 550, "User unknown in virtual mailbox table"),
        (Elsewhere.ABSENT, 550, "User unknown in relay recipient table"),
        (Elsewhere.ASK, 0, ""),
        (Elsewhere.LISTED, 0, ""),
    ],
)
async def test_senders(listed: bool | Elsewhere, code: int, text: str) -> None:
    answer = await reject_unlisted_sender(FACTS, of(Relaying(listed)))
    assert said(answer)[1:] == (code, text)


async def test_such_a_domain_is_a_destination_of_ours() -> None:
    world = of(Relaying(Elsewhere.ASK))
    assert (await reject_unauth_destination(FACTS, world)).action is Action.DUNNO


ROUTED = ("x%evil.test@partner.test", '"x@evil.test"@partner.test', "evil.test!x@partner.test")
DENIED = "Relay access denied"


def to(recipient: str) -> Facts:
    return replace(FACTS, recipient=Address.parse(recipient))


@pytest.mark.parametrize("recipient", ROUTED)
@pytest.mark.parametrize("listed", list(Elsewhere))
async def test_a_route_makes_no_relay_of_who_trusts_us(recipient: str, listed: Elsewhere) -> None:
    world = of(Relaying(listed))
    rejected = await reject_unauth_destination(to(recipient), world)
    assert said(rejected) == (Action.REJECT, 554, DENIED)
    reply = rejected.refusal.reply(Subject.RECIPIENT, to(recipient))
    assert str(reply) == f"554 5.7.1 <{Address.parse(recipient)}>: {DENIED}"
    assert said(await defer_unauth_destination(to(recipient), world))[1:] == (454, DENIED)
    for permitting in (permit_auth_destination, permit_mx_backup("", CONTEXT)):
        assert said(await permitting(to(recipient), world))[0] is Action.DUNNO


@pytest.mark.parametrize("recipient", ROUTED)
@pytest.mark.parametrize("listed", [True, False])
async def test_what_ends_here_goes_no_further(recipient: str, listed: bool) -> None:
    world = of(Relaying(listed))
    assert said(await reject_unauth_destination(to(recipient), world))[0] is Action.DUNNO
    assert said(await permit_auth_destination(to(recipient), world))[0] is Action.PERMIT


class Opening(Relaying):
    """One with an access table that permits everything."""

    async def find(self, table: str, key: str) -> str | None:
        return self.value

    def takes_parts(self, table: str) -> bool:
        return True

    value = "OK"


@pytest.mark.parametrize(
    ("recipient", "listed", "value", "action"),
    [
        ("x%evil.test@partner.test", Elsewhere.LISTED, "OK", Action.DUNNO),
        ("x%evil.test@partner.test", True, "OK", Action.PERMIT),
        ("x%evil.test@foreign.test", False, "OK", Action.DUNNO),
        ("x@foreign.test", False, "OK", Action.PERMIT),
        ("x@partner.test", Elsewhere.LISTED, "OK", Action.PERMIT),
        ("x%evil.test@foreign.test", False, "REJECT", Action.REJECT),
        ("x%evil.test@foreign.test", False, "DISCARD", Action.PERMIT),
    ],
)
async def test_a_table_of_recipients_opens_no_route(
    recipient: str, listed: bool | Elsewhere, value: str, action: Action
) -> None:
    world = Opening(listed)
    world.value = value
    check = access(recipient_keys, Subject.RECIPIENT)("hash:/x", CONTEXT)
    assert (await check(to(recipient), of(world))).action is action


@pytest.mark.parametrize("listed", [True, False, *Elsewhere])
async def test_what_was_noted_is_recalled(listed: bool | Elsewhere) -> None:
    notes: list[Lookup] = []
    address = Address("a", "partner.test")
    assert await noting(of(Relaying(listed)), notes).accounts.is_listed(address) is listed
    other = Relaying(not listed if isinstance(listed, bool) else True)
    again = recalled(notes, Present(other, other))
    assert await again.accounts.is_listed(address) is listed


async def test_it_is_said_that_mail_is_passed_on() -> None:
    notes: list[Lookup] = []
    world = of(Relaying(Elsewhere.LISTED))
    first = await reject_unauth_destination(FACTS, noting(world, notes))
    then = recalled(notes, Present(world.accounts, world.tables))
    again = await reject_unauth_destination(FACTS, then)
    for answer in (first, again):
        assert answer.action is Action.DUNNO
        assert answer.why == "mail for the recipient's domain is passed on here"
    assert (await permit_auth_destination(FACTS, world)).action is Action.PERMIT
