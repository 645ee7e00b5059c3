"""The relay proof where things run: at start, at a reload, and before a table is taken.

`config.load` has proved the file, with lines. What runs is not always what one file says: a reload
puts two together, tables change behind a configuration that stays, and a worker that is started
again tomorrow opens them as they are then. So each of those is proved for itself, by the same
proof.
"""

from __future__ import annotations

from collections.abc import Iterator

from postroad.config import Configuration
from postroad.config.offers import impersonation
from postroad.config.relaying import holes_of, trusted_at
from postroad.config.surroundings import surroundings_of
from postroad.config.tables import FileValues, Values
from postroad.policy import RELAYING, Networks, build, reach_of
from postroad.server.settings import ResolvedListener

__all__ = ["RelayHoleError", "objection", "require_closed"]


class RelayHoleError(Exception):
    """The configuration relays for strangers; the message has a line for each way."""


def require_closed(configuration: Configuration, values: Values | None = None) -> None:
    """Refuse an open relay.

    Args:
        configuration: its restriction names are known to be right.
        values: what tables can answer; by their files as they are now when left out.

    Raises:
        RelayHoleError: there is a way; the server must not start.
    """
    found = list(_ways(configuration, values or FileValues()))
    found += [
        f"listener {listener.name}: {impersonation(key, wide)}"
        for listener in configuration.resolved_listeners
        for key, wide in _too_believed(listener)
    ]
    if found:
        raise RelayHoleError("\n".join(["this configuration is an open relay:", *found]))


def objection(configuration: Configuration, values: Values) -> str:
    """Why tables must not answer so: the first way that strangers have; empty if there is none.

    Args:
        configuration: what is served.
        values: what tables could answer.
    """
    found = next(_ways(configuration, values), "")
    return f"this would be an open relay: {found}" if found else ""


def _ways(configuration: Configuration, values: Values) -> Iterator[str]:
    surroundings = surroundings_of(configuration)
    for listener in configuration.resolved_listeners:
        lists = build(listener.preset, listener.policy, surroundings)
        relays = listener.preset in RELAYING
        trusted = trusted_at(configuration, listener.settings)
        for hole in holes_of(configuration, lists, relays=relays, trusted=trusted, values=values):
            yield f"listener {listener.name}: {hole}"


def _too_believed(listener: ResolvedListener) -> Iterator[tuple[str, str]]:
    """The keys that let too much of the Internet say who it is, each with those networks."""
    settings = listener.settings
    for key, networks in (("xclient", settings.xclient), ("proxy", settings.proxy)):
        wide = reach_of(Networks(networks))
        if wide:
            yield key, wide
