"""Where a listener listens: an address and a port, or the path of a Unix-domain socket."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Self

__all__ = ["Bind"]

MAX_PATH = 107
"""Octets of a socket's path: what Linux has room for, unix(7)."""

_UNIX = "unix:"
_BIND = re.compile(r"(?:\[(?P<v6>[^\[\]]*)\]|(?P<v4>[^:\[\]]*)):(?P<port>[0-9]{1,5})\Z")


@dataclass(frozen=True, slots=True)
class Bind:
    """An address to listen on.

    Attributes:
        host: an IP address; empty for all addresses, IPv6 and IPv4.
        port: 1 to 65535; 0, which no configuration can say, lets the system choose.
        path: of a Unix-domain socket, absolute; empty for TCP. Then host and port mean nothing.
        mode: permissions of that socket.
        owner: `user` or `user:group` it belongs to; empty for the server's user.
    """

    host: str
    port: int
    path: str = ""
    mode: int = 0o660
    owner: str = ""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `:25`, `127.0.0.1:2525`, `[::1]:2525` or `unix:/path`.

        Raises:
            ValueError: it is none of these; the message says what was expected.
        """
        if text.startswith(_UNIX):
            return cls("", 0, _path(text.removeprefix(_UNIX)))
        found = _BIND.match(text)
        if found is None:
            raise ValueError(
                'expected an address such as ":25", "192.0.2.1:25", "[2001:db8::1]:25" or '
                f'"unix:/run/postroad/lmtp", not "{text}"'
            )
        port = int(found["port"])
        if not 1 <= port <= 65_535:
            raise ValueError(f"expected a port from 1 to 65535, not {found['port']}")
        return cls(_host(found["v4"], found["v6"]), port)

    def overlaps(self, other: Bind) -> bool:
        """Whether both cannot be bound, being the same or one holding all addresses."""
        if self.path or other.path:
            return self.path == other.path
        if self.port != other.port:
            return False
        return self.host == other.host or self._holds(other) or other._holds(self)

    def _holds(self, other: Bind) -> bool:
        """Whether this is all addresses, or all of the other's family."""
        return self.host in {"", "::" if ":" in other.host else "0.0.0.0"}

    @property
    def is_local(self) -> bool:
        """Whether only this machine can reach it."""
        return bool(self.path) or (bool(self.host) and ip_address(self.host).is_loopback)

    def __str__(self) -> str:
        if self.path:
            return f"{_UNIX}{self.path}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


def _host(v4: str | None, v6: str | None) -> str:
    """The address in its shortest form; empty for all addresses."""
    if v6 is None and v4 in {"", "*"}:
        return ""
    text = v6 if v6 is not None else v4 or ""
    try:
        address = ip_address(text)
    except ValueError:
        raise ValueError(
            f"expected an IP address before the port, not {text or 'nothing'}"
        ) from None
    if (address.version == 6) != (v6 is not None):
        raise ValueError(f"expected brackets around an IPv6 address and no other, not {text}")
    return str(address)


def _path(text: str) -> str:
    path = os.path.normpath(text)
    if not text.startswith("/") or text.endswith("/") or not text.isprintable():
        raise ValueError(f'expected an absolute path after "unix:", not "{text}"')
    if len(path.encode()) > MAX_PATH:
        raise ValueError(f"a socket's path has {MAX_PATH} octets at most, and {path} has more")
    return path
