"""A small SMTP or LMTP server on a real socket, made to misbehave by the test.

It takes every message unless told otherwise: `said` maps a verb (`CONNECT`, `EHLO`, `MAIL`, `END`
…) to the replies it gives next, one each time; `DROP` as a reply cuts the connection.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

DROP = "DROP"
HANG = "HANG"
OFFER = ("PIPELINING", "SIZE 10000000", "8BITMIME", "SMTPUTF8")


@dataclass
class Taken:
    """A message as the server got it; the content without dot-stuffing undone."""

    sender: str
    recipients: list[str]
    content: bytes
    chunked: bool = False


@dataclass
class FakeMx:
    """See the module."""

    offer: tuple[str, ...] = OFFER
    said: Mapping[str, list[str]] = field(default_factory=dict)
    context: ssl.SSLContext | None = None
    implicit: bool = False
    lmtp: bool = False
    messages: list[Taken] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    connections: int = 0
    clients: list[str] = field(default_factory=list)  # the addresses they came from
    port: int = 0

    def __post_init__(self) -> None:
        self._left = {verb: list(replies) for verb, replies in self.said.items()}
        self.closed: asyncio.Queue[str] = asyncio.Queue()
        self.hanging = asyncio.Event()
        self.peers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    async def start(
        self, *, path: Path | None = None, host: str = "127.0.0.1", port: int = 0
    ) -> FakeMx:
        if path is not None:
            self._server = await asyncio.start_unix_server(self._session, path)
            return self
        context = self.context if self.implicit else None
        self._server = await asyncio.start_server(self._session, host, port, ssl=context)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        for writer in self.peers:
            writer.transport.abort()

    async def _session(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.clients.append((writer.get_extra_info("peername") or ("",))[0])
        self.peers.add(writer)
        how = "end of file"
        try:
            await self._talk(reader, writer)
        except (ConnectionError, ssl.SSLError, asyncio.IncompleteReadError) as error:
            how = type(error).__name__
        finally:
            self.peers.discard(writer)
            writer.transport.abort()
            self.closed.put_nowait(how)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        mail = Taken("", [], b"")
        await self._say(writer, "CONNECT", "220 fake ESMTP")
        while line := await reader.readline():
            text = line.decode().rstrip("\r\n")
            verb, _, rest = text.partition(" ")
            self.commands.append(text)
            match verb:
                case "EHLO" | "LHLO":
                    lines = ["fake", *self.offer]
                    marks = ["-"] * (len(lines) - 1) + [" "]
                    default = "\r\n".join(
                        f"250{mark}{line}" for mark, line in zip(marks, lines, strict=True)
                    )
                    await self._say(writer, verb, default)
                case "STARTTLS":
                    if await self._say(writer, verb, "220 Go"):
                        assert self.context is not None
                        await writer.start_tls(self.context)
                case "MAIL":
                    mail = Taken(rest.split(">")[0].partition("<")[2], [], b"")
                    await self._say(writer, verb, "250 2.1.0 Ok")
                case "RCPT":
                    if await self._say(writer, verb, "250 2.1.5 Ok"):
                        mail.recipients.append(rest.split(">")[0].partition("<")[2])
                case "DATA":
                    default = "354 Go" if mail.recipients else "554 5.5.1 No recipients"
                    if await self._say(writer, verb, default):
                        await self._take(reader, writer, mail)
                case "BDAT":
                    await self._take_chunk(reader, writer, mail, rest)
                case "QUIT":
                    await self._say(writer, verb, "221 Bye")
                    return
                case "AUTH":
                    await self._say(writer, verb, "235 2.7.0 Ok")
                case _:
                    await self._say(writer, verb, "250 2.0.0 Ok")

    async def _take(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, mail: Taken
    ) -> None:
        lines = []
        while (line := await reader.readuntil(b"\n")) != b".\r\n":
            lines.append(line)
        mail.content = b"".join(lines)
        await self._answer_content(writer, mail)

    async def _take_chunk(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        mail: Taken,
        argument: str,
    ) -> None:
        size, _, last = argument.partition(" ")
        mail.content += await reader.readexactly(int(size))
        mail.chunked = True
        if not mail.recipients:
            await self._say(writer, "NOBODY", "554 5.5.1 No recipients")
        elif last == "LAST":
            await self._answer_content(writer, mail)
        else:
            await self._say(writer, "CHUNK", "250 2.0.0 Ok")

    async def _answer_content(self, writer: asyncio.StreamWriter, mail: Taken) -> None:
        default = f"250 2.0.0 Ok: queued as {len(self.messages)}"
        replies = len(mail.recipients) if self.lmtp else 1
        taken = [await self._say(writer, "END", default) for _ in range(replies)]
        if any(taken):
            self.messages.append(mail)

    async def _say(self, writer: asyncio.StreamWriter, verb: str, default: str) -> bool:
        queued = self._left.get(verb)
        reply = queued.pop(0) if queued else default
        if reply == HANG:
            self.hanging.set()
            await asyncio.Event().wait()
        if reply == DROP:
            raise ConnectionAbortedError
        writer.write(f"{reply}\r\n".encode())
        await writer.drain()
        return reply[0] in "23"
