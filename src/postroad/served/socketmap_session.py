"""Postfix's socketmap protocol, served (socketmap_table(5)).

A question and an answer each are one netstring: `MAP KEY`, and `OK DATA`, `NOTFOUND `,
`TEMP REASON` or `PERM REASON`. What the maps are is `maps`' to know. A directory that is away is
TEMP: Postfix defers, and nobody becomes an unknown user by it.
"""

from __future__ import annotations

from postroad.directory import DirectoryUnavailable
from postroad.net.connection import Connection
from postroad.policy import LookupUnavailable
from postroad.served.incoming import Incoming, netstring
from postroad.served.maps import MAPS
from postroad.served.service import SocketService

__all__ = ["SocketmapSession"]

MAX_QUESTION = 2048
"""Octets of a question; an address and the name of a map have some 330."""

MAX_ANSWER = 100_000
"""Octets of an answer that Postfix reads (socketmap_table(5), "REPLY FORMAT")."""


class SocketmapSession:
    """One connection of a Postfix.

    Args:
        connection: open.
        service: the socket.
    """

    def __init__(self, connection: Connection, service: SocketService) -> None:
        self._connection = connection
        self._service = service
        self._incoming = Incoming(connection, MAX_QUESTION, service.settings.idle_timeout)

    async def run(self) -> None:
        """Serve until the client is gone.

        Raises:
            Ended: it is, or what it said is not of the protocol.
        """
        while True:
            question = await self._incoming.netstring()
            answer = await self._answer(question.decode("utf-8", "surrogateescape"))
            octets = answer.encode("utf-8", "surrogateescape")
            if len(octets) > MAX_ANSWER:
                self._service.warn(f"the answer to {question[:80]!r} is longer than Postfix reads")
                octets = b"TEMP the answer is too long"
            self._connection.write(netstring(octets))
            await self._incoming.taken()

    async def _answer(self, question: str) -> str:
        name, _, key = question.partition(" ")
        find = MAPS.get(name)
        if find is None:
            self._service.warn(f"there is no map {name[:40]!r}; there are {', '.join(MAPS)}")
            return f"PERM there is no such map; there are {', '.join(MAPS)}"
        try:
            found = await find(self._service, key)
        except (DirectoryUnavailable, LookupUnavailable) as error:
            self._service.warn(f"{name} of {key}: {error}")
            return "TEMP the directory does not answer now"
        return "NOTFOUND " if found is None else f"OK {found}"
