"""Trusted networks: Postfix's `mynetworks`, asked once for each session.

IPv4-mapped IPv6 networks, which Postfix's own defaults are written with, mean the IPv4 network; a
client's address is compared in the same form. Answers are remembered, because parsing an address
costs more than the comparison.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    collapse_addresses,
)

from postroad.model.ip_address import ip_of

__all__ = ["Networks"]

_MAPPED = IPv6Network("::ffff:0:0/96")  # RFC 4291 §2.5.5.2
_REMEMBERED = 4096  # addresses; some 400 KiB at most, far more than a busy hour's peers


class Networks:
    """A set of IP networks."""

    __slots__ = ("_known", "v4", "v6")

    def __init__(self, networks: Iterable[IPv4Network | IPv6Network] = ()) -> None:
        """Overlapping and neighbouring networks are joined into `v4` and `v6`."""
        plain = [_unmapped(network) for network in networks]
        self.v4 = tuple(collapse_addresses(n for n in plain if isinstance(n, IPv4Network)))
        self.v6 = tuple(collapse_addresses(n for n in plain if isinstance(n, IPv6Network)))
        self._known: dict[str, bool] = {}

    def contains(self, address: str) -> bool:
        """Whether the IP address is in one of the networks; text that is none is in no network."""
        known = self._known.get(address)
        if known is None:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            known = self._known[address] = self._look(address)
        return known

    def _look(self, address: str) -> bool:
        ip = ip_of(address)
        if isinstance(ip, IPv6Address):
            return any(ip in network for network in self.v6)
        return ip is not None and any(ip in network for network in self.v4)

    def __str__(self) -> str:
        return ", ".join(str(network) for network in (*self.v4, *self.v6)) or "no network"


def _unmapped(network: IPv4Network | IPv6Network) -> IPv4Network | IPv6Network:
    if isinstance(network, IPv4Network) or not network.subnet_of(_MAPPED):
        return network
    mapped = network.network_address.ipv4_mapped or IPv4Address(0)
    return IPv4Network((mapped, network.prefixlen - _MAPPED.prefixlen))
