"""Where a database is: the parameter `hosts` of `mysql:` and `pgsql:` (mysql_table(5)).

Hosts are tried in random order, Unix-domain sockets before TCP, as Postfix does.
"""

from __future__ import annotations

import random
import re
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field

from postroad.tables.kept import Bounds
from postroad.tables.parameters import Parameters

__all__ = ["HOST_PARAMETERS", "Access", "Host", "access_of", "bounds_of", "host_of", "in_order"]

HOST_PARAMETERS = ("hosts", "user", "password", "dbname", "idle_interval", "retry_interval")
"""What databases with a server know besides."""

_HOST = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([^:\[\]\s]+))(?::([0-9]{1,5}))?")


@dataclass(frozen=True, slots=True)
class Host:
    """A server.

    Attributes:
        name: of the host, or the path of a socket.
        port: 0 for a socket.
    """

    name: str
    port: int

    def __str__(self) -> str:
        return f"{self.name}:{self.port}" if self.port else self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """How a database is reached.

    Attributes:
        hosts: its servers, each with the same data.
        user: the name to log in with.
        password: its password.
        database: the name of the database.
        bounds: the time limits.
        tls: how to speak TLS over TCP, where it must be (PostgreSQL; else as the server has it).
    """

    hosts: tuple[Host, ...]
    user: str
    password: str = field(repr=False)
    database: str
    bounds: Bounds
    tls: ssl.SSLContext | None = None


def access_of(parameters: Parameters, port: int, localhost: str = "localhost") -> Access:
    """What a file of parameters says of it. Hosts that are URLs are left out.

    Args:
        parameters: the file.
        port: where servers listen unless it says otherwise.
        localhost: what this name means, such as the path of a socket.

    Raises:
        TableMistake: something is missing or cannot be read.
    """
    words = [word for word in parameters.words("hosts", "localhost") if "://" not in word]
    return Access(
        hosts=tuple(_host(parameters, word, port, localhost) for word in words),
        user=parameters.text("user"),
        password=parameters.text("password"),
        database=parameters.required("dbname") if words else "",
        bounds=bounds_of(parameters),
    )


def bounds_of(parameters: Parameters) -> Bounds:
    """The time limits.

    Raises:
        TableMistake: one is none.
    """
    usual = Bounds()
    return Bounds(
        answer=parameters.seconds("timeout", usual.answer),
        idle=parameters.seconds("idle_interval", usual.idle),
        retry=parameters.seconds("retry_interval", usual.retry),
    )


def in_order(hosts: Sequence[Host]) -> list[Host]:
    """Hosts in the order in which they are tried."""
    shuffled = random.sample(hosts, len(hosts))
    return sorted(shuffled, key=lambda host: bool(host.port))


def host_of(word: str, port: int, localhost: str = "localhost") -> Host | None:
    """The server that a word means: `HOST`, `HOST:PORT`, `unix:PATH`; `None` if it is no such.

    Args:
        word: as it was written.
        port: where servers listen unless it says otherwise.
        localhost: what this name means, such as the path of a socket.
    """
    name = word.removeprefix("inet:")
    name = localhost if name == "localhost" else name
    if name.startswith(("unix:", "/")):
        return Host(name.removeprefix("unix:"), 0)
    found = _HOST.fullmatch(name)
    if found is None or not 0 < int(found.group(3) or port) < 65536:
        return None
    return Host(found.group(1) or found.group(2), int(found.group(3) or port))


def _host(parameters: Parameters, word: str, port: int, localhost: str) -> Host:
    host = host_of(word, port, localhost)
    if host is None:
        raise parameters.mistake("hosts", f'expected "host:port", not "{word[:60]}"')
    return host
