"""A `Connection` whose peer is the test: no socket, no clock."""

from __future__ import annotations

import asyncio
import ssl

from postroad.model import Client, Endpoint, TlsSession
from postroad.net.connection import TlsError

TLS = TlsSession("TLSv1.3", "TLS_AES_256_GCM_SHA384", 256)


class FakeConnection:
    """Stands in for `postroad.net.connection.Connection`.

    The test feeds with `say`, which returns what the session wrote until it waited again.
    """

    def __init__(self, peer: Client | None = None, *, broken_tls: str = "") -> None:
        self.peer = peer or Client("192.0.2.7", 4711)
        self.local = Endpoint("198.51.100.1", 25)
        self.tls: TlsSession | None = None
        self.channel_bindings: dict[str, frozenset[bytes]] = {}
        self.broken_tls = broken_tls
        self.agreed = TLS
        self.closed = False
        self.congested = False
        self.may_go = asyncio.Event()
        self.may_go.set()
        self.written = b""
        self.patience: list[float] = []
        self._incoming: asyncio.Queue[bytes | Exception] = asyncio.Queue()
        self._waiting = asyncio.Event()

    @property
    def is_lost(self) -> bool:
        return self.closed

    # What the session calls

    async def read(self, timeout: float) -> bytes:  # noqa: ASYNC109
        self.patience.append(timeout)
        if self._incoming.empty():
            self._waiting.set()
        data = await self._incoming.get()
        self._waiting.clear()
        if isinstance(data, Exception):
            raise data
        return data

    def write(self, data: bytes) -> None:
        if not self.closed:
            self.written += data

    async def drain(self, timeout: float) -> None:  # noqa: ASYNC109
        return

    async def open(self) -> None:
        return

    async def start_tls(
        self,
        context: ssl.SSLContext,
        *,
        server_side: bool,
        timeout: float,  # noqa: ASYNC109
        name: str | None = None,
        invitation: bytes = b"",
        plain_answer: bytes = b"",
    ) -> None:
        self.write(invitation)
        if self.broken_tls:
            self.closed = True
            raise TlsError(self.broken_tls)
        self.tls = self.agreed

    def close(self) -> None:
        self.closed = True
        self._waiting.set()

    def abort(self) -> None:
        self.close()

    async def gone(self) -> None:
        await self.may_go.wait()

    # What the test calls

    async def heard(self) -> str:
        """What was written since the last call, once the session waits or has closed."""
        await self._waiting.wait()
        written, self.written = self.written, b""
        return written.decode()

    async def say(self, octets: bytes | Exception) -> str:
        self._waiting.clear()
        self._incoming.put_nowait(octets)
        return await self.heard()
