"""systemd's two conventions for services: readiness messages and sockets handed over.

Both are a few environment variables and a datagram (sd_notify(3), sd_listen_fds(3)).
"""

from __future__ import annotations

import os
import socket

__all__ = ["inherited_sockets", "notify"]

_FIRST = 3  # SD_LISTEN_FDS_START


def notify(*states: str) -> None:
    """Tell the service manager, if there is one.

    Args:
        states: assignments such as `READY=1`, `STOPPING=1` or `STATUS=…`.
    """
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
            channel.sendto("\n".join(states).encode(), address)
    except OSError:
        return  # a manager that went away is not our trouble


def inherited_sockets() -> list[socket.socket]:
    """The listening sockets that systemd opened for us (socket activation), if any.

    The variables are removed, so that no child takes the sockets for its own.
    """
    pid = os.environ.pop("LISTEN_PID", "")
    count = os.environ.pop("LISTEN_FDS", "0")
    os.environ.pop("LISTEN_FDNAMES", None)
    if pid != str(os.getpid()) or not count.isdigit():
        return []
    found = []
    for descriptor in range(_FIRST, _FIRST + int(count)):
        os.set_inheritable(descriptor, False)
        inherited = socket.socket(fileno=descriptor)
        inherited.setblocking(False)
        found.append(inherited)
    return found
