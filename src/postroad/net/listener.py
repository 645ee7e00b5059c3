"""Sockets that accept: binding them, and giving each new connection to a session.

Binding is apart from listening because a supervisor started as root binds low ports, drops its
privileges, and hands the sockets to its workers. Every worker has a socket of its own on the same
port (SO_REUSEPORT): the kernel spreads connections, and no accept lock is shared.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable
from dataclasses import dataclass

from postroad.model import Client, Endpoint
from postroad.net.byte_stream import endpoint_of
from postroad.net.connection import Connection, peer_of
from postroad.net.proxy import ProxyHeaderError, read_header

__all__ = ["BindError", "Listener", "Proxies", "Refuse", "bind"]

BACKLOG = 1024

HEADER_PATIENCE = 5.0
"""Seconds for a proxy's header: it comes with the connection, as Postfix expects it too."""

HEADERS_AT_ONCE = 1000
"""Connections of proxies whose header has not come; it is due at once, so that these are few."""

UNSENT = 65_536
"""Octets that the kernel takes of us before it has sent them. Left to itself it takes megabytes for
a client that reads nothing, and asks for memory that no limit of ours counts."""

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
        # Inherited by what is accepted, so that no connection pays for a system call.
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT)
        if family == socket.AF_INET6:
            # One socket serves both families when no address is named.
            opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(bool(host)))
        opened.bind((host, port))
        opened.setblocking(False)
    except OSError:
        opened.close()
        raise
    return opened


@dataclass(frozen=True, slots=True)
class Proxies:
    """Who speaks for others on a listener (the PROXY protocol).

    Attributes:
        contains: whether a client at this address is a proxy. From a proxy a header must come,
            from anybody else none is looked for.
        refused: told of a proxy whose header was not there, in words for a log; the connection
            is closed.
    """

    contains: Callable[[str], bool]
    refused: Callable[[Client, str], None]


Refuse = Callable[[Client], bytes | None]
"""Asked about a client before anything is read from it: what to send before the connection is
closed, nothing perhaps; or `None`, to let it in."""


class Listener:
    """Accepts on one socket until closed.

    It accepts by itself, where the event loop could: uvloop's own way, once the process has no
    descriptor left, cuts clients off without a word, and may then spin until one is free. Here
    they wait in the kernel's backlog.
    """

    def __init__(
        self,
        listening: socket.socket,
        accept: Callable[[Connection], None],
        *,
        proxies: Proxies | None = None,
        refuse: Refuse | None = None,
    ) -> None:
        """A listener not yet started.

        Args:
            listening: a bound and listening socket.
            accept: given each new connection, on the event loop; it has to call `Connection.open`,
                or `start_tls` where TLS begins with the first octet, or `turn_away`.
            proxies: who speaks for others.
            refuse: says who is sent away at once, and with which last words.
        """
        self._socket = listening
        self._accept = accept
        self._proxies = proxies
        self._refuse = refuse
        self._introductions: dict[asyncio.Task[None], socket.socket] = {}
        self._closed = False
        self._local = _only_end(listening)

    async def start(self) -> None:
        """Begin to accept."""
        asyncio.get_running_loop().add_reader(self._socket, self._accept_all)

    def close(self) -> None:
        """Accept nothing more; connections that are there go on. Harmless when closed already."""
        if not self._closed:
            self._closed = True
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()
            for task in self._introductions:
                task.cancel()

    def _accept_all(self) -> None:
        """Take what the kernel has, in portions, so that others have their turn."""
        for _ in range(ACCEPTS_A_TURN):
            try:
                accepted, name = self._socket.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError:  # no descriptor, no memory: what waits will wait a little longer
                loop = asyncio.get_running_loop()
                loop.remove_reader(self._socket)
                loop.call_later(EXHAUSTED_PAUSE, self._resume)
                return
            accepted.setblocking(False)
            peer = peer_of(name)
            if self._proxies is not None and self._proxies.contains(peer.network_address):
                self._introduce(accepted, peer, self._proxies)
            else:
                self._hand_over(accepted, peer)

    def _hand_over(
        self, accepted: socket.socket, peer: Client, local: Endpoint | None = None
    ) -> None:
        if self._refuse is not None and (last_words := self._refuse(peer)) is not None:
            # Nothing was read and nothing is waited for: a flood of these costs little.
            with contextlib.suppress(OSError):
                accepted.send(last_words)
            accepted.close()
        else:
            self._accept(Connection(accepted=accepted, peer=peer, local=local or self._local))

    def _introduce(self, accepted: socket.socket, proxy: Client, proxies: Proxies) -> None:
        """Let a proxy say whom it speaks for, before anything else is read."""
        if len(self._introductions) >= HEADERS_AT_ONCE:
            accepted.close()
            proxies.refused(proxy, f"{HEADERS_AT_ONCE} of its connections wait for a PROXY header")
            return
        reading = self._read_header(accepted, proxy, proxies)
        task = asyncio.get_running_loop().create_task(reading)
        self._introductions[task] = accepted
        task.add_done_callback(self._introduced)

    async def _read_header(self, accepted: socket.socket, proxy: Client, proxies: Proxies) -> None:
        try:
            async with asyncio.timeout(HEADER_PATIENCE):
                introduced = await read_header(accepted)
        except ProxyHeaderError as error:
            accepted.close()
            proxies.refused(proxy, str(error))
        except TimeoutError:
            accepted.close()
            proxies.refused(proxy, f"no PROXY header came within {HEADER_PATIENCE:g} seconds")
        except OSError:  # it went away again
            accepted.close()
        else:
            self._hand_over(accepted, introduced.client, introduced.server)

    def _introduced(self, task: asyncio.Task[None]) -> None:
        accepted = self._introductions.pop(task)
        if task.cancelled():  # perhaps before it began
            accepted.close()

    def _resume(self) -> None:
        if not self._closed:
            asyncio.get_running_loop().add_reader(self._socket, self._accept_all)


def _only_end(listening: socket.socket) -> Endpoint | None:
    """What everybody connects to, so that nobody has to ask the kernel for each connection.

    `None` for a socket of all addresses: then it is not one.
    """
    name = listening.getsockname()
    wildcard = isinstance(name, tuple) and name[0] in {"0.0.0.0", "::"}
    return None if wildcard else endpoint_of(name)
