"""`socketmap:`, Sendmail's protocol of look-ups (socketmap_table(5)), and `tcp:` (tcp_table(5)).

A question and an answer each are one netstring, or one line. Whatever a server says that is not
exactly an answer makes the table unavailable: never «not found», never an address that was cut.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Sequence
from functools import partial

from postroad.tables.kept import Bounds, Kept
from postroad.tables.streams import Endpoint, Stream
from postroad.tables.table import TableMistake, TableUnavailable, Warn

__all__ = ["SocketmapTable", "TcpTable", "socketmap_table", "tcp_table"]

MAX_REPLY = 100_000
"""Octets of an answer in a netstring (socketmap_table(5), "REPLY FORMAT")."""

MAX_LINE = 4096
"""Octets of an answer in a line, its end included (tcp_table(5), "REPLY FORMAT")."""

_LENGTH = re.compile(rb"0|[1-9][0-9]{0,5}")
_CODE = re.compile(rb"([245])[0-9][0-9] ([^\n]*)\n")
_QUOTED = re.compile(rb"%([0-9A-Fa-f]{2})?")
_ODD = re.compile(rb"[^!-$&-~]")


class SocketmapTable:
    """A server that is asked by name and key."""

    takes_parts = False

    def __init__(self, name: str, endpoint: Endpoint, map_name: str, bounds: Bounds) -> None:
        self.name = name
        self._map = map_name
        self._kept: Kept[Stream] = Kept(lambda: (endpoint.dial,), bounds)

    async def find(self, key: str) -> str | None:
        """What the server answers.

        Raises:
            TableUnavailable: nothing, an error, or no answer at all.
        """
        question = _octets(f"{self._map} {key}")
        framed = b"%d:%b," % (len(question), question)
        status, _, rest = await self._kept.ask(partial(_ask_netstring, framed))
        if status == "OK":
            return rest
        if status == "NOTFOUND":
            return None
        if status in {"TEMP", "TIMEOUT", "PERM"}:
            raise TableUnavailable(f"the server says {status} {rest[:200]}".rstrip())
        raise TableUnavailable(f'the server says what is no answer: "{status[:60]}"')

    def values(self) -> None:
        """Nobody knows."""

    async def close(self) -> None:
        """Hang up."""
        await self._kept.close()


class TcpTable:
    """A server that is asked by key."""

    takes_parts = False

    def __init__(self, name: str, endpoint: Endpoint, bounds: Bounds) -> None:
        self.name = name
        self._kept: Kept[Stream] = Kept(lambda: (endpoint.dial,), bounds)

    async def find(self, key: str) -> str | None:
        """What the server answers.

        Raises:
            TableUnavailable: an error, or no answer at all.
        """
        quoted = _ODD.sub(lambda odd: b"%%%02X" % odd.group()[0], _octets(key))
        line = await self._kept.ask(partial(_ask_line, b"get " + quoted + b"\n"))
        found = _CODE.fullmatch(line)
        if found is None:
            raise TableUnavailable(f"the server says what is no answer: {line[:60]!r}")
        text = _text(_unquoted(found.group(2)))
        if found.group(1) == b"4":
            raise TableUnavailable(f"the server says {text[:200]}".rstrip())
        return text if found.group(1) == b"2" else None

    def values(self) -> None:
        """Nobody knows."""

    async def close(self) -> None:
        """Hang up."""
        await self._kept.close()


def socketmap_table(name: str, rest: str, _: Warn) -> SocketmapTable:
    """`socketmap:inet:host:port:name`, `socketmap:unix:path:name`.

    Raises:
        TableMistake: it is not of this form.
    """
    kind, more = rest.partition(":")[::2]
    where, colon, map_name = more.rpartition(":")
    kinds: dict[str, Callable[[str], Endpoint]] = {"inet": Endpoint.inet, "unix": Endpoint.unix}
    if kind not in kinds or not colon or not map_name:
        raise TableMistake('expected "socketmap:inet:host:port:name" or "socketmap:unix:path:name"')
    return SocketmapTable(name, kinds[kind](where), map_name, Bounds())


def tcp_table(name: str, rest: str, _: Warn) -> TcpTable:
    """`tcp:host:port`.

    Raises:
        TableMistake: it is not of this form.
    """
    return TcpTable(name, Endpoint.inet(rest), Bounds())


async def _ask_netstring(framed: bytes, stream: Stream) -> Sequence[str]:
    return _text(await stream.ask(framed, _netstring)).partition(" ")


async def _ask_line(line: bytes, stream: Stream) -> bytes:
    return await stream.ask(line, _line)


async def _netstring(reader: asyncio.StreamReader) -> bytes:
    length = b""
    while (octet := await reader.readexactly(1)) != b":":
        length += octet
        if not octet.isdigit() or len(length) > 6:
            raise TableUnavailable(f"the server does not speak netstrings: {length!r}")
    if not _LENGTH.fullmatch(length) or int(length) > MAX_REPLY:
        raise TableUnavailable(f"the server announces an answer of {length!r} octets")
    answer = await reader.readexactly(int(length) + 1)
    if answer[-1:] != b",":
        raise TableUnavailable("the server's answer is longer than it said")
    return answer[:-1]


async def _line(reader: asyncio.StreamReader) -> bytes:
    try:
        line = await reader.readuntil(b"\n")
    except asyncio.LimitOverrunError as error:
        raise TableUnavailable("the server's answer is too long") from error
    if len(line) > MAX_LINE:
        raise TableUnavailable("the server's answer is too long")
    return line


def _octets(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise TableUnavailable("the key is no text") from error


def _text(octets: bytes) -> str:
    try:
        return octets.decode()
    except UnicodeDecodeError as error:
        raise TableUnavailable("the server's answer is not UTF-8") from error


def _unquoted(text: bytes) -> bytes:
    """Without `%XX`."""

    def meant(found: re.Match[bytes]) -> bytes:
        if found.group(1) is None:
            raise TableUnavailable("the server's answer has a % that stands for nothing")
        return bytes([int(found.group(1), 16)])

    return _QUOTED.sub(meant, text)
