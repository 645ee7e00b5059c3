"""The relay proof of a configuration: whether any listener lets strangers reach another domain.

Policy proves a list when it is told what tables can answer; `tables` knows that. Here they meet
with the listeners. A list is proved twice while a file is read: first by what it says itself, so
that nothing needs to be opened to refuse what is open in any case, then with its tables.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from postroad import policy
from postroad.config.configuration import Configuration
from postroad.config.lines import KeyPath
from postroad.config.mistake import Fault
from postroad.config.surroundings import surroundings_of
from postroad.config.tables import FileValues, Values, rules_with_place
from postroad.policy import Hole, Networks, Policy, Stage
from postroad.server.settings import ListenerSettings, preset_named

__all__ = ["holes_of", "proved", "relay_faults", "silent_tables", "trusted_at"]


def silent_tables(_name: str) -> frozenset[str]:
    """The `Values` of who asks what is open whatever tables answer."""
    return frozenset()


def trusted_at(configuration: Configuration, listener: ListenerSettings) -> Networks:
    """The networks that are trusted at a listener."""
    own = listener.trusted_networks
    return Networks(configuration.relay.trusted_networks if own is None else own)


def holes_of(
    configuration: Configuration, lists: Policy, *, relays: bool, trusted: Networks, values: Values
) -> list[Hole]:
    """The ways through the lists of one listener.

    Args:
        configuration: whose they are.
        lists: them.
        relays: whether the listener may relay for anybody.
        trusted: who is trusted.
        values: what tables can answer.
    """
    backup = Networks(configuration.policy.mx_backup_networks)
    return policy.prove(lists, trusted, relays=relays, values=values, backup=backup)


@dataclass(frozen=True, slots=True)
class _Door:
    """A listener's lists, and where the relay list was written."""

    name: str
    lists: Policy
    relays: bool
    written: tuple[str, ...]


def relay_faults(configuration: Configuration, values: Values) -> Iterator[Fault]:
    """A fault for each way, at the place in the list that lets strangers through.

    Args:
        configuration: may have faults elsewhere; lists with mistakes in them are left out.
        values: what tables can answer.
    """
    nobody = Networks(())
    said: set[tuple[KeyPath, str]] = set()
    for name, listener in configuration.listeners.items():
        door = _door(configuration, name, listener)
        if door is None:
            continue

        def holes(networks: Networks, door: _Door = door) -> list[Hole]:
            return holes_of(
                configuration, door.lists, relays=door.relays, trusted=networks, values=values
            )

        found = holes(nobody)
        for hole in found:
            yield Fault(_place(configuration, door, hole), f"an open relay: {hole}")
        # What else there is when clients are trusted is the fault of whom they are.
        own = listener.trusted_networks is not None
        path: KeyPath = ("listeners", name) if own else ("relay",)
        for hole in holes(trusted_at(configuration, listener)):
            if hole not in found and (path, hole.who) not in said:
                said.add((path, hole.who))
                yield Fault((*path, "trusted_networks"), f"an open relay: {hole}")


def _door(configuration: Configuration, name: str, listener: ListenerSettings) -> _Door | None:
    preset = listener.preset or preset_named(name)
    surroundings = surroundings_of(configuration)
    if preset is None or policy.mistakes(listener.policy, surroundings):
        return None  # which is said already
    lists = policy.build(preset, listener.policy, surroundings)
    return _Door(name, lists, preset in policy.RELAYING, listener.policy.relay or ())


def _place(configuration: Configuration, door: _Door, hole: Hole) -> KeyPath:
    """The text of the list that has the rule which lets strangers through."""
    path: KeyPath = ("listeners", door.name, "policy", "relay")
    places = rules_with_place(Stage.RELAY, door.written, surroundings_of(configuration))
    at = next((at for number, (at, _) in enumerate(places) if number == hole.at), None)
    return path if at is None else (*path, at)


_RELIED_ON = {
    "permit_tls_all_clientcerts": "a certificate that an authority of [tls] client_ca_file vouches"
    " for (which must be your own: a public one vouches for anybody)",
    "permit_tls_clientcerts": "a certificate in relay_clientcerts",
    "check_ccert_access": "a certificate that a table of check_ccert_access permits",
    "permit_inet_interfaces": "one of this machine's own addresses",
    "permit_mx_backup": "a domain with its best mail exchangers in mx_backup_networks",
}
"""Restrictions that let others relay than who has logged in or is trusted, and whom."""


def proved(configuration: Configuration) -> str:
    """What the proof says of a configuration without a hole.

    Args:
        configuration: one that `relay_faults` finds no fault with.
    """
    values = FileValues()
    names: set[str] = set()
    for name, listener in configuration.listeners.items():
        door = _door(configuration, name, listener)
        if door is not None:
            names |= policy.reached(door.lists, values=values)
    known = ["a login", "a trusted address", *(_RELIED_ON[n] for n in _RELIED_ON if n in names)]
    return f"proved: without {', '.join(known[:-1])} or {known[-1]} nobody reaches another domain"
