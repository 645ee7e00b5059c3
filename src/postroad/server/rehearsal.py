"""A session whose client is this program: what would be answered, without a network.

The real session runs, with the real protocol core, on a connection that is a pair of buffers. So
what is answered here is what a client would be answered, word for word; that nothing has an effect
is the business of the `Service` it is given. TLS is agreed on without a handshake.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from contextlib import suppress
from types import MappingProxyType

from postroad.model import Client, Endpoint, TlsSession
from postroad.net.connection import Connection
from postroad.server.service import Service
from postroad.server.session import Session

__all__ = ["Rehearsal"]

_NO_BINDINGS: Mapping[str, frozenset[bytes]] = MappingProxyType({})


class Rehearsal:
    """A session under way. Belongs to an event loop."""

    def __init__(
        self, service: Service, client: Client, local: Endpoint, tls: TlsSession | None = None
    ) -> None:
        """A session that has not begun.

        Args:
            service: the listener, with everything that may be asked.
            client: who connects; its names are looked up as the service has it.
            local: our end.
            tls: what a handshake would agree on; `None` where none is to be expected.
        """
        self._wire = _Wire(client, local, tls)
        self._session = Session(self._wire, service)
        self._task: asyncio.Task[None] | None = None

    @property
    def is_over(self) -> bool:
        """Whether the server has ended the session."""
        return self._wire.over

    async def greeting(self) -> tuple[str, ...]:
        """Connect; the lines of the greeting."""
        self._task = asyncio.create_task(self._session.run())
        return await self._heard()

    async def say(self, octets: bytes) -> tuple[str, ...]:
        """Send, and return the lines that are answered; none once the session is over.

        Args:
            octets: a command with its CRLF, or content with its end.
        """
        if self.is_over:
            return ()
        self._wire.silent.clear()
        self._wire.incoming.put_nowait(octets)
        return await self._heard()

    async def end(self) -> None:
        """Leave with QUIT, so that what was decided is told to the history."""
        if self._task is None:
            return
        await self.say(b"QUIT\r\n")
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task

    async def _heard(self) -> tuple[str, ...]:
        assert self._task is not None, "it has begun"
        waiting = asyncio.ensure_future(self._wire.silent.wait())
        await asyncio.wait((waiting, self._task), return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if self._task.done() and not self._task.cancelled():
            self._task.result()  # a bug is to be seen
        return self._wire.taken()


class _Wire(Connection):
    """A connection without a socket."""

    __slots__ = ("_agreed", "_written", "incoming", "over", "silent")

    def __init__(self, peer: Client, local: Endpoint, agreed: TlsSession | None) -> None:
        super().__init__(peer=peer, local=local)
        self._agreed = agreed
        self._written = b""
        self.incoming: asyncio.Queue[bytes] = asyncio.Queue()
        self.silent = asyncio.Event()
        self.over = False

    def taken(self) -> tuple[str, ...]:
        """The lines that were written since the last call."""
        written, self._written = self._written, b""
        text = written.decode("utf-8", "replace").removesuffix("\r\n")
        return tuple(text.split("\r\n")) if text else ()

    async def read(self, timeout: float) -> bytes:  # noqa: ARG002, ASYNC109 - this client is quick
        if self.incoming.empty():
            self.silent.set()
        return await self.incoming.get()

    def write(self, data: bytes) -> None:
        if not self.over:
            self._written += data

    async def drain(
        self,
        timeout: float,  # noqa: ASYNC109 - it is never congested
        *,
        or_read: bool = False,
    ) -> None:
        pass

    @property
    def channel_bindings(self) -> Mapping[str, frozenset[bytes]]:
        return _NO_BINDINGS

    async def open(self) -> None:
        pass

    async def start_tls(
        self,
        context: ssl.SSLContext,  # noqa: ARG002 - nothing is encrypted here
        *,
        server_side: bool,  # noqa: ARG002
        timeout: float,  # noqa: ARG002, ASYNC109
        name: str | None = None,  # noqa: ARG002
        invitation: bytes = b"",
        plain_answer: bytes = b"",  # noqa: ARG002
    ) -> None:
        self.write(invitation)
        self.tls = self._agreed

    def close(self) -> None:
        self.over = True
        self.silent.set()

    def abort(self) -> None:
        self.close()

    async def gone(self) -> None:
        pass
