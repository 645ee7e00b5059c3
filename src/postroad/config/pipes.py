"""What the configuration says of programs that take mail, and of the content filters of listeners.

A mistake in a command would be met by the first mail, hours later; here it has its line. Whether
the program is there is not asked: it may be installed later, and its mail waits.
"""

from __future__ import annotations

import os
import pwd
from collections.abc import Iterator

from postroad.config.configuration import Configuration
from postroad.config.lines import KeyPath
from postroad.config.mistake import Fault, shown
from postroad.delivery.pipe import command_line
from postroad.delivery.transport_settings import TransportSettings
from postroad.model import parse_filter

__all__ = ["pipe_faults"]

_COUNTS = ("size_limit", "recipients", "output_limit")


def pipe_faults(configuration: Configuration) -> Iterator[Fault]:
    """Every fault in what is said of programs and of the listeners' content filters."""
    for name, transport in configuration.transports.items():
        if transport.kind == "pipe":
            yield from _pipe(("transports", name), transport, configuration.user)
    named = frozenset(configuration.transports)
    for name, listener in configuration.listeners.items():
        if not listener.content_filter:
            continue
        mistake = parse_filter(listener.content_filter, named)
        if isinstance(mistake, str):
            yield Fault(("listeners", name, "content_filter"), mistake)


def _pipe(path: KeyPath, transport: TransportSettings, server: str) -> Iterator[Fault]:
    try:
        command_line(transport)
    except ValueError as error:
        key, colon, words = str(error).partition(": ")
        known = bool(colon) and key in ("command", "flags")
        yield Fault((*path, key if known else "command"), words if known else str(error))
    yield from _user(path, transport.user, server)
    if transport.directory is not None and not transport.directory.is_absolute():
        yield Fault(
            (*path, "directory"), f"expected a whole path, not {shown(transport.directory)}"
        )
    for key in _COUNTS:
        if getattr(transport, key) < 0:
            yield Fault((*path, key), "cannot be negative")
    if transport.processes < 1:
        yield Fault((*path, "processes"), "cannot be less than 1")
    if transport.time_limit < 0:
        yield Fault((*path, "time_limit"), "cannot be negative")


def _user(path: KeyPath, user: str, server: str) -> Iterator[Fault]:
    """A program runs as the server does; only root could be another one, and never is root."""
    name, key = user.partition(":")[0], (*path, "user")
    if name == "root":
        yield Fault(key, "no program that takes mail runs as root; name another account")
    elif server == "root" and not name:
        words = "needs user, the account to run as, because this server runs as root"
        yield Fault((*path, "command"), words)
    elif server != "root" and name and name not in (server, _own_name()):
        words = (
            f"this server runs as {server}, and only one that runs as root could become {name}:"
            " leave it out, or let sudo in the command do it"
        )
        yield Fault(key, words)


def _own_name() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return ""
