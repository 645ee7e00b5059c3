"""The relay proof: what it says of known lists, and that it is never wrong on the unsafe side."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from ipaddress import ip_network
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policy_golden import TLS
from postroad.model import Address, Client, Login
from postroad.policy import (
    PRESETS,
    RELAYING,
    RESTRICTIONS,
    Action,
    Facts,
    LookupUnavailable,
    Networks,
    Policy,
    PolicySettings,
    Restriction,
    Rule,
    Stage,
    build,
    prove,
    reach_of,
)
from postroad.policy.answer import dunno, permit, refuse

HOME = Networks(map(ip_network, ("127.0.0.0/8", "::1/128", "10.0.0.0/8", "192.168.0.0/16")))
DOMAINS = {"example.com", "example.net"}
WARNED = "warn_if_reject reject_unauth_destination: only warns, although "
WARNED_TOO = "warn_if_reject defer_if_permit: only warns, although "


def relay(*names, networks=HOME):
    return prove(build("mx", PolicySettings(relay=names)), networks)


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
                "reject_unlisted_sender: may let it pass",
                "reject_plaintext_session: may let it pass",
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


# Restrictions of later days ---------------------------------------------------------------------
# Each permits a stranger by something only he knows. The proof has never seen them.


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
    return permit("") if await oracle.has_owner(Address("lisa", "example.com")) else dunno("")


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
    rule = Rule(Stage.RELAY, "permit_new", Restriction(check, permits=True))
    holes = prove(Policy({Stage.RELAY: (rule,)}), HOME)
    assert [str(hole.path[-1]) for hole in holes] == ["permit_new: may permit it"]


async def _asks_about_other_domain(facts, oracle):
    return permit("") if await oracle.is_local("example.com") else dunno("")


def test_only_the_recipients_domain_is_known_to_be_foreign():
    rule = Rule(Stage.RELAY, "permit_new", Restriction(_asks_about_other_domain, permits=True))
    assert len(prove(Policy({Stage.RELAY: (rule,)}), HOME)) == 1


# Brute force ------------------------------------------------------------------------------------


class Directory:
    """One of all the directories in which the recipient's domain is not ours."""

    def __init__(self, answers):
        self._local, self._listed, self._owned = answers

    async def is_local(self, domain):
        return self._answer(domain != "foreign.example" and self._local)

    async def is_listed(self, address):
        return self._answer(self._listed)

    async def owns(self, user, address):
        return self._answer(self._owned)

    async def has_owner(self, address):
        return self._answer(self._owned)

    def _answer(self, answer):
        if answer is None:
            raise LookupUnavailable
        return answer


TRUTH = (True, False, None)
FACTS = [
    Facts(
        Client("192.0.2.1", 40_000, "mx.example.net"),
        helo=helo,
        tls=tls,
        mail=True,
        sender=sender,
        recipient=Address("lisa", domain),
    )
    for helo, tls, sender, domain in product(
        ("", "localhost", "mx.example.net", "[bad]"),
        (None, TLS),
        (None, Address("john", "example.org"), Address("root", "localhost")),
        ("foreign.example",),
    )
]
DIRECTORIES = [Directory(answers) for answers in product((True, False), TRUTH, TRUTH)]

rules = st.lists(
    st.builds(
        lambda name, warn: Rule(Stage.RELAY, name, RESTRICTIONS[name], warn),
        st.sampled_from(sorted(RESTRICTIONS)),
        st.booleans(),
    ),
    max_size=6,
)


def relays(policy, sessions=FACTS):
    """Whether any of these sessions (of strangers) gets a foreign recipient accepted."""

    async def any_permitted():
        for facts, directory in product(sessions, DIRECTORIES):
            if (await policy.recipient(facts, directory)).action is Action.PERMIT:
                return True
        return False

    return asyncio.run(any_permitted())


@settings(deadline=None)
@given(rules)
def test_the_proof_agrees_with_brute_force(listed):
    """Never safe where a session relays; and, of today's restrictions, never a false alarm."""
    policy = Policy({Stage.RELAY: tuple(listed)})
    assert bool(prove(policy, HOME)) == relays(policy)


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


SOMEBODY = [
    replace(facts, trusted=trusted, login=login)
    for facts in FACTS
    for trusted, login in product((True, False), (None, Login("john@example.org", "PLAIN")))
]


@settings(deadline=None, max_examples=50)
@given(rules)
def test_for_nobody_is_never_wrong_on_the_unsafe_side(listed):
    policy = Policy({Stage.RELAY: tuple(listed)})
    if not prove(policy, HOME, relays=False):
        assert not relays(policy, SOMEBODY)


@pytest.mark.parametrize(
    ("networks", "words"),
    [
        ((), ""),
        (("127.0.0.0/8", "10.0.0.0/8", "192.0.2.0/24", "2001:db8::/32"), ""),
        (("0.0.0.0/0",), "0.0.0.0/0"),
        (("::/0",), "::/0"),
    ],
)
def test_networks_that_reach_too_far(networks, words):
    assert reach_of(Networks(map(ip_network, networks))) == words
