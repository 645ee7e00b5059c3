"""A name server in front of another one, that fails where a test wants it to.

It has port 53 of a loopback address of its own, because `resolv.conf` cannot name another port.
What it does not fail at is asked of the server behind it, and answered octet for octet.
"""

from __future__ import annotations

import os
import random
import socket
import threading
from collections.abc import Collection

import dns.message
import dns.rcode
import dns.rdatatype

from peers import needs

__all__ = ["FailingDns"]

_PORT = 53
_LARGEST = 65_535
_random = random.Random(os.getpid())


class FailingDns:
    """A running server; it speaks UDP.

    Args:
        behind: the port on 127.0.0.1 of the server that knows.
        failing: names, in lower case and without the root's dot, with types: SERVFAIL.
        silent: likewise: no answer at all.

    Attributes:
        address: its IP address.
        asked: every question, as `TYPE name`.
    """

    def __init__(
        self,
        behind: int,
        failing: Collection[tuple[str, str]] = (),
        silent: Collection[tuple[str, str]] = (),
    ) -> None:
        needs.root("a name server on port 53")
        self.asked: list[str] = []
        self._behind = ("127.0.0.1", behind)
        self._failing = frozenset(failing)
        self._silent = frozenset(silent)
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.address = self._bind()
        self._thread = threading.Thread(target=self._serve, name="failing name server")
        self._thread.start()

    def stop(self) -> None:
        """End it."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as farewell:
            farewell.sendto(b"", (self.address, _PORT))
        self._thread.join()
        self._socket.close()

    def _bind(self) -> str:
        for _ in range(1000):
            address = f"127.{_random.randint(1, 254)}.{_random.randint(1, 254)}.53"
            try:
                self._socket.bind((address, _PORT))
            except OSError:
                continue
            return address
        raise OSError("no loopback address with a free port 53")

    def _serve(self) -> None:
        while True:
            octets, client = self._socket.recvfrom(_LARGEST)
            if not octets:
                return
            answer = self._answer(octets)
            if answer:
                self._socket.sendto(answer, client)

    def _answer(self, octets: bytes) -> bytes:
        query = dns.message.from_wire(octets)
        name = query.question[0].name.to_text(omit_final_dot=True).lower()
        kind = dns.rdatatype.to_text(query.question[0].rdtype)
        self.asked.append(f"{kind} {name}")
        if (name, kind) in self._silent:
            return b""
        if (name, kind) in self._failing:
            response = dns.message.make_response(query, recursion_available=True)
            response.set_rcode(dns.rcode.SERVFAIL)
            return response.to_wire()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as onward:
            onward.settimeout(30)
            onward.sendto(octets, self._behind)
            return onward.recv(_LARGEST)
