"""Relay lists for the proof, with the tables and classes that they name."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_network

from policy_world import SURROUNDINGS
from postroad.policy import (
    Networks,
    PolicySettings,
    SharedPolicySettings,
    build,
    prove,
)

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
