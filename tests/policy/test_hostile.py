"""What strangers, tables and services may say: nothing makes the engine fail, nothing permits by
accident, and no text gets further than the line that it belongs on.
"""

from __future__ import annotations

import asyncio
import string
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from fake_oracle import oracle_of
from policy_world import SURROUNDINGS, Accounts
from postroad.mailauth.spf.result import SpfResult, SpfVerdict
from postroad.model import Address, Client, ClientCertificate, Login, TlsSession
from postroad.policy import (
    RESTRICTIONS,
    Action,
    Facts,
    LookupUnavailable,
    Oracle,
    Policy,
    PolicySettings,
    Refusal,
    SharedPolicySettings,
    Stage,
    Subject,
    Verdict,
    Verification,
    VerificationStatus,
    build,
)
from postroad.policy.answer import Form
from postroad.policy.hearing import MOST_NESTED, MOST_STEPS
from postroad.policy.lookups import noting
from postroad.policy.restriction import Argument
from postroad.policy.rules import LONGEST_ELSEWHERE, MOST_RULES, read_list

ARGUMENTS = {
    Argument.NONE: "",
    Argument.TABLE: "hash:/table",
    Argument.DOMAIN: "zen.example=127.0.0.[2..11]",
    Argument.SERVICE: "inet:127.0.0.1:10023",
    Argument.SECONDS: "1",
}
SHARED = SharedPolicySettings(
    classes={
        "careful": ("reject_unknown_helo_hostname, check_sender_access hash:/table",),
        "round": ("check_recipient_access hash:/table", "permit"),
    },
    rbl_reply_maps="hash:/replies",
    relay_clientcerts="hash:/certificates",
)
AROUND = replace(SURROUNDINGS, settings=SHARED)


def rule_of(name, stage):
    text = f"{name} {ARGUMENTS[RESTRICTIONS[name].argument]}"
    (rule,), wrong = read_list(stage, (text,), AROUND)
    assert wrong == []
    return rule


def lists_of(name):
    """A policy with the restriction in every list where it may stand."""
    stages = RESTRICTIONS[name].stages
    return Policy({stage: (rule_of(name, stage),) for stage in Stage if stage in stages})


# What anybody may say ---------------------------------------------------------------------------

ODD = st.sampled_from(
    [
        *(
            "",
            "{",
            "}",
            "%s%n",
            "$rbl_code",
            "${",
            "$(x",
            "a\r\n250 Ok",
            "\x00",
            "\ud800",
            "ü" * 400,
        ),
        *("x" * 5000, "..", "a..b", "[", "[IPv6:", "[IPv6:::1]", "[1.2.3]", "<>", "@", "unknown"),
        *("mx.example.net", "EXAMPLE.ORG", "-", "_", "1.2.3.4", "::1", "."),
    ]
)
TEXT = st.one_of(ODD, st.text(max_size=30))
ADDRESSES = st.one_of(
    st.none(),
    st.builds(Address, TEXT, TEXT),
    st.builds(Address, st.text(string.ascii_letters + ' "+', min_size=1, max_size=9), TEXT),
    st.sampled_from([Address("john", "example.org"), Address("Postmaster", "")]),
)
IPS = st.one_of(st.ip_addresses().map(str), st.sampled_from(["local", "unknown", "10.0.0.7"]))
CLIENTS = st.builds(Client, IPS, st.integers(0, 65_535), TEXT, TEXT, st.booleans(), st.booleans())
CERTIFICATES = st.builds(
    ClientCertificate,
    subject=TEXT,
    issuer=TEXT,
    fingerprint=st.sampled_from(["", "a1b2", "0" * 64]),
    key_fingerprint=st.sampled_from(["", "c3d4"]),
)
SESSIONS = st.builds(
    TlsSession,
    st.just("TLSv1.3"),
    st.just("TLS_AES_256_GCM_SHA384"),
    st.just(256),
    client_certificate=st.one_of(st.none(), CERTIFICATES),
)
FACTS = st.builds(
    Facts,
    CLIENTS,
    st.booleans(),
    TEXT,
    st.one_of(st.none(), st.builds(Login, TEXT, st.just("PLAIN"))),
    st.one_of(st.none(), SESSIONS),
    st.booleans(),
    ADDRESSES,
    ADDRESSES,
    st.integers(0, 3),
    st.booleans(),
    st.integers(0, 10**9),
    TEXT,
)

