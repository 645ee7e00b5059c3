"""Opening connections to other servers: over TCP, and over Unix-domain sockets.

Whom to connect to, and what to say, others decide.
"""

from __future__ import annotations

import asyncio
import os
import socket
import ssl

from postroad.net.connection import Connection, within
from postroad.net.local_socket import local_socket

__all__ = ["SourceUnusable", "connect", "connect_unix"]

_BIND_ADDRESS_NO_PORT = 24  # ip(7), IP_BIND_ADDRESS_NO_PORT; Python 3.11 has no name for it


class SourceUnusable(OSError):
    """An address that was to be sent from is none of this machine's; the text says so."""


async def connect(
    host: str,
    port: int,
    *,
    timeout: float,  # noqa: ASYNC109
    source: str = "",
    tls: ssl.SSLContext | None = None,
    name: str | None = None,
) -> Connection:
    """Open a TCP connection.

    Args:
        host: an IP address.
        port: the TCP port.
        timeout: seconds for the connection, and again for the handshake.
        source: the IP address of ours to connect from; empty: the system chooses.
        tls: the context of a connection that is TLS from its first octet.
        name: the server name for that handshake.

    Raises:
        TimeoutError: no answer in time.
        TlsError: the handshake failed.
        SourceUnusable: nothing can be sent from the source.
        OSError: refused or unreachable.
    """
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(within(timeout)):
        if source:
            _, connection = await loop.create_connection(
                Connection, sock=await _connected(host, port, source)
            )
        else:
            _, connection = await loop.create_connection(Connection, host, port)
    if tls is not None:
        await connection.start_tls(tls, server_side=False, timeout=timeout, name=name)
    return connection


async def _connected(host: str, port: int, source: str) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    opened = socket.socket(family, socket.SOCK_STREAM)
    try:
        opened.setblocking(False)
        # The port is chosen when the other end is known, so that 28,000 are enough for each.
        opened.setsockopt(socket.IPPROTO_IP, _BIND_ADDRESS_NO_PORT, 1)
        try:
            opened.bind((source, 0))
        except OSError as error:
            words = os.strerror(error.errno or 0)
            raise SourceUnusable(f"cannot send from {source}: {words}") from error
        await asyncio.get_running_loop().sock_connect(opened, (host, port))
    except BaseException:
        opened.close()
        raise
    return opened


async def connect_unix(path: str, *, timeout: float) -> Connection:  # noqa: ASYNC109
    """Open a connection to a Unix-domain socket.

    Args:
        path: the socket's path.
        timeout: seconds to wait.

    Raises:
        TimeoutError: no answer in time.
        OSError: refused or absent.
    """
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(within(timeout)):
        connected = await local_socket(path)
        _, connection = await loop.create_unix_connection(Connection, sock=connected)
    return connection
