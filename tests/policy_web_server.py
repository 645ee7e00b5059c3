"""A small HTTPS server that gives out one answer, and remembers what it was asked."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path
from tempfile import TemporaryDirectory

from chains import Issued

PATH = "/.well-known/mta-sts.txt"


def served(text: str | bytes, status: str = "200 OK", kind: str = "text/plain", **more: str):
    """An HTTP answer."""
    body = text.encode() if isinstance(text, str) else text
    fields = {"Content-Type": kind, "Content-Length": str(len(body)), **more}
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items() if value)
    return f"HTTP/1.1 {status}\r\n{head}Connection: close\r\n\r\n".encode() + body


def server_tls(leaf: Issued, *others: Issued) -> ssl.SSLContext:
    """The context of a server with this chain."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with TemporaryDirectory() as folder:
        chain, key = Path(folder, "chain"), Path(folder, "key")
        chain.write_bytes(leaf.pem + b"".join(each.pem for each in others))
        key.touch(0o600)
        key.write_bytes(leaf.key_pem)
        context.load_cert_chain(chain, key)
    return context


class WebServer:
    """See the module. `answer` may be changed at any time; empty: it says nothing."""

    def __init__(self, context: ssl.SSLContext, answer: bytes = b"") -> None:
        self.answer = answer
        self.asked: list[str] = []
        self.port = 0
        self._context = context
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> WebServer:
        self._server = await asyncio.start_server(self._serve, host, port, ssl=self._context)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        for writer in self._writers:
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            host = next(line for line in head.splitlines() if line.lower().startswith("host:"))
            self.asked.append(f"{head.split()[1]} {host.partition(' ')[2]}")
            if not self.answer:
                await reader.read()
            writer.write(self.answer)
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
            pass
        finally:
            self._writers.discard(writer)
            writer.transport.abort() if not self.answer else writer.close()
