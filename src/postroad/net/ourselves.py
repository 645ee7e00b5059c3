"""Which addresses lead back to this server: those its listeners are bound to.

Whoever is about to connect asks first, because a server that sends mail to itself sends it round
and round (RFC 5321 §5.1). It knows where we listen, not what is spoken there. Nothing is asked of
the network, and nothing is remembered, for a machine's addresses come and go.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable
from ipaddress import ip_address

from postroad.model.ip_address import IpAddress, unmapped

__all__ = ["Ourselves", "is_own_address"]

_NOBODYS = {4: "240.0.0.1", 6: "100::1"}
"""Addresses no machine has: RFC 1112 §4 (reserved), RFC 6666 (discarded)."""


def is_own_address(text: str) -> bool:
    """Whether an IP address is one of this machine's; text that is none is not."""
    try:
        address = unmapped(ip_address(text))
    except ValueError:
        return False
    return address.is_loopback or _is_local(address)


class Ourselves:
    """Where this server listens. Without any bind, nobody is ourselves."""

    def __init__(self, binds: Iterable[tuple[str, int]]) -> None:
        """Take the addresses of all listeners.

        Args:
            binds: IP address and TCP port of each; `""`, `0.0.0.0` and `::` mean every address of
                this machine.

        Raises:
            ValueError: a host is no IP address.
        """
        self._binds = [(ip_address(host) if host else None, port) for host, port in binds]

    def is_ourselves(self, address: str, port: int) -> bool:
        """Whether a connection to this IP address and TCP port would reach one of our listeners."""
        hosts = [host for host, bound in self._binds if bound == port]
        if not hosts:
            return False
        wanted = unmapped(ip_address(address))
        if wanted in hosts:
            return True
        if wanted.is_unspecified:  # a connection to 0.0.0.0 goes to the loopback address
            return any(host is None or host.is_unspecified or host.is_loopback for host in hosts)
        anywhere = any(host is None or host.is_unspecified for host in hosts)
        return anywhere and (wanted.is_loopback or _is_local(wanted))


def _is_local(address: IpAddress) -> bool:
    """Whether the address is one of this machine's: whether a socket can be bound to it.

    Where the kernel lets sockets be bound to any address (ip_nonlocal_bind), that says nothing,
    and to be silent is better than to return mail that was never in a loop.
    """
    return _can_bind(str(address), address.version) and not _can_bind(
        _NOBODYS[address.version], address.version
    )


def _can_bind(address: str, version: int) -> bool:
    family = socket.AF_INET if version == 4 else socket.AF_INET6
    try:
        with socket.socket(family, socket.SOCK_STREAM) as trial:
            trial.bind((address, 0))
    except OSError:
        return False
    return True
