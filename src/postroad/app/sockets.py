"""The listening sockets of all workers, bound before anything else happens.

A worker's own socket on a shared port (SO_REUSEPORT) lives in the supervisor: when the worker
dies, connections that the kernel had given it wait in the socket's backlog for its successor.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping, Sequence

from postroad.net.listener import BACKLOG, BindError, bind
from postroad.server.settings import Bind

__all__ = ["Sockets", "open_sockets"]

Sockets = Mapping[str, Sequence[socket.socket]]
"""By listener name, the sockets of one worker."""


def open_sockets(
    listeners: Mapping[str, Sequence[Bind]], workers: int, inherited: Sequence[socket.socket]
) -> list[Sockets]:
    """Bind everything that the configuration names.

    Args:
        listeners: by name, the addresses to listen on.
        workers: how many workers there will be.
        inherited: sockets from systemd. One that is bound to an address of ours is used for it,
            shared by all workers.

    Returns:
        For each worker its sockets.

    Raises:
        BindError: a port is taken, forbidden or not ours; or systemd handed over a socket that
            no listener names.
    """
    given: dict[tuple[str, int], list[socket.socket]] = {}
    for each in inherited:
        given.setdefault(_address(each), []).append(each)
    per_worker: list[dict[str, list[socket.socket]]] = [
        {name: [] for name in listeners} for _ in range(workers)
    ]
    for name, binds in listeners.items():
        for where in binds:
            shared = given.pop((_any(where.host), where.port), None)
            for index, sockets in enumerate(per_worker):
                sockets[name] += shared or [bind(where.host, where.port, first=index == 0)]
    if given:
        (host, port), *_ = given
        raise BindError(
            f"systemd handed over a socket on {host or '*'}:{port} that no listener binds: give a"
            " listener this address, or remove it from the socket unit"
        )
    return list(per_worker)


def _address(inherited: socket.socket) -> tuple[str, int]:
    if inherited.family not in {socket.AF_INET, socket.AF_INET6}:
        raise BindError("systemd handed over a socket that is not a TCP one")
    inherited.listen(BACKLOG)
    host, port = inherited.getsockname()[:2]
    return _any(str(host)), int(port)


def _any(host: str) -> str:
    """All addresses have more than one spelling, and one socket serves them."""
    return "" if host in {"::", "0.0.0.0"} else host
