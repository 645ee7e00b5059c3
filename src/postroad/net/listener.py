"""Sockets that accept: binding them, and giving each new connection to a session.

Binding is apart from listening because a supervisor started as root binds low ports, drops its
privileges, and hands the sockets to its workers. Every worker has a socket of its own on the same
port (SO_REUSEPORT): the kernel spreads connections, and no accept lock is shared.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

from postroad.net.connection import Connection

__all__ = ["BindError", "Listener", "bind"]

BACKLOG = 1024

ACCEPTS_A_TURN = 64
EXHAUSTED_PAUSE = 0.5
"""Seconds without accepting after the process ran out of descriptors."""


class BindError(Exception):
    """A port cannot be listened on; the message says which and why."""


def bind(host: str, port: int, *, first: bool) -> socket.socket:
    """A listening TCP socket that other workers may share.

    Args:
        host: an IP address; empty for all addresses, IPv6 and IPv4.
        port: the TCP port.
        first: whether nobody listens there yet as far as the caller knows. The kernel would let a
            second server of the same user join a shared port without a word, and give it half of
            the mail; so the port is tried without sharing first.

    Raises:
        BindError: taken, forbidden or not our address.
    """
    family = _family(host)
    try:
        if first:
            _open(family, host, port, shared=False).close()
        listening = _open(family, host, port, shared=True)
        listening.listen(BACKLOG)
    except OSError as error:
        where = f"[{host}]:{port}" if ":" in host else f"{host or '*'}:{port}"
        raise BindError(f"cannot listen on {where}: {(error.strerror or '').lower()}") from None
    return listening


def _family(host: str) -> socket.AddressFamily:
    if host:
        return socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        socket.socket(socket.AF_INET6).close()
    except OSError:  # a kernel without IPv6
        return socket.AF_INET
    return socket.AF_INET6


def _open(family: socket.AddressFamily, host: str, port: int, *, shared: bool) -> socket.socket:
    opened = socket.socket(family, socket.SOCK_STREAM)
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, int(shared))
        if family == socket.AF_INET6:
            # One socket serves both families when no address is named.
            opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(bool(host)))
        opened.bind((host, port))
        opened.setblocking(False)
    except OSError:
        opened.close()
        raise
    return opened


class Listener:
    """Accepts on one socket until closed.

    It accepts by itself, where the event loop could: uvloop's own way, once the process has no
    descriptor left, cuts clients off without a word, and may then spin until one is free. Here
    they wait in the kernel's backlog.
    """

    def __init__(
        self, listening: socket.socket, accept: Callable[[Connection], None], *, implicit_tls: bool
    ) -> None:
        """A listener not yet started.

        Args:
            listening: a bound and listening socket.
            accept: given each new connection, on the event loop.
            implicit_tls: the first octets of each connection belong to a TLS handshake, which
                `Connection.start_tls` has to do.
        """
        self._socket = listening
        self._accept = accept
        self._implicit_tls = implicit_tls
        self._opening: set[asyncio.Task[None]] = set()
        self._closed = False

    async def start(self) -> None:
        """Begin to accept."""
        asyncio.get_running_loop().add_reader(self._socket, self._accept_all)

    def close(self) -> None:
        """Accept nothing more; connections that are there go on. Harmless when closed already."""
        if not self._closed:
            self._closed = True
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()

    def _accept_all(self) -> None:
        """Take what the kernel has, in portions, so that others have their turn."""
        for _ in range(ACCEPTS_A_TURN):
            try:
                accepted, _ = self._socket.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError:  # no descriptor, no memory: what waits will wait a little longer
                loop = asyncio.get_running_loop()
                loop.remove_reader(self._socket)
                loop.call_later(EXHAUSTED_PAUSE, self._resume)
                return
            accepted.setblocking(False)
            self._hand_over(accepted)

    def _hand_over(self, accepted: socket.socket) -> None:
        if self._implicit_tls:
            try:
                self._accept(Connection(accepted=accepted))
            except OSError:  # it went away again
                accepted.close()
        else:
            task = asyncio.get_running_loop().create_task(self._open(accepted))
            self._opening.add(task)
            task.add_done_callback(self._opening.discard)

    async def _open(self, accepted: socket.socket) -> None:
        """Give a socket its transport, which gives the connection to whom it is for."""
        loop = asyncio.get_running_loop()
        try:
            await loop.connect_accepted_socket(lambda: Connection(self._made), accepted)
        except OSError:  # it went away again
            accepted.close()

    def _made(self, connection: Connection) -> None:
        if self._closed:  # in the meantime
            connection.close()
        else:
            self._accept(connection)

    def _resume(self) -> None:
        if not self._closed:
            asyncio.get_running_loop().add_reader(self._socket, self._accept_all)
