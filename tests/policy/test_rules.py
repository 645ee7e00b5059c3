"""Reading lists: what is a name, what is a mistake, and what it says."""

from __future__ import annotations

from dataclasses import fields

import pytest

from postroad.mailauth.spf.settings import SpfSettings
from postroad.policy import (
    PRESET_LISTS,
    PRESETS,
    PolicySettings,
    RestrictionMistake,
    SharedPolicySettings,
    Stage,
    Surroundings,
    build,
    mistakes,
)
from postroad.policy.rules import read_list
from postroad.policy.stranger import Value, answer_with


def names(policy, stage):
    return [str(rule) for rule in policy.lists[stage]]


@pytest.mark.parametrize(
    "written",
    [
        ("permit_mynetworks", "reject"),
        ("permit_mynetworks, reject",),
        ("permit_mynetworks reject",),
        (" permit_mynetworks ,\n reject , ",),
        ("Permit_MyNetworks", "", "REJECT"),
    ],
)
def test_separators_and_case(written):
    policy = build("mx", PolicySettings(relay=written))
    assert names(policy, Stage.RELAY) == ["permit_mynetworks", "reject"]


@pytest.mark.parametrize(
    "written",
    [
        ("warn_if_reject reject_unlisted_sender",),
        ("warn_if_reject", "reject_unlisted_sender"),
        ("WARN_IF_REJECT warn_if_reject reject_unlisted_sender",),
    ],
)
def test_warn_if_reject_belongs_to_what_follows(written):
    policy = build("mx", PolicySettings(sender=(*written, "reject_non_fqdn_sender")))
    assert names(policy, Stage.SENDER) == [
        "warn_if_reject reject_unlisted_sender",
        "reject_non_fqdn_sender",
    ]


@pytest.mark.parametrize("preset", PRESET_LISTS)
def test_absent_lists_are_the_presets(preset):
    policy = build(preset, PolicySettings(client=(), data=("defer",)))
    assert names(policy, Stage.CLIENT) == []
    assert names(policy, Stage.DATA) == ["defer"]
    for stage in (Stage.HELO, Stage.SENDER, Stage.RELAY, Stage.RECIPIENT):
        assert names(policy, stage) == names(PRESETS[preset], stage)


def test_unknown_preset():
    with pytest.raises(KeyError):
        build("smtps", PolicySettings())


@pytest.mark.parametrize(
    ("relay", "closed"),
    [
        ((), True),
        (("permit_mynetworks",), True),
        (("permit_mynetworks", "reject_unauth_destination"), False),
        (("defer_unauth_destination",), False),
        (("reject",), False),
        (("warn_if_reject reject_unauth_destination",), True),
        (("warn_if_reject reject",), True),
        (("reject_unauth_destination", "permit_mynetworks"), True),
    ],
)
def test_relay_list_is_closed(relay, closed):
    policy = build("mx", PolicySettings(relay=relay))
    assert (names(policy, Stage.RELAY)[-1] == "end of the list") == closed


@pytest.mark.parametrize(
    ("stage", "written", "name", "nearest", "words"),
    [
        (
            "relay",
            ("reject_unauth_destinations",),
            "reject_unauth_destinations",
            "reject_unauth_destination",
            "unknown restriction; did you mean reject_unauth_destination?",
        ),
        (
            "sender",
            ("permit, Reject_Sender_Mismatch",),
            "Reject_Sender_Mismatch",
            "reject_sender_login_mismatch",
            None,
        ),
        ("helo", ("warn_if_rejected reject",), "warn_if_rejected", "warn_if_reject", None),
        (
            "client",
            ("quack",),
            "quack",
            None,
            "unknown restriction",
        ),
        (
            "data",
            ("reject_unlisted_recipient",),
            "reject_unlisted_recipient",
            None,
            "can only apply in client, helo, sender, relay, recipient",
        ),
        (
            "recipient",
            ("reject", "permit_mynetworks"),
            "permit_mynetworks",
            None,
            "never asked, because reject always decides",
        ),
        (
            "relay",
            ("warn_if_reject permit, reject",),
            "reject",
            None,
            "never asked, because warn_if_reject permit always decides",
        ),
        (
            "recipient",
            ("reject_unlisted_recipient warn_if_reject",),
            "warn_if_reject",
            None,
            "no restriction follows it",
        ),
    ],
)
def test_mistakes(stage, written, name, nearest, words):
    with pytest.raises(RestrictionMistake) as caught:
        build("mx", PolicySettings(**{stage: written}))
    mistake = caught.value
    assert (mistake.stage, mistake.name, mistake.nearest) == (Stage(stage), name, nearest)
    assert words is None or str(mistake) == f"{stage}: {name}: {words}"


