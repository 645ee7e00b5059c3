"""The listening sockets of all workers, bound before anything else happens.

A worker's own socket on a shared port (SO_REUSEPORT) lives in the supervisor: when the worker
dies, connections that the kernel had given it wait in the socket's backlog for its successor. A
Unix-domain socket cannot be shared so: all workers accept on one.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping, Sequence

from postroad.net.listener import BACKLOG, BindError, bind
from postroad.net.unix import bind_unix, owner_named
from postroad.server.binds import Bind

__all__ = ["Sockets", "open_sockets"]

Owner = tuple[int, int]
"""The numbers of a user and of a group."""

Sockets = Mapping[str, Sequence[socket.socket]]
"""By listener name, the sockets of one worker."""


def open_sockets(
    listeners: Mapping[str, Sequence[Bind]],
    workers: int,
    inherited: Sequence[socket.socket],
    owner: Owner | None = None,
) -> list[Sockets]:
    """Bind everything that the configuration names.

    Args:
        listeners: by name, the addresses to listen on.
        workers: how many workers there will be.
        inherited: sockets from systemd. One that is bound to an address of ours is used for it,
            shared by all workers, with the rights that systemd gave it.
        owner: the numbers of the user and group that a Unix-domain socket is for unless its
            listener names another; `None`: ours.

    Returns:
        For each worker its sockets.

    Raises:
        BindError: a port or path is taken, forbidden or not ours; or systemd handed over a socket
            that no listener names.
    """
    given: dict[str, list[socket.socket]] = {}
    for each in inherited:
        given.setdefault(_address(each), []).append(each)
    per_worker: list[dict[str, list[socket.socket]]] = [
        {name: [] for name in listeners} for _ in range(workers)
    ]
    for name, binds in listeners.items():
        for where in binds:
            shared = given.pop(_key(where), None)
            if shared is None and where.path:
                shared = [_open_unix(where, owner)]
            for index, sockets in enumerate(per_worker):
                sockets[name] += shared or [bind(where.host, where.port, first=index == 0)]
    if given:
        raise BindError(
            f"systemd handed over a socket on {next(iter(given))} that no listener binds: give a"
            " listener this address, or remove it from the socket unit"
        )
    return list(per_worker)


def _open_unix(where: Bind, owner: Owner | None) -> socket.socket:
    named = owner_named(where.owner) if where.owner else owner
    return bind_unix(where.path, mode=where.mode, owner=named)


def _address(inherited: socket.socket) -> str:
    """Where a socket is bound, in the same words as `_key`."""
    inherited.listen(BACKLOG)
    name = inherited.getsockname()
    if inherited.family == socket.AF_UNIX and isinstance(name, str) and name:
        return _key(Bind("", 0, name))
    if inherited.family not in {socket.AF_INET, socket.AF_INET6}:
        raise BindError("systemd handed over a socket that is neither a TCP one nor has a path")
    return _key(Bind(str(name[0]), int(name[1])))


def _key(where: Bind) -> str:
    """All addresses have more than one spelling, and one socket serves them."""
    if where.path:
        return str(where)
    host = "*" if where.host in {"", "::", "0.0.0.0"} else where.host
    return f"{host}:{where.port}"
