"""IP addresses in text, as clients, servers and settings write them.

An IPv4 address that is written within an IPv6 one is the IPv4 address (RFC 4291 §2.5.5.2): so
clients are known here, and whoever compares addresses or networks has to see them alike.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import TypeAlias

__all__ = ["IpAddress", "ip_of", "is_ip_address", "unmapped"]

IpAddress: TypeAlias = IPv4Address | IPv6Address


def ip_of(text: str) -> IpAddress | None:
    """The address that a text is, IPv4 within IPv6 as IPv4; `None`: it is none."""
    try:
        return unmapped(ip_address(text))
    except ValueError:
        return None


def unmapped(address: IpAddress) -> IpAddress:
    """The IPv4 address within an IPv6 one; any other as it is."""
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def is_ip_address(text: str) -> bool:
    """Whether a text is an IP address, without brackets around it, a zone of IPv6 included.

    A name in HELO is looked at more strictly: `policy.hostname`.
    """
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