RESULTS = st.one_of(
    TEXT,
    st.builds(
        "{} {}".format,
        st.sampled_from(
            [
                *("OK", "REJECT", "DEFER", "550", "450", "421", "250", "99", "DISCARD", "HOLD"),
                *("FILTER", "REDIRECT", "BCC", "PREPEND", "INFO", "WARN", "DUNNO", "permit"),
                *("DEFER_IF_PERMIT", "DEFER_IF_REJECT", "warn_if_reject", "reject", "careful"),
                *("round", "round round round", "554 5.7.1", "REJECT 5.1.1", "greylist", "sleep"),
                *(
                    "PREPEND X: y",
                    "FILTER smtp:[::1]:25",
                    "BCC a@b.example",
                    "warn_if_reject round",
                ),
            ]
        ),
        TEXT,
    ),
    st.sampled_from(["reject_unlisted_sender, " * 10_000, "x" * 10_240, "round " * 1500]),
)
RECORDS = st.lists(
    st.one_of(
        TEXT,
        st.sampled_from(["127.0.0.2", "10 mx.example.net.", "0 .", "99999999999 x.", "x y", "::1"]),
        IPS,
    ),
    max_size=3,
).map(tuple)


class Chance:
    """Answers whatever hypothesis draws, or not at all."""

    def __init__(self, data):
        self._data = data
        self._questions = 0

    def _say(self, strategy):
        self._questions += 1
        if self._questions > 200:
            raise LookupUnavailable("enough was asked")
        answer = self._data.draw(st.one_of(st.none(), strategy.map(lambda value: (value,))))
        if answer is None:
            raise LookupUnavailable("lost")
        return answer[0]

    async def spf(self, address, sender, helo):
        texts = st.one_of(st.just(""), TEXT)
        verdicts = st.builds(
            SpfVerdict,
            st.sampled_from(SpfResult),
            st.sampled_from(["mailfrom", "helo"]),
            *[texts] * 6,
        )
        return self._say(verdicts)

    async def is_local(self, domain):
        return self._say(st.booleans())

    async def is_listed(self, address):
        return self._say(st.booleans())

    async def owns(self, user, address):
        return self._say(st.booleans())

    async def has_owner(self, address):
        return self._say(st.booleans())

    async def records(self, name, kind):
        return self._say(RECORDS)

    async def find(self, table, key):
        return self._say(st.one_of(st.none(), RESULTS))

    def takes_parts(self, table):
        return True

    async def ask(self, service, attributes):
        assert all(isinstance(value, str) for value in attributes.values())
        return self._say(RESULTS)

    async def verify(self, address, *, sender):
        return self._say(st.builds(Verification, st.sampled_from(VerificationStatus), TEXT))

    async def greylist(self, client_address, sender, recipient):
        return self._say(st.floats(-1, 1e9))

    async def pause(self, seconds):
        pass


def check_verdict(verdict):
    assert (verdict.reply is None) == (verdict.action is Action.PERMIT)
    assert len(verdict.trace) <= MOST_STEPS + MOST_RULES
    for reply in (verdict.reply, verdict.pending, *verdict.warnings):
        if reply is not None:
            octets = reply.encode()
            assert len(octets) <= 512
            assert octets.endswith(b"\r\n")
            assert not any(octet < 32 or octet == 127 for octet in octets[:-2])
            assert 400 <= reply.code <= 599
            assert reply.enhanced[0] == str(reply.code)[0]
    for _, words in verdict.notes:
        assert words.isprintable()
        assert len(words) < 10_000
    done = verdict.disposition
    assert all(text.isprintable() for text in (done.discard, done.hold, *done.prepend))
    verdict.explain()


@pytest.mark.parametrize("about", Subject)
@given(facts=FACTS)
@example(Facts(Client("192.0.2.1", 40_000, "mx\x00\x1b[2J.example", "mx\r\n250 Ok\x7f")))
def test_a_refusal_of_anybody_is_one_line(about, facts):
    refusal = Refusal(554, "5.7.1", "Access denied")
    for form in Form:
        reply = replace(refusal, form=form).reply(about, facts)
        check_verdict(Verdict(Action.REJECT, reply, ()))


