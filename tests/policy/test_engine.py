"""What the golden scripts do not show: shapes of verdicts, odd texts, and what nobody may do."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest

import policy_golden
from policy_golden import OWNERS, TLS, World
from postroad.model import Address, Client, Login, Reply
from postroad.policy import (
    PRESETS,
    RESTRICTIONS,
    Action,
    Answer,
    Facts,
    LookupUnavailable,
    Policy,
    PolicySettings,
    Restriction,
    Rule,
    Stage,
    build,
)

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
    verdict = await PRESETS["mx"].recipient(facts, World())
    assert (verdict.action, verdict.reply) == (Action.PERMIT, None)


async def test_a_step_tells_where_what_and_why():
    verdict = await PRESETS["mx"].recipient(STRANGER, World())
    step = verdict.trace[-1]
    assert (step.stage, step.restriction) == (Stage.RELAY, "reject_unauth_destination")
    assert (step.answer.action, step.reply) == (Action.REJECT, verdict.reply)
    assert step.why == "the recipient's domain is not ours"


async def test_explain_ends_with_the_decision():
    verdict = await PRESETS["mx"].recipient(STRANGER, World())
    assert verdict.explain().splitlines()[-1] == (
        "reject with 554 5.7.1 <lisa@example.com>: Relay access denied"
    )


async def test_warnings_are_the_replies_not_given():
    lists = policy(sender=("warn_if_reject reject", "reject_non_fqdn_sender"))
    verdict = await lists.recipient(STRANGER, World())
    assert verdict.warnings == (
        Reply.of(554, "5.7.1", "<lisa@example.net>: Sender address rejected: Access denied"),
    )


async def test_sender_list_waits_for_mail():
    facts = replace(STRANGER, mail=False, sender=None, recipient=Address("john", "example.org"))
    verdict = await policy(sender=("reject",)).recipient(facts, World())
    assert verdict.action is Action.PERMIT


async def test_data_without_a_single_recipient():
    verdict = await policy(data=("reject_unlisted_sender", "defer")).data(
        replace(STRANGER, recipient=None), World()
    )
    assert str(verdict.reply) == "450 4.3.2 <DATA>: Data command rejected: Try again later"


async def test_only_postmaster_needs_no_domain():
    verdict = await PRESETS["submission"].recipient(
        replace(STRANGER, recipient=Address("lisa", "")), World()
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
    verdict = await policy(helo=("reject",)).recipient(replace(STRANGER, helo=helo), World())
    assert verdict.reply == Reply.of(
        554, "5.7.1", f"<{shown}>: Helo command rejected: Access denied"
    )


@pytest.mark.parametrize("letter", ["x", "ü", "€"])
async def test_replies_fit_in_a_line(letter):
    facts = replace(STRANGER, helo=letter * 3000)
    verdict = await policy(helo=("reject",)).recipient(facts, World())
    assert 508 <= len(verdict.reply.encode()) <= 512


async def _permits_without_leave(_facts, _oracle):
    return Answer(Action.PERMIT, "it should not")


async def test_a_permit_counts_only_where_the_table_says_so():
    """The proof relies on it."""
    rule = Rule(Stage.RELAY, "rogue", Restriction(_permits_without_leave))
    verdict = await Policy({Stage.RELAY: (rule,)}).recipient(STRANGER, World())
    assert str(verdict.reply) == "554 5.7.1 <lisa@example.com>: Relay access denied"


async def test_other_errors_are_not_hidden():
    class Broken(World):
        async def is_local(self, domain):
            raise RuntimeError("a bug")

    with pytest.raises(RuntimeError):
        await PRESETS["mx"].recipient(STRANGER, Broken())


ADDRESSES = [
    None,
    *(Address.parse(text) for text in OWNERS),
    Address("nobody", "example.org"),
    Address("lisa", "example.com"),
    Address("root", "localhost"),
]
FACTS = [
    Facts(CLIENT, trusted, helo, login, tls, mail=True, sender=sender, recipient=recipient)
    for trusted, helo, login, tls, sender, recipient in product(
        (False, True),
        ("", "localhost", "mx.example.net", "[192.0.2.1]", "[x]"),
        (None, Login("john@example.org", "PLAIN")),
        (None, TLS),
        ADDRESSES,
        ADDRESSES,
    )
]


@pytest.mark.parametrize("name", RESTRICTIONS)
async def test_the_marks_in_the_table_are_true(name):
    restriction = RESTRICTIONS[name]
    said = {(await restriction.check(facts, World())).action for facts in FACTS}
    assert (Action.PERMIT in said) == restriction.permits
    assert restriction.final == (said in ({Action.PERMIT}, {Action.REJECT}, {Action.DEFER}))


@pytest.mark.parametrize("name", RESTRICTIONS)
async def test_no_restriction_takes_silence_for_an_answer(name):
    """What depends on a look-up raises when none is answered; it never makes something up."""
    check, down = RESTRICTIONS[name].check, World(down=True)
    for facts in FACTS:
        answer = await check(facts, World())
        try:
            silent = await check(facts, down)
        except LookupUnavailable:
            continue
        assert silent == answer


async def test_nothing_is_permitted_by_a_directory_that_is_down():
    facts = replace(STRANGER, recipient=Address("john", "example.org"))
    for preset in PRESETS.values():
        verdict = await preset.recipient(facts, policy_golden.World(down=True))
        assert verdict.action is not Action.PERMIT
