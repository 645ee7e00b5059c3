"""The network that an address belongs to, in the sense of all limits: a /24 or a /64.

Whoever has one address of such a network often has the others. Its region, a /16 or a /32, is
about what one provider gives out in one part of a country: a telephone whose address changes every
minute stays in few of them. Addresses come as the text of `Client.address`, in which an IPv4
address is never mapped into IPv6.
"""

from __future__ import annotations

from socket import AF_INET6, inet_ntop, inet_pton

__all__ = ["network_of", "region_of"]

_V6_PREFIX = 8  # octets: 64 bits
_V6_REGION = 4  # octets: 32 bits, which is what a provider gets at least


def network_of(address: str) -> str:
    """The network of an IP address, as text; text that is no address is its own network."""
    if ":" not in address:
        head, dot, _ = address.rpartition(".")
        return f"{head}.0/24" if dot else address
    return _prefix(address, _V6_PREFIX)


def region_of(address: str) -> str:
    """The region of an IP address, as text; text that is no address is its own region."""
    if ":" not in address:
        parts = address.split(".", 2)
        return f"{parts[0]}.{parts[1]}.0.0/16" if len(parts) == 3 else address
    return _prefix(address, _V6_REGION)


def _prefix(address: str, length: int) -> str:
    try:
        octets = inet_pton(AF_INET6, address)
    except OSError:
        return address
    return f"{inet_ntop(AF_INET6, octets[:length] + bytes(16 - length))}/{8 * length}"
