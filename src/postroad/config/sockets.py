"""What the configuration says of `[sockets]`, by which other mail servers use our accounts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from postroad.config.configuration import Configuration
from postroad.config.lines import KeyPath
from postroad.config.mistake import Fault, shown
from postroad.net.listener import BindError
from postroad.net.unix import owner_named
from postroad.served.settings import SocketSettings
from postroad.server.binds import Bind

__all__ = ["bound_sockets", "missing_folders", "socket_faults", "socket_owner_faults"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,49}\Z")
_OWNER = re.compile(r"[^\s:]+(:[^\s:]+)?\Z")


def socket_faults(configuration: Configuration) -> Iterator[Fault]:
    """Faults in values."""
    taken = _of_listeners(configuration)
    for name, settings in configuration.sockets.items():
        path: KeyPath = ("sockets", name)
        if not _NAME.match(name):
            words = (
                f"a socket's name is letters, digits, - and _, as logs show it, not {shown(name)}"
            )
            yield Fault(path, words)
        bind = None
        try:
            bind = Bind.parse(settings.bind)
        except ValueError as error:
            yield Fault((*path, "bind"), str(error))
        if bind is not None:
            yield from _bound((*path, "bind"), bind, taken)
            taken.append((bind, f"sockets.{name}"))
        yield from _values(path, settings, bind)


def socket_owner_faults(configuration: Configuration) -> Iterator[Fault]:
    """Owners that this machine does not know."""
    for name, settings in configuration.sockets.items():
        try:
            if settings.unix_owner:
                owner_named(settings.unix_owner)
        except BindError as error:
            words = str(error).removeprefix("unix_owner ")
            yield Fault(("sockets", name, "unix_owner"), words)


def bound_sockets(configuration: Configuration) -> Iterator[tuple[str, SocketSettings, Bind]]:
    """The sockets whose address can be read."""
    for name, settings in configuration.sockets.items():
        try:
            yield name, settings, settings.where
        except ValueError:
            continue  # which `socket_faults` tells of


def missing_folders(configuration: Configuration) -> Iterator[tuple[str, Path]]:
    """Sockets that no server can make, for what they are to be in is no folder: owner and path."""
    binds = _of_listeners(configuration)
    binds += [(bind, f"sockets.{name}") for name, _, bind in bound_sockets(configuration)]
    for bind, owner in binds:
        if bind.path and not Path(bind.path).parent.is_dir():
            yield owner, Path(bind.path)


def _of_listeners(configuration: Configuration) -> list[tuple[Bind, str]]:
    try:
        listeners = configuration.resolved_listeners
    except ValueError:
        return []  # which `doors` tells of
    return [(bind, f"listeners.{each.name}") for each in listeners for bind in each.binds]


def _bound(path: KeyPath, bind: Bind, taken: list[tuple[Bind, str]]) -> Iterator[Fault]:
    if not bind.is_local:
        # Who may ask is decided by who can connect, and nothing of it is encrypted.
        words = "has to be a Unix-domain socket or an address of this machine, 127.0.0.1 or ::1"
        yield Fault(path, words)
    for other, owner in taken:
        if bind.overlaps(other):
            yield Fault(path, f"{bind} is taken already by [{owner}]: {other}")
            break


def _values(path: KeyPath, settings: SocketSettings, bind: Bind | None) -> Iterator[Fault]:
    if bind is not None and not bind.path:
        given = {"unix_mode": settings.unix_mode != "0660", "unix_owner": bool(settings.unix_owner)}
        for key in (key for key, changed in given.items() if changed):
            yield Fault((*path, key), 'is about a "unix:" address, and bind is none')
    elif bind is not None:
        try:
            _ = settings.where
        except ValueError as error:
            yield Fault((*path, "unix_mode"), str(error))
    if settings.unix_owner and not _OWNER.match(settings.unix_owner):
        words = f'expected "user" or "user:group", not {shown(settings.unix_owner)}'
        yield Fault((*path, "unix_owner"), words)
    if settings.plain_auth and settings.kind != "dovecot-auth":
        yield Fault((*path, "plain_auth"), 'is about logins: only kind "dovecot-auth" has them')