NAMES = st.sampled_from(sorted(RESTRICTIONS))
PATIENT = settings(max_examples=250, deadline=None, suppress_health_check=list(HealthCheck))


@PATIENT
@given(NAMES, st.data())
def test_nothing_makes_it_fail(name, data):
    facts, oracle = data.draw(FACTS), Chance(data)
    world = Oracle(oracle, oracle, oracle, oracle, oracle)
    policy = lists_of(name)

    async def all_questions():
        if facts.recipient is not None:
            yield await policy.recipient(facts, world)
        yield await policy.early(Stage.CLIENT, facts, world)
        yield await policy.data(facts, world)
        yield await policy.end_of_data(facts, world)
        yield await policy.etrn(facts, world)

    async def run():
        async for verdict in all_questions():
            check_verdict(verdict)

    asyncio.run(run())


# Silence ----------------------------------------------------------------------------------------


class Silent(Accounts):
    """Nobody answers, or all but one of them."""

    def __init__(self):
        super().__init__(down=True)


PARTS = ("accounts", "names", "tables", "agents", "senders")


def answers_of(name, facts, oracle, stage=Stage.SENDER):
    """What a restriction says, and what it had asked by then; nothing where it raised."""
    asked = []
    stages = RESTRICTIONS[name].stages
    rule = rule_of(name, stage if stage in stages else Stage.ETRN)
    try:
        answer = asyncio.run(_checked(rule, facts, noting(oracle, asked)))
    except LookupUnavailable:
        return None, asked
    return answer, asked


async def _checked(rule, facts, oracle):
    return await rule.check(facts, oracle)


@PATIENT
@given(NAMES, st.sampled_from([*PARTS, "all"]), st.data())
def test_silence_never_permits(name, lost, data):
    """Who is permitted although something was not answered is permitted without it as well."""
    facts, chance = data.draw(FACTS), Chance(data)
    silent = oracle_of(Silent())
    parts = dict.fromkeys(PARTS, chance)
    for part in PARTS if lost == "all" else (lost,):
        parts[part] = getattr(silent, part)
    answer, asked = answers_of(name, facts, Oracle(**parts))
    if answer is not None and answer.action is Action.PERMIT:
        unanswered = [lookup for lookup in asked if lookup.found is None]
        assert unanswered == [] or name in BY_ANOTHER_WAY


BY_ANOTHER_WAY = {"permit_mx_backup"}
"""The hosts of a domain are looked up in order; what one of them says is enough."""


@PATIENT
@given(NAMES, st.data())
def test_only_those_permit_that_may(name, data):
    """The proof relies on these marks in the table."""
    facts, chance = data.draw(FACTS), Chance(data)
    answer, _ = answers_of(name, facts, Oracle(chance, chance, chance, chance, chance))
    if answer is None:
        return
    assert (
        answer.action is not Action.PERMIT
        or RESTRICTIONS[name].permits
        or (
            answer.disposition.discard  # which ends the list as well, and delivers nothing
        )
    )
    if RESTRICTIONS[name].final:
        assert answer.action in (Action.PERMIT, Action.REJECT, Action.DEFER)


# Lists that do not wait --------------------------------------------------------------------------

EARLY = (Stage.CLIENT, Stage.HELO, Stage.SENDER)


@pytest.mark.parametrize("stage", EARLY)
@pytest.mark.parametrize("name", RESTRICTIONS)
def test_what_is_refused_in_early_lists_has_nothing_to_say_there(name, stage):
    restriction = RESTRICTIONS[name]
    if stage not in restriction.stages:
        return
    has_mail = stage is Stage.SENDER
    early = replace(
        STRANGER,
        helo="" if stage is Stage.CLIENT else STRANGER.helo,
        mail=has_mail,
        sender=STRANGER.sender if has_mail else None,
        recipient=None,
        state="MAIL" if has_mail else "CONNECT",
    )
    world = Says("REJECT")
    oracle = Oracle(Accounts(), world, world, world)
    if restriction.needs.missing(stage):
        answer = asyncio.run(_checked(rule_of(name, stage), early, oracle))
        assert (answer.action, answer.then) == (Action.DUNNO, ())


