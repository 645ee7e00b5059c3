"""Free ports on the loopback addresses.

They lie below the range from which the kernel takes ports for outgoing connections, so that a
client of another test cannot take one between the choice and the bind. Processes that run tests at
the same time (pytest-xdist) have a part of the range each, for the same reason.
"""

from __future__ import annotations

import os
import random
import socket

__all__ = ["free_port"]

_FIRST, _LAST = 10_240, 32_000
_PARTS = 4  # processes at most (Makefile, --maxprocesses)
_PART = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % _PARTS
_LENGTH = (_LAST - _FIRST) // _PARTS
_random = random.Random(os.getpid())
_given: set[int] = set()


def free_port(*above: int) -> int:
    """A port that no socket of the machine is bound to, for TCP and UDP; never the same twice.

    Args:
        above: distances of further ports, for which the same holds.
    """
    for _ in range(1000):
        first = _random.randrange(_LENGTH - max(above, default=0))
        ports = {_FIRST + _PART * _LENGTH + first + distance for distance in (0, *above)}
        if ports.isdisjoint(_given) and all(map(_is_free, ports)):
            _given.update(ports)
            return min(ports)
    raise OSError("no free port found in 1000 tries")


def _is_free(port: int) -> bool:
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with socket.socket(socket.AF_INET, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("0.0.0.0", port))
            except OSError:
                return False
    return True
