"""A connection to a socket of this machine whose listener may have many to let in just now.

A connection that must not block does not wait there: while the listener's queue is full, EAGAIN is
the answer at once (unix(7)), and an event loop takes that for a service that is away, or worse, for
a connection. A program that may block is let in as soon as there is room. So we come again, a
little later each time. Queues are short: programs by Sendmail's library for milters have twenty
places.
"""

from __future__ import annotations

import asyncio
import socket

__all__ = ["local_socket"]

_SOON, _LATER = 0.002, 0.1
"""Seconds until the second try, and between two tries at most. Each costs some microseconds."""


async def local_socket(path: str) -> socket.socket:
    """Connect; for as long as the caller waits.

    Args:
        path: of a socket of this machine.

    Returns:
        A connected socket that does not block. The caller closes it, or gives it to a transport.

    Raises:
        OSError: nobody listens there, or it is not for us.
    """
    kind = socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC
    connection = socket.socket(socket.AF_UNIX, kind)
    pause = _SOON
    try:
        while True:
            try:
                connection.connect(path)
            except BlockingIOError:
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LATER)
            else:
                return connection
    except BaseException:
        connection.close()
        raise
