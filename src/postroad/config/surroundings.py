"""What the restriction lists of a configuration are built with."""

from __future__ import annotations

from postroad.config.configuration import Configuration
from postroad.net.ourselves import is_own_address
from postroad.policy import Surroundings

__all__ = ["surroundings_of"]


def surroundings_of(configuration: Configuration) -> Surroundings:
    """The server that its policies are for."""
    return Surroundings(
        hostname=configuration.hostname,
        is_own=is_own_address,
        recipient_delimiter=configuration.directory.recipient_delimiter,
        settings=configuration.policy,
        transports=frozenset(configuration.transports),
        spf=configuration.spf,
    )
