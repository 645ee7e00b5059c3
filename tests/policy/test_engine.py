"""What the golden scripts do not show: shapes of verdicts, odd texts, and what nobody may do."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fake_oracle import oracle_of
from policy_world import Accounts
from postroad.model import Address, Client, Reply
from postroad.policy import (
    PRESETS,
    Action,
    Answer,
    Facts,
    Policy,
    PolicySettings,
    Restriction,
    Stage,
    build,
)
from postroad.policy.restriction import plain
from postroad.policy.rule import bound

WORLD = oracle_of(Accounts())
CLIENT = Client("192.0.2.1", 40_000, "mx.example.net")
STRANGER = Facts(
    CLIENT,
    helo="mx.example.net",
    mail=True,
    sender=Address("lisa", "example.net"),
    recipient=Address("lisa", "example.com"),
)


def policy(**lists):
    empty = {stage.value: () for stage in Stage}
    return build("mx", PolicySettings(**{**empty, **lists}))


async def test_a_permit_has_no_reply():
    facts = replace(STRANGER, recipient=Address("john", "example.org"))
    verdict = await PRESETS["mx"].recipient(facts, WORLD)
    assert (verdict.action, verdict.reply) == (Action.PERMIT, None)


async def test_a_step_tells_where_what_and_why():
    verdict = await PRESETS["mx"].recipient(STRANGER, WORLD)
    step = verdict.trace[-1]
    assert (step.stage, step.restriction) == (Stage.RELAY, "reject_unauth_destination")
    assert (step.answer.action, step.reply) == (Action.REJECT, verdict.reply)
    assert step.why == "the recipient's domain is not ours"


async def test_explain_ends_with_the_decision():
    verdict = await PRESETS["mx"].recipient(STRANGER, WORLD)
    assert verdict.explain().splitlines()[-1] == (
        "reject with 554 5.7.1 <lisa@example.com>: Relay access denied"
    )


async def test_warnings_are_the_replies_not_given():
    lists = policy(sender=("warn_if_reject reject", "reject_non_fqdn_sender"))
    verdict = await lists.recipient(STRANGER, WORLD)
    assert verdict.warnings == (
        Reply.of(554, "5.7.1", "<lisa@example.net>: Sender address rejected: Access denied"),
    )


async def test_sender_list_waits_for_mail():
    facts = replace(STRANGER, mail=False, sender=None, recipient=Address("john", "example.org"))
    verdict = await policy(sender=("reject",)).recipient(facts, WORLD)
    assert verdict.action is Action.PERMIT


async def test_data_without_a_single_recipient():
    verdict = await policy(data=("reject_unlisted_sender", "defer")).data(
        replace(STRANGER, recipient=None), WORLD
    )
    assert str(verdict.reply) == "450 4.3.2 <DATA>: Data command rejected: Try again later"


async def test_only_postmaster_needs_no_domain():
    verdict = await PRESETS["submission"].recipient(
        replace(STRANGER, recipient=Address("lisa", "")), WORLD
    )
    assert verdict.action is Action.REJECT


@pytest.mark.parametrize(
    ("helo", "shown"),
    [
        ("evil\r\n250 Ok", "evil??250?Ok"),
        ("a\x00b\x7fc\u2028d", "a?b?c?d"),
        ("<x>: @home", "?x?:??home"),
    ],
)
async def test_the_name_in_helo_cannot_shape_the_reply(helo, shown):
    verdict = await policy(helo=("reject",)).recipient(replace(STRANGER, helo=helo), WORLD)
    assert verdict.reply == Reply.of(
        554, "5.7.1", f"<{shown}>: Helo command rejected: Access denied"
    )


@pytest.mark.parametrize("letter", ["x", "ü", "€"])
async def test_replies_fit_in_a_line(letter):
    facts = replace(STRANGER, helo=letter * 3000)
    verdict = await policy(helo=("reject",)).recipient(facts, WORLD)
    assert 508 <= len(verdict.reply.encode()) <= 512


async def _permits_without_leave(_facts, _oracle):
    return Answer(Action.PERMIT, "it should not")


async def test_a_permit_counts_only_where_the_table_says_so():
    """The proof relies on it."""
    rule = bound(Stage.RELAY, "rogue", Restriction(plain(_permits_without_leave)))
    verdict = await Policy({Stage.RELAY: (rule,)}).recipient(STRANGER, WORLD)
    assert str(verdict.reply) == "554 5.7.1 <lisa@example.com>: Relay access denied"


async def test_other_errors_are_not_hidden():
    class Broken(Accounts):
        async def is_local(self, domain):
            raise RuntimeError("a bug")

    with pytest.raises(RuntimeError):
        await PRESETS["mx"].recipient(STRANGER, oracle_of(Broken()))
