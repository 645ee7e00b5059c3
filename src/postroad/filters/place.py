"""Where a program that filters mail listens: `unix:/path` or `inet:host:port`, as in Postfix."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self

__all__ = ["Place"]

_MOST_PATH = 107  # octets of a path, unix(7)
_HOST = re.compile(r"[A-Za-z0-9_.:-]{1,255}\Z")


@dataclass(frozen=True, slots=True)
class Place:
    """One place.

    Attributes:
        path: of a Unix-domain socket; empty: none.
        host: a name or an IP address otherwise.
        port: its TCP port.
    """

    path: str = ""
    host: str = ""
    port: int = 0

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read it; `local:` is `unix:`, and `inet:port@host` is Sendmail's order.

        Raises:
            ValueError: it is no such place; the message says what was expected.
        """
        kind, _, rest = text.strip().partition(":")
        if kind in ("unix", "local"):
            if not rest.startswith("/"):
                raise ValueError(f'expected an absolute path after "{kind}:", not "{text}"')
            if len(rest.encode()) > _MOST_PATH:
                raise ValueError(f"the path of a socket has {_MOST_PATH} octets at most")
            return cls(path=rest)
        if kind in ("inet", "inet6"):
            port, at, host = rest.partition("@")
            if not at:
                host, _, port = rest.rpartition(":")
            host = host.removeprefix("[").removesuffix("]")
            if _HOST.match(host) and port.isascii() and port.isdigit() and 0 < int(port) < 65_536:
                return cls(host=host, port=int(port))
        raise ValueError(f'expected "unix:/path" or "inet:host:port", not "{text}"')

    def __str__(self) -> str:
        if self.path:
            return f"unix:{self.path}"
        return (
            f"inet:[{self.host}]:{self.port}"
            if ":" in self.host
            else f"inet:{self.host}:{self.port}"
        )
