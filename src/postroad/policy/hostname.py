"""Host names and address literals as HELO and the FQDN restrictions judge them.

The grammar is that of `model.address`, with what Postfix adds: a name of digits and dots only is no
host name, and one dot at the end (the root's) is let pass.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

from postroad.model.address import is_domain

__all__ = ["is_address_literal", "is_fqdn", "is_hostname", "is_ip_address"]


def is_hostname(text: str) -> bool:
    """Whether the text is a host name (RFC 5321 §4.1.2, RFC 1123 §2.1)."""
    name = _without_root(text)
    return is_domain(name) and not all(c.isdigit() or c == "." for c in name)


def is_fqdn(text: str) -> bool:
    """Whether the text is a host name of at least two labels."""
    return "." in _without_root(text) and is_hostname(text)


def is_ip_address(text: str) -> bool:
    """Whether the text is an IP address without brackets."""
    return _is_ipv4(text) or _is_ipv6(text)


def is_address_literal(text: str) -> bool:
    """Whether the text is `[192.0.2.1]` or `[IPv6:2001:db8::1]` (RFC 5321 §4.1.3)."""
    if not (text.startswith("[") and text.endswith("]")):
        return False
    inner = text[1:-1]
    return _is_ipv6(inner[5:]) if inner[:5].lower() == "ipv6:" else _is_ipv4(inner)


def _without_root(text: str) -> str:
    return text[:-1] if len(text) > 1 and text[-1] == "." and text[-2] != "." else text


def _is_ipv4(text: str) -> bool:
    try:
        IPv4Address(text)
    except ValueError:
        return False
    return True


def _is_ipv6(text: str) -> bool:
    try:
        address = IPv6Address(text)
    except ValueError:
        return False
    return address.scope_id is None
