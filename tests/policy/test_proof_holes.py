"""Holes that operators make, and lists that only look like one."""

from __future__ import annotations

import pytest

from postroad.policy import (
    PolicySettings,
    build,
    prove,
    reached,
)
from proof_lists import ANYBODY, HOME, WARNED, relay_with

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