def test_what_cannot_stand_in_any_early_list():
    late = {name for name, r in RESTRICTIONS.items() if all(map(r.needs.missing, EARLY))}
    at_rcpt = set(Stage) - {Stage.ETRN, Stage.DATA, Stage.END_OF_DATA}
    of_recipients = {name for name, r in RESTRICTIONS.items() if r.stages == at_rcpt}
    assert late == of_recipients | {"reject_multi_recipient_bounce", "check_etrn_access"}


# Lists without end ------------------------------------------------------------------------------


class Says:
    """A table, a service and a DNS that say the same to everything."""

    def __init__(self, said):
        self.said = said

    async def find(self, table, key):
        return self.said

    def takes_parts(self, table):
        return True

    async def ask(self, service, attributes):
        return self.said


STRANGER = Facts(
    Client("192.0.2.1", 40_000, "mx.example.net"),
    helo="mx.example.net",
    mail=True,
    sender=Address("lisa", "example.net"),
    recipient=Address("john", "example.org"),
)


async def decided(said, *texts, service=False):
    empty = {stage.value: () for stage in Stage}
    lists = PolicySettings(**{**empty, "recipient": texts})
    policy = build("mx", lists, AROUND)
    world = Says(said)
    agents = {"agents": world} if service else {}
    return await policy.recipient(STRANGER, oracle_of(Accounts(), tables=world, **agents))


@pytest.mark.parametrize(
    "said",
    [
        "round",
        "round, round, round",
        "warn_if_reject round",
        "reject_unlisted_sender " * 10_000,
        "x" * (LONGEST_ELSEWHERE + 1),
        "sleep " * 1000,
        "{" * 5000,
    ],
)
async def test_lists_in_tables_end_somewhere(said):
    verdict = await decided(said, "check_recipient_access hash:/table")
    assert str(verdict.reply) == "451 4.3.5 Server configuration error"
    assert len(verdict.trace) <= MOST_NESTED + 3


async def test_lists_that_branch_end_somewhere():
    """Each of them has no opinion in the end, so that all are asked."""
    world = Says("dunno")
    asked = 0

    async def find(table, key):
        nonlocal asked
        asked += 1
        return "branch branch" if asked % 16 else "dunno"

    world.find = find
    settings_ = replace(SHARED, classes={"branch": ("check_recipient_access hash:/table",) * 3})
    lists = PolicySettings(relay=(), recipient=("branch",))
    policy = build("mx", lists, replace(AROUND, settings=settings_))
    verdict = await policy.recipient(STRANGER, oracle_of(Accounts(), tables=world))
    assert str(verdict.reply) == "451 4.3.5 Server configuration error"
    assert len(verdict.trace) <= MOST_STEPS + 10


@pytest.mark.parametrize(
    ("said", "reply"),
    [
        (
            "REJECT one\r\n250 two\x00three\x7f\u2028four",
            "554 5.7.1 <john@example.org>: Recipient address rejected: one  250 two three  four",
        ),
        ("REJECT " + "x" * 10_240, None),
        ("450 \ud800 half a character", None),
        ("REJECT\t5.7.9\ttabs", "554 5.7.9 <john@example.org>: Recipient address rejected: tabs"),
    ],
)
async def test_what_a_service_says_stays_on_its_line(said, reply):
    verdict = await decided(said, "check_policy_service inet:127.0.0.1:10023", service=True)
    check_verdict(verdict)
    assert reply is None or str(verdict.reply) == reply
    assert max(map(len, verdict.explain().splitlines())) < 2000


@pytest.mark.parametrize("said", ["PREPEND X: a\r\nBcc: b", "PREPEND X: \x00", "PREPEND \r\n\r\n"])
async def test_no_field_brings_another(said):
    verdict = await decided(said, "check_policy_service inet:127.0.0.1:10023", service=True)
    assert (verdict.action, verdict.disposition.prepend) == (Action.PERMIT, ())
    assert [what for what, _ in verdict.notes] == ["warning"]
