"""The relay proof: what it says of known lists, of networks, and of who relays for nobody."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from postroad.policy import (
    PRESETS,
    RELAYING,
    Networks,
    PolicySettings,
    build,
    prove,
    reach_of,
)
from proof_lists import HOME, WARNED, WARNED_TOO, relay


@pytest.mark.parametrize("preset", PRESETS)
def test_presets_are_safe(preset):
    assert prove(PRESETS[preset], HOME) == []


@pytest.mark.parametrize(
    "names",
    [
        (),
        ("reject",),
        ("defer",),
        ("permit_mynetworks",),
        ("permit_sasl_authenticated",),
        ("permit_auth_destination",),
        ("defer_unauth_destination, permit",),
        ("reject_unauth_destination, permit",),
        ("reject_non_fqdn_sender, reject_unlisted_sender, reject_known_sender_login_mismatch",),
        ("defer_if_permit, permit",),
        ("defer_if_reject, reject_unauth_destination, permit",),
    ],
)
def test_safe_lists(names):
    assert relay(*names) == []


@pytest.mark.parametrize(
    ("names", "path"),
    [
        (("permit",), ["permit: permits it, because it applies to everything"]),
        (
            ("permit_mynetworks, permit_sasl_authenticated, permit",),
            [
                "permit_mynetworks: lets it pass, because the client is not in trusted_networks",
                "permit_sasl_authenticated: lets it pass, because the client has not logged in",
                "permit: permits it, because it applies to everything",
            ],
        ),
        (
            ("warn_if_reject reject_unauth_destination, permit",),
            [
                WARNED + "the recipient's domain is not ours",
                "permit: permits it, because it applies to everything",
            ],
        ),
        (
            ("reject_unlisted_sender, reject_plaintext_session, permit",),
            [
                "reject_unlisted_sender: may let it pass, for the sender is his choice",
                "reject_plaintext_session: lets it pass, because the session is encrypted",
                "permit: permits it, because it applies to everything",
            ],
        ),
        (
            ("warn_if_reject defer, warn_if_reject defer_if_permit, warn_if_reject permit",),
            [
                "warn_if_reject defer: only warns, although it applies to everything",
                WARNED_TOO + "the rest is to be deferred if permitted",
                "warn_if_reject permit: permits it, because it applies to everything",
            ],
        ),
    ],
)
def test_holes_name_their_path(names, path):
    (hole,) = relay(*names)
    assert [str(passage) for passage in hole.path] == path
    assert str(hole) == (
        f"anybody, without a login, can send to any domain: {'; then '.join(path)}"
    )


# Trusted networks -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("networks", "named"),
    [
        (("0.0.0.0/0",), "0.0.0.0/0"),
        (("::/0",), "::/0"),
        (("0.0.0.0/1", "128.0.0.0/1"), "0.0.0.0/0"),
        (("::ffff:0:0/96",), "0.0.0.0/0"),
        (("8.0.0.0/7",), "8.0.0.0/7"),
        (("8.0.0.0/8", "20.0.0.0/24"), "8.0.0.0/8, 20.0.0.0/24"),
        (("2000::/3",), "2000::/3"),
        (("2a00::/12", "10.0.0.0/8"), "2a00::/12"),
        (("2a00::/20", "2b00::/20"), "2a00::/20, 2b00::/20"),
    ],
)
def test_networks_that_hold_the_internet(networks, named):
    (hole,) = relay("permit_mynetworks", networks=Networks(map(ip_network, networks)))
    assert str(hole) == (
        "anybody in trusted_networks, which hold too much of the Internet "
        f"({named}), can send to any domain: "
        "permit_mynetworks: permits it, because the client is in trusted_networks"
    )


@pytest.mark.parametrize(
    "networks",
    [
        (),
        ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "127.0.0.0/8"),
        ("8.0.0.0/8",),
        ("2a00::/20",),
        ("fc00::/7", "fe80::/10", "::1/128"),
        ("224.0.0.0/3",),
    ],
)
def test_networks_of_one_organisation(networks):
    assert relay("permit_mynetworks", networks=Networks(map(ip_network, networks))) == []


def test_wide_networks_matter_only_where_they_relay():
    internet = Networks([ip_network("0.0.0.0/0")])
    assert prove(PRESETS["submission"], internet) == []
    assert relay("permit_sasl_authenticated", networks=internet) == []
    assert len(prove(PRESETS["mx"], internet)) == 1


def test_an_open_list_is_told_once():
    (hole,) = relay("permit", networks=Networks([ip_network("0.0.0.0/0")]))
    assert hole.who == "anybody, without a login,"


# Listeners that relay for nobody ----------------------------------------------------------------


@pytest.mark.parametrize(
    "names",
    [
        ("permit_mynetworks, reject",),
        ("permit_sasl_authenticated",),
        ("permit_mynetworks, permit_sasl_authenticated, reject_unauth_destination",),
        ("permit",),
        ("warn_if_reject reject_unauth_destination, permit_mynetworks",),
    ],
)
def test_lists_that_relay_for_somebody(names):
    assert prove(build("lmtp", PolicySettings(relay=names)), HOME, relays=False) != []


@pytest.mark.parametrize(
    "names",
    [
        (),
        ("reject",),
        ("reject_unauth_destination",),
        ("permit_auth_destination, reject",),
        ("reject_unauth_destination, permit_mynetworks, permit_sasl_authenticated",),
    ],
)
def test_lists_that_relay_for_nobody(names):
    assert prove(build("lmtp", PolicySettings(relay=names)), HOME, relays=False) == []


def test_lmtp_relays_for_nobody():
    assert set(PRESETS) - RELAYING == {"lmtp"}
    assert prove(PRESETS["lmtp"], Networks(()), relays=False) == []


def test_the_way_of_somebody_who_is_known():
    (hole,) = prove(build("lmtp", PolicySettings(relay=("permit_mynetworks",))), HOME, relays=False)
    assert str(hole) == (
        "a client, trusted or logged in, can send to any domain: permit_mynetworks: may permit it"
    )


@pytest.mark.parametrize(
    ("networks", "words"),
    [
        ((), ""),
        (("127.0.0.0/8", "10.0.0.0/8", "192.0.2.0/24", "2001:db8::/32"), ""),
        (("0.0.0.0/0",), "0.0.0.0/0"),
        (("::/0",), "::/0"),
        (("::/3",), "::/3"),
        (("4000::/2",), "4000::/2"),
        (("fec0::/10",), "fec0::/10"),
        (("fc00::/7", "fe80::/10", "::1/128", "64:ff9b::a00:0/104"), ""),
        (("64:ff9b::/96",), "64:ff9b::/96 meaning 0.0.0.0/0"),
        (("64:ff9b::/95",), "64:ff9b::/95 meaning 0.0.0.0/0"),
        (("64:ff9b::808:0/112", "64:ff9b:1::808:0/112"), ""),
        (("64:ff9b:1::/48",), "64:ff9b:1::/48 meaning 0.0.0.0/0"),
        (("64:ff9b:1:2::/64",), "64:ff9b:1:2::/64 meaning 0.0.0.0/0"),
        (("::ffff:0:0:0/96",), "::ffff:0:0:0/96 meaning 0.0.0.0/0"),
        (("::ffff:0:0/96",), "0.0.0.0/0"),
        (("2001::/32",), "2001::/32 meaning 0.0.0.0/0"),
        (("2001:0:4136:e378::/64",), "2001:0:4136:e378::/64 meaning 0.0.0.0/0"),
        # The last 32 bits of Teredo, turned round: 192.0.2.45 of RFC 4380's example, and 10/8.
        (("2001:0:4136:e378:8000:63bf:3fff:fdd2/128",), ""),
        (("2001:0:4136:e378:8000:63bf:f500::/104",), ""),
        (("2002::/16",), "2002::/16 meaning 0.0.0.0/0"),
        (("2002:8000::/18",), "2002:8000::/18 meaning 128.0.0.0/2"),
        (("2002:a00::/24", "2002:c000:204::/48"), ""),
        (
            ("8.0.0.0/8", "2002:900::/24"),
            "8.0.0.0/8, 2002:900::/24 meaning 9.0.0.0/8",
        ),
        (("8.0.0.0/8", "2002:800::/24"), ""),  # the same IPv4 hosts, twice
        (("2400::/20", "2410::/20"), "2400::/20, 2410::/20"),
    ],
)
def test_networks_that_reach_too_far(networks, words):
    assert reach_of(Networks(map(ip_network, networks))) == words
