"""The network that an address belongs to, in the sense of all limits: a /24 or a /64.

Whoever has one address of such a network often has the others. Addresses come as the text of
`Client.address`, in which an IPv4 address is never mapped into IPv6.
"""

from __future__ import annotations

from socket import AF_INET6, inet_ntop, inet_pton

__all__ = ["network_of"]

_V6_PREFIX = 8  # octets: 64 bits


def network_of(address: str) -> str:
    """The network of an IP address, as text; text that is no address is its own network."""
    if ":" not in address:
        head, dot, _ = address.rpartition(".")
        return f"{head}.0/24" if dot else address
    try:
        octets = inet_pton(AF_INET6, address)
    except OSError:
        return address
    return f"{inet_ntop(AF_INET6, octets[:_V6_PREFIX] + bytes(16 - _V6_PREFIX))}/64"