LATE = "because delay_reject = false"
BOUNCE, INVALID = "reject_multi_recipient_bounce", "reject_invalid_helo_hostname"


@pytest.mark.parametrize(
    ("lists", "said"),
    [
        (
            {"sender": ("reject_unlisted_recipient", "reject_sender_login_mismatch")},
            ["sender: reject_unlisted_recipient: the list is asked at MAIL, where no recipient"],
        ),
        (
            {"sender": ("warn_if_reject reject_multi_recipient_bounce",)},
            [f"sender: {BOUNCE}: the list is asked at MAIL, where no second recipient"],
        ),
        (
            {"client": ("reject_invalid_helo_hostname, check_sender_access hash:/x",)},
            [
                f"client: {INVALID}: the list is asked at the connection, where no name in HELO",
                "client: check_sender_access: the list is asked at the connection, where no sender",
            ],
        ),
        (
            {"helo": ("check_helo_access hash:/x", "late", "permit_mynetworks")},
            ["helo: reject_rhsbl_recipient: the list is asked at EHLO, where no recipient"],
        ),
        ({"client": ("permit_mynetworks", "reject"), "relay": ("late",), "data": ("reject",)}, []),
        ({"sender": ("check_sender_access hash:/x",), "helo": ("check_helo_access hash:/x",)}, []),
    ],
)
def test_what_can_never_apply_where_lists_do_not_wait(lists, said):
    classes = {"late": ("reject_rhsbl_recipient dbl.example",)}
    around = Surroundings(settings=SharedPolicySettings(classes=classes))
    found = [str(m) for m in mistakes(PolicySettings(**lists, delay_reject=False), around)]
    assert found == [f"{words} is known, {LATE}" for words in said]
    assert mistakes(PolicySettings(**lists), around) == []
    assert bool(found) == _is_refused(PolicySettings(**lists, delay_reject=False), around)


def _is_refused(settings, around):
    try:
        build("mx", settings, around)
    except RestrictionMistake:
        return True
    return False


def test_a_table_of_an_early_list_cannot_name_what_never_applies():
    rules, _ = read_list(Stage.SENDER, ("check_sender_access hash:/x",), early=True)
    (rule,) = rules
    answer = answer_with(rule.check, Value("reject_unlisted_recipient"))
    assert answer.refusal.words == "Server configuration error"
    assert LATE in answer.why


@pytest.mark.parametrize("preset", PRESET_LISTS)
def test_the_presets_do_not_need_to_wait(preset):
    build(preset, PolicySettings(delay_reject=False))


def test_the_nearest_name_is_one_that_fits_the_stage():
    (mistake,) = mistakes(PolicySettings(data=("reject_unlisted_recipiend",)))
    assert mistake.nearest != "reject_unlisted_recipient"


def test_every_mistake_is_found():
    settings = PolicySettings(client=("quack", "rejekt"), data=("permit_auth_destination",))
    found = [(mistake.stage, mistake.name) for mistake in mistakes(settings)]
    assert found == [
        (Stage.CLIENT, "quack"),
        (Stage.CLIENT, "rejekt"),
        (Stage.DATA, "permit_auth_destination"),
    ]


@pytest.mark.parametrize("settings", [PolicySettings(), *PRESET_LISTS.values()])
def test_no_mistakes(settings):
    assert mistakes(settings) == []


def test_nothing_is_ignored_after_a_final_rule_that_only_warns():
    policy = build("mx", PolicySettings(recipient=("warn_if_reject reject, reject",)))
    assert names(policy, Stage.RECIPIENT) == ["warn_if_reject reject", "reject"]


def test_a_restriction_goes_by_all_of_its_surroundings() -> None:
    around = Surroundings(
        hostname="mx.example.org",
        is_own=lambda address: address == "192.0.2.1",
        recipient_delimiter="+",
        settings=SharedPolicySettings(classes={"a": ("permit",)}),
        transports=frozenset({"slow"}),
        spf=SpfSettings(timeout=60),
    )
    context = around.at(Stage.DATA, lambda _text: ())
    for each in fields(Surroundings):
        value = getattr(context, each.name)
        assert value is getattr(around, each.name)
        assert value != getattr(Surroundings(), each.name), f"{each.name} is not tried"
    assert context.stage is Stage.DATA
    assert context.read("permit") == ()
