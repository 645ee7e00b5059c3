"""From which of our addresses a connection is made, and by which name we go there.

A next hop judges a client by its address, so which one is used is chosen for each next hop, and a
choice holds: greylists and reputations go by the address, and a retry that comes from another one
begins anew. Here is the interface, and the choice out of a pool; which pool is used is the
transport's (`[transports.NAME] source_addresses`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from postroad.model import Reply

__all__ = ["AnySource", "Source", "Sources"]


@dataclass(frozen=True, slots=True)
class Source:
    """One of our addresses.

    Attributes:
        address: the IP address to bind; empty: the system chooses.
        helo: our name for EHLO there; empty: the server's.
    """

    address: str
    helo: str


class Sources(Protocol):
    """Who chooses."""

    async def choose(self, nexthop: str, family: int, host: str = "") -> Source | Reply | None:
        """The source of a new connection.

        Args:
            nexthop: `Route.nexthop`.
            family: `socket.AF_INET` or `AF_INET6`: of the address that is going to be dialled.
            host: the name of the host to be dialled.

        Returns:
            The source; a reply where there is none for now, and the mail has to wait; `None`:
            whatever the system chooses, under the server's own name.
        """
        ...

    async def begin(self, source: Source, host: str) -> bool:
        """Count a message that is about to be sent from a source, on a connection old or new.

        Returns:
            Whether it may be sent; if not, the connection is of no more use today.
        """
        ...

    def ended(self, source: Source, host: str, reply: Reply) -> None:
        """Note the reply to a message that was counted; it may want less. Returns at once."""
        ...


class AnySource:
    """Implements `Sources` where nothing is set."""

    async def choose(self, nexthop: str, family: int, host: str = "") -> None:
        """None."""

    async def begin(self, source: Source, host: str) -> bool:  # noqa: ARG002 - there are no limits
        """Always."""
        return True

    def ended(self, source: Source, host: str, reply: Reply) -> None:
        """Nothing follows."""
