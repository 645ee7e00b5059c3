"""The relay proof at start: no listener lets a stranger reach a foreign domain."""

from __future__ import annotations

from collections.abc import Iterator

from postroad.config import Configuration
from postroad.config.offers import impersonation
from postroad.policy import RELAYING, Networks, build, prove, reach_of
from postroad.server.settings import ResolvedListener

__all__ = ["RelayHoleError", "require_closed"]


class RelayHoleError(Exception):
    """The configuration relays for strangers; the message has a line for each way."""


def require_closed(configuration: Configuration) -> None:
    """Refuse an open relay.

    `config.load` has said it of a file, with lines; this holds for what is not read from one, and
    for what a reload puts together from two.

    Args:
        configuration: its restriction names are known to be right.

    Raises:
        RelayHoleError: there is a way; the server must not start.
    """
    networks = Networks(configuration.relay.trusted_networks)
    found = [
        f"listener {listener.name}: {hole}"
        for listener in configuration.resolved_listeners
        for hole in prove(
            build(listener.preset, listener.policy),
            networks,
            relays=listener.preset in RELAYING,
        )
    ]
    found += [
        f"listener {listener.name}: {impersonation(key, wide)}"
        for listener in configuration.resolved_listeners
        for key, wide in _too_believed(listener)
    ]
    if found:
        raise RelayHoleError("\n".join(["this configuration is an open relay:", *found]))


def _too_believed(listener: ResolvedListener) -> Iterator[tuple[str, str]]:
    """The keys that let too much of the Internet say who it is, each with those networks."""
    settings = listener.settings
    for key, networks in (("xclient", settings.xclient), ("proxy", settings.proxy)):
        wide = reach_of(Networks(networks))
        if wide:
            yield key, wide
