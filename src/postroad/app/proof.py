"""The relay proof at start: no listener lets a stranger reach a foreign domain."""

from __future__ import annotations

from postroad.config import Configuration
from postroad.policy import Networks, build, prove

__all__ = ["RelayHoleError", "relay_holes", "require_closed"]


class RelayHoleError(Exception):
    """The configuration relays for strangers; the message has a line for each way."""


def relay_holes(configuration: Configuration) -> list[str]:
    """Each way by which a stranger could relay, in words.

    Args:
        configuration: a loaded one, so that its restriction names are known to be right.
    """
    networks = Networks(configuration.relay.trusted_networks)
    return [
        f"listener {listener.name}: {hole}"
        for listener in configuration.resolved_listeners
        for hole in prove(build(listener.preset, listener.policy), networks)
    ]


def require_closed(configuration: Configuration) -> None:
    """Refuse an open relay.

    Raises:
        RelayHoleError: there is a way; the server must not start.
    """
    found = relay_holes(configuration)
    if found:
        raise RelayHoleError("\n".join(["this configuration is an open relay:", *found]))
