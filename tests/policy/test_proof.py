"""The relay proof: what it says of known lists, and that it is never wrong on the unsafe side."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_network
from random import Random

import pytest

from policy_world import SURROUNDINGS
from postroad.model import Address
from postroad.policy import (
    PRESETS,
    RELAYING,
    Networks,
    Policy,
    PolicySettings,
    Restriction,
    Rule,
    SharedPolicySettings,
    Stage,
    build,
    prove,
    reach_of,
    reached,
)
from postroad.policy.answer import dunno, permit, refuse
from postroad.policy.restriction import plain
from proof_world import Case, Tally, relayed

HOME = Networks(map(ip_network, ("127.0.0.0/8", "::1/128", "10.0.0.0/8", "192.168.0.0/16")))
DOMAINS = {"example.com", "example.net"}
ANYBODY = "anybody, without a login, can send to any domain: "
TABLES = {
    "hash:/senders": {"OK"},
    "hash:/several": {"REJECT no", "ok", "RELAY", "250", "42", "DUNNO"},
    "hash:/refused": {"REJECT", "550 5.7.1 not you", "DEFER", "DUNNO", "nonsense", ""},
    "hash:/done": {"DISCARD", "HOLD", "FILTER smtp:[x.example]:25", "REDIRECT a@example.org"},
    "hash:/noted": {"BCC a@example.org", "PREPEND X-A: b", "INFO a", "WARN", "DEFER_IF_REJECT a"},
    "hash:/by_name": {"REJECT", "permit_mynetworks, permit"},
    "hash:/by_class": {"closed", "open"},
    "hash:/loop": {"loop, permit"},
    "hash:/loop_closed": {"loop_closed, reject_unauth_destination, permit"},
    "hash:/careful": {"closed", "reject_unauth_destination", "permit_auth_destination"},
    "hash:/late": {"DEFER_IF_PERMIT later"},
    "sql:/accounts": None,
}
CLASSES = {
    "open": ("reject_unknown_sender_domain", "permit"),
    "closed": ("reject_unauth_destination", "permit"),
    "outer": ("check_helo_access hash:/refused", "open"),
    "loop": ("check_sender_access hash:/loop",),
    "loop_closed": ("check_sender_access hash:/loop_closed",),
    "empty": (),
}


def values(table):
    found = TABLES[table]
    return None if found is None else frozenset(found)


def relay_with(*names, backup=(), networks=HOME, preset="mx", relays=True):
    shared = SharedPolicySettings(classes=CLASSES)
    policy = build(preset, PolicySettings(relay=names), replace(SURROUNDINGS, settings=shared))
    narrow = Networks(map(ip_network, backup))
    return prove(policy, networks, relays=relays, values=values, backup=narrow)


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


# Holes that operators make ----------------------------------------------------------------------

HOLES = {
    "a permit too early": (
        (
            "permit_mynetworks",
            "permit",
        ),
        [
            "permit_mynetworks: lets it pass, because the client is not in trusted_networks",
            "permit: permits it, because it applies to everything",
        ],
    ),
    "an access table that can answer OK": (
        ("check_sender_access hash:/senders", "reject_unauth_destination"),
        ["check_sender_access hash:/senders: can answer OK (entry values: OK), which permits"],
    ),
    "one with several such values": (
        ("check_client_access hash:/several", "reject_unauth_destination"),
        [
            (
                "check_client_access hash:/several: can answer OK (entry values: 250, 42, "
                "RELAY and 1 more), which permits"
            )
        ],
    ),
    "a class that permits": (
        ("outer", "reject_unauth_destination"),
        [
            "outer: its restrictions are asked",
            "check_helo_access hash:/refused: has nothing of him, and lets it pass",
            "open: its restrictions are asked",
            "reject_unknown_sender_domain: may let it pass, for the sender is his choice",
            "permit: permits it, because it applies to everything",
        ],
    ),
    "a table whose value names a restriction that permits": (
        ("check_recipient_access hash:/by_name", "reject_unauth_destination"),
        [
            (
                'check_recipient_access hash:/by_name: can answer "permit_mynetworks, permit", '
                "whose restrictions are asked"
            ),
            "permit_mynetworks: lets it pass, because the client is not in trusted_networks",
            "permit: permits it, because it applies to everything",
        ],
    ),
    "a table whose value names a class that permits": (
        ("check_reverse_client_hostname_access hash:/by_class", "reject_unauth_destination"),
        [
            (
                'check_reverse_client_hostname_access hash:/by_class: can answer "open", '
                "whose restrictions are asked"
            ),
            "open: its restrictions are asked",
            "reject_unknown_sender_domain: may let it pass, for the sender is his choice",
            "permit: permits it, because it applies to everything",
        ],
    ),
    "a table that leads back to itself and out again": (
        ("loop", "reject_unauth_destination"),
        [
            "loop: its restrictions are asked",
            (
                'check_sender_access hash:/loop: can answer "loop, permit", whose restrictions are '
                "asked"
            ),
            "loop: its restrictions are asked",
            "check_sender_access hash:/loop: has nothing of him, and lets it pass",
            "permit: permits it, because it applies to everything",
        ],
    ),
    "a policy service that is trusted too early": (
        ("permit_mynetworks", "check_policy_service unix:/spf", "reject_unauth_destination"),
        [
            "permit_mynetworks: lets it pass, because the client is not in trusted_networks",
            "check_policy_service unix:/spf: may answer OK, which permits",
        ],
    ),
    "a database before the reject": (
        ("check_sender_access sql:/accounts", "reject_unauth_destination"),
        [
            (
                "check_sender_access sql:/accounts: can answer OK (all that it holds cannot "
                "be known), which permits"
            )
        ],
    ),
    "a backup for everybody": (
        ("permit_mx_backup", "reject_unauth_destination"),
        [
            (
                "permit_mx_backup: finds us named as the backup of any domain that wants that "
                "(there are no mx_backup_networks), which permits"
            )
        ],
    ),
    "a refusal that only warns": (
        ("warn_if_reject reject_unauth_destination", "check_helo_access hash:/senders"),
        [
            WARNED + "the recipient's domain is not ours",
            "check_helo_access hash:/senders: can answer OK (entry values: OK), which permits",
        ],
    ),
    "a class that only warns": (
        ("warn_if_reject closed",),
        [
            "warn_if_reject closed: its restrictions are asked",
            "reject_unauth_destination: only warns, although the recipient's domain is not ours",
            "permit: permits it, because it applies to everything",
        ],
    ),
    "a table whose deferral only warns": (
        ("warn_if_reject check_sender_access hash:/late", "permit"),
        [
            "warn_if_reject check_sender_access hash:/late: has nothing of him, and lets it pass",
            "permit: permits it, because it applies to everything",
        ],
    ),
    "DNS lists that know nobody": (
        ("reject_rbl_client list.example", "reject_rhsbl_helo list.example", "permit"),
        [
            "reject_rbl_client list.example: may let it pass, for he may come from anywhere",
            "reject_rhsbl_helo list.example: may let it pass, for the name in HELO is his choice",
            "permit: permits it, because it applies to everything",
        ],
    ),
    "who is refused elsewhere": (
        ("check_sender_mx_access hash:/senders", "greylist", "permit"),
        [
            "check_sender_mx_access hash:/senders: may let it pass, for the sender is his choice",
            "greylist: may let it pass, for the recipient is his choice",
            "permit: permits it, because it applies to everything",
        ],
    ),
}


@pytest.mark.parametrize(("names", "path"), HOLES.values(), ids=HOLES)
def test_a_hole_is_told_rule_by_rule(names, path):
    (hole,) = relay_with(*names)
    assert [str(passage) for passage in hole.path] == path
    assert str(hole) == ANYBODY + "; then ".join(path)


def test_a_long_way_is_shown_by_its_ends():
    lists = ", ".join(f"reject_rbl_client list{number}.example" for number in range(20))
    table = f"inline:{{{', '.join(f'a{number}.example=REJECT' for number in range(20))}}}"
    policy = build("mx", PolicySettings(relay=(lists, f"check_helo_access {table}, permit")))
    (hole,) = prove(policy, HOME, values=lambda table: frozenset({"REJECT"}))
    assert len(hole.path) == 22
    shown = str(hole).removeprefix(ANYBODY).split("; then ")
    assert shown[:3] == [
        "reject_rbl_client list0.example: may let it pass, for he may come from anywhere",
        "reject_rbl_client list1.example: may let it pass, for he may come from anywhere",
        "17 more let it pass",
    ]
    assert shown[-2].startswith("check_helo_access inline:{a0.example=REJECT, ")
    assert shown[-2].endswith("…: has nothing of him, and lets it pass")
    assert shown[-1] == "permit: permits it, because it applies to everything"


def test_every_rule_that_permits_is_a_hole():
    holes = relay_with("check_helo_access hash:/senders", "check_policy_service unix:/a", "permit")
    assert [(hole.at, str(hole.path[-1]).split()[0]) for hole in holes] == [
        (0, "check_helo_access"),
        (1, "check_policy_service"),
        (2, "permit:"),
    ]


# Lists that are closed --------------------------------------------------------------------------

CLOSED = {
    "Postfix, by default": "permit_mynetworks, permit_sasl_authenticated, defer_unauth_destination",
    "Debian 11 and Ubuntu, port 587": "permit_sasl_authenticated,reject",
    "Debian 7": "permit_mynetworks permit_sasl_authenticated reject_unauth_destination",
    "a relay on port 443": "permit_sasl_authenticated,reject_unauth_destination",
    "a small server, from the world": "reject_unauth_destination",
    "a small server, from users": "permit_mynetworks, permit_sasl_authenticated, reject",
    "SPF behind the refusal": (
        "permit_mynetworks, permit_sasl_authenticated, reject_unauth_destination,"
        " check_policy_service unix:/run/policyd-spf"
    ),
    "lists of the DNS first": (
        "permit_mynetworks, reject_rbl_client zen.example, reject_rhsbl_sender dbl.example,"
        " permit_dnswl_client list.example, permit_rhswl_client list.example,"
        " reject_unauth_destination"
    ),
    "clients that are refused": "check_client_access hash:/refused, reject_unauth_destination",
    "what becomes of mail": (
        "check_sender_access hash:/done, check_recipient_access hash:/noted,"
        " check_helo_access hash:/refused"
    ),
    "a table behind the refusal": "reject_unauth_destination, check_sender_access hash:/senders",
    "a class that is closed": "closed, open",
    "a table that names what is closed": "check_sender_access hash:/careful",
    "a table that leads back to itself": "loop_closed",
    "certificates": (
        "permit_tls_clientcerts, permit_tls_all_clientcerts, check_ccert_access hash:/senders"
    ),
    "logins by table": "check_sasl_access hash:/senders, check_sasl_access sql:/accounts",
    "our own addresses": "permit_inet_interfaces, reject_unauth_destination",
    "a deferral that waits": "defer_if_permit, check_policy_service unix:/a, permit",
    "a deferral in a class": "empty, defer_if_permit, open",
    "servers of names": (
        "check_sender_mx_access hash:/senders, check_client_ns_access sql:/accounts,"
        " check_helo_a_access hash:/by_name"
    ),
    "everything that refuses": (
        "reject_unauth_pipelining, reject_unknown_client_hostname, reject_unverified_sender,"
        " reject_unlisted_recipient, greylist, sleep 1, reject_multi_recipient_bounce"
    ),
}


@pytest.mark.parametrize("names", CLOSED.values(), ids=CLOSED)
def test_closed_lists(names):
    assert relay_with(names) == []


def test_a_backup_of_some_networks_is_closed():
    assert relay_with("permit_mx_backup", backup=("10.0.0.0/8", "192.0.2.0/24")) == []


def test_a_backup_of_too_many_networks():
    (hole,) = relay_with("permit_mx_backup", backup=("0.0.0.0/0",))
    assert str(hole) == ANYBODY + (
        "permit_mx_backup: finds us named as the backup of any domain that wants that "
        "(mx_backup_networks hold too much of the Internet: 0.0.0.0/0), which permits"
    )


@pytest.mark.parametrize("stage", ["client", "helo", "sender", "recipient"])
@pytest.mark.parametrize("delay_reject", [True, False])
def test_a_permit_in_another_list_opens_nothing(stage, delay_reject):
    lists = PolicySettings(**{stage: ("permit",)}, delay_reject=delay_reject)
    assert prove(build("mx", lists), HOME) == []


@pytest.mark.parametrize("delay_reject", [True, False])
def test_a_refusal_in_another_list_closes_nothing(delay_reject):
    lists = PolicySettings(client=("reject",), relay=("permit",), delay_reject=delay_reject)
    assert len(prove(build("mx", lists), HOME)) == 1


def test_what_the_proof_rests_on():
    names = "permit_mynetworks, permit_tls_clientcerts, reject_unauth_destination"
    policy = build("mx", PolicySettings(relay=(names, "check_ccert_access hash:/x")))
    assert reached(policy) == {
        "permit_mynetworks",
        "permit_tls_clientcerts",
        "reject_unauth_destination",
    }


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
