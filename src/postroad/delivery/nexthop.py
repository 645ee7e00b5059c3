"""The spellings of a next hop, as Postfix has them for its relayhost and transports.

`example.net` is a domain whose mail exchangers are looked up; `[mx.example.net]` is that host and
no other. Either may be followed by `:port`. An address literal of a mail address, `[192.0.2.1]` or
`[IPv6:2001:db8::1]`, is thereby a next hop as it stands (RFC 5321 §4.1.3).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from postroad.model.next_hop import host_and_port
from postroad.net.dns import to_ascii

__all__ = ["LmtpTarget", "Nexthop"]

LMTP_PORT = 24


@dataclass(frozen=True, slots=True)
class Nexthop:
    """A parsed next hop.

    Attributes:
        host: a domain, a host name or an IP address.
        port: the TCP port, or `None` for the usual one.
        exchangers: whether the host is a domain whose mail exchangers are meant.
    """

    host: str
    port: int | None
    exchangers: bool

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `domain`, `domain:port`, `[host]` or `[host]:port`.

        Raises:
            ValueError: it is none of these; the message is for the operator.
        """
        found = host_and_port(text)
        if found is None:
            raise ValueError(
                f'"{text}" is no next hop: expected "[host]:port", "[host]", "domain:port" '
                'or "domain"'
            )
        host, port = found
        return cls(to_ascii(host) or host, port, not text.startswith("["))


@dataclass(frozen=True, slots=True)
class LmtpTarget:
    """A mail store's LMTP socket.

    Attributes:
        path: the path of a Unix-domain socket; empty for TCP.
        host: a host name or an IP address.
        port: its TCP port.
    """

    path: str = ""
    host: str = ""
    port: int = LMTP_PORT

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `unix:/path`, `inet:host` or `inet:host:port`.

        Raises:
            ValueError: it is none of these; the message is for the operator.
        """
        kind, _, rest = text.partition(":")
        if kind == "unix" and rest.startswith("/"):
            return cls(path=rest)
        if kind == "inet":
            nexthop = Nexthop.parse(rest)
            return cls(host=nexthop.host, port=nexthop.port or LMTP_PORT)
        raise ValueError(f'"{text}" is no LMTP socket: expected "unix:/path" or "inet:host:port"')
