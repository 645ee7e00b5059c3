"""Reading lists: what is a name, what is a mistake, and what it says."""

from __future__ import annotations

import pytest

from postroad.policy import (
    PRESET_LISTS,
    PRESETS,
    PolicySettings,
    RestrictionMistake,
    Stage,
    build,
    mistakes,
)


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
