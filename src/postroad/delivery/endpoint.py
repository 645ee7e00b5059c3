"""One address of one host, and all that decides how a connection to it is made.

Values only: whoever finds hosts makes them, whoever dials reads them, and the pool keeps sessions
apart by them.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass, field

from postroad.delivery.login import Credentials
from postroad.delivery.sources import Source
from postroad.delivery.tls_policy import HostTls

__all__ = ["Call", "Endpoint"]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One address of one host.

    Attributes:
        host: the host's name, for TLS and the log.
        address: its IP address.
        port: its TCP port.
    """

    host: str
    address: str
    port: int

    @property
    def name(self) -> str:
        """The host as replies and logs name it, `mx.example.net[192.0.2.1]`."""
        return f"{self.host}[{self.address}]"

    @property
    def family(self) -> socket.AddressFamily:
        """IPv4 or IPv6."""
        return socket.AF_INET6 if ":" in self.address else socket.AF_INET

    def __str__(self) -> str:
        return f"{self.name}:{self.port}"


@dataclass(frozen=True, slots=True)
class Call:
    """A connection that may be made. Equal ones may share sessions.

    Attributes:
        endpoint: where to.
        tls: what TLS has to be.
        login: what to log in with; `None`: not at all.
        source: from which address of ours, and under which name; `None`: the usual one.
        nexthop: the next hop that led there, for words.
        may_loop: whether a host that bears our own name there is taken for ourselves.
        is_best: whether no other host is better by its MX record.
    """

    endpoint: Endpoint
    tls: HostTls
    login: Credentials | None = None
    source: Source | None = None
    nexthop: str = field(default="", compare=False)
    may_loop: bool = field(default=False, compare=False)
    is_best: bool = field(default=True, compare=False)
