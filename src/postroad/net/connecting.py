"""Opening connections to other servers: over TCP, and over Unix-domain sockets.

Whom to connect to, and what to say, others decide.
"""

from __future__ import annotations

import asyncio
import ssl

from postroad.net.connection import Connection, within

__all__ = ["connect", "connect_unix"]


async def connect(
    host: str,
    port: int,
    *,
    timeout: float,  # noqa: ASYNC109
    tls: ssl.SSLContext | None = None,
    name: str | None = None,
) -> Connection:
    """Open a TCP connection.

    Args:
        host: an IP address.
        port: the TCP port.
        timeout: seconds for the connection, and again for the handshake.
        tls: the context of a connection that is TLS from its first octet.
        name: the server name for that handshake.

    Raises:
        TimeoutError: no answer in time.
        TlsError: the handshake failed.
        OSError: refused or unreachable.
    """
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(within(timeout)):
        _, connection = await loop.create_connection(Connection, host, port)
    if tls is not None:
        await connection.start_tls(tls, server_side=False, timeout=timeout, name=name)
    return connection


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
        _, connection = await loop.create_unix_connection(Connection, path)
    return connection
