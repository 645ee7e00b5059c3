"""The control socket: what is asked over it, by whom, and what else may be at its other end."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from postroad.admin import control
from postroad.admin.control import Answer, ControlError, ControlServer, Request, ask, sockets
from postroad.spool import SpoolError


async def echo(request: Request) -> Answer:
    return {"heard": request["word"]}


async def refuse(request: Request) -> Answer:
    raise {"value": ValueError, "disk": OSError, "spool": SpoolError}[str(request["by"])]("no")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run" / "worker-0.sock"


@pytest.fixture
async def server(path: Path) -> AsyncIterator[ControlServer]:
    server = ControlServer(path, {"echo": echo, "refuse": refuse})
    await server.start()
    yield server
    await server.close()


async def asked(path: Path, request: Request) -> Answer | None:
    return await asyncio.to_thread(ask, path, request)


async def raw(path: Path, octets: bytes, *, end: bool = True) -> bytes:
    """The answer to octets that need not be a request; nothing where the worker only hangs up."""
    reader, writer = await asyncio.open_unix_connection(path)
    try:
        writer.write(octets)
        await writer.drain()
        if end:
            writer.write_eof()
        return await reader.read()
    except ConnectionError:
        return b""
    finally:
        writer.close()


async def test_a_request_is_answered(server: ControlServer, path: Path) -> None:
    assert await asked(path, {"command": "echo", "word": ["a", None, "\u00fc"]}) == {
        "heard": ["a", None, "\u00fc"]
    }
    assert sockets(path.parent.parent) == [path]


async def test_only_the_owner_may_ask(server: ControlServer, path: Path) -> None:
    modes = [stat.S_IMODE(os.stat(each).st_mode) for each in (path, path.parent)]
    assert modes == [0o600, 0o700]


@pytest.mark.parametrize("by", ["value", "disk", "spool"])
async def test_a_refusal_has_its_reason(server: ControlServer, path: Path, by: str) -> None:
    with pytest.raises(ControlError, match=r"^no$"):
        await asked(path, {"command": "refuse", "by": by})


@pytest.mark.parametrize(
    ("octets", "error"),
    [
        (b"", "not JSON"),
        (b"\n", "not JSON"),
        (b"EHLO x\r\n", "not JSON"),
        (b"\xff\xfe\n", "not JSON"),
        (b"[" * 200_000 + b"\n", "not JSON"),
        (b"[]\n", "no command None; there are echo, refuse"),
        (b"7\n", "no command None"),
        (b"{}\n", "no command None"),
        (b'{"command": ["echo"]}\n', "no command"),
        (b'{"command": "stop"}\n', "no command 'stop'"),
        (b'{"command": "echo", "word": 1', "not JSON"),
    ],
)
async def test_what_is_no_request_gets_an_error(
    server: ControlServer, path: Path, octets: bytes, error: str
) -> None:
    said = json.loads(await raw(path, octets))

    assert error in said["error"]
    assert await asked(path, {"command": "echo", "word": 1}) == {"heard": 1}


async def test_a_request_without_end_is_cut_off(server: ControlServer, path: Path) -> None:
    assert await raw(path, b"x" * (3 * control.MAX_REQUEST), end=False) == b""
    assert await asked(path, {"command": "echo", "word": 1}) == {"heard": 1}


async def test_an_asker_that_says_nothing_is_let_go(
    server: ControlServer, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control, "TIMEOUT", 0.0)
    assert await raw(path, b"", end=False) == b""


@pytest.mark.parametrize("octets", [b"", b"{", b'{"command": "echo", "word": 1}\n'])
async def test_an_asker_that_goes_away_does_no_harm(
    server: ControlServer, path: Path, octets: bytes
) -> None:
    for _ in range(20):
        _, writer = await asyncio.open_unix_connection(path)
        writer.write(octets)
        writer.transport.abort()
    assert await asked(path, {"command": "echo", "word": 1}) == {"heard": 1}


async def test_the_socket_of_a_dead_worker(path: Path) -> None:
    path.parent.mkdir()
    assert await asked(path, {"command": "echo"}) is None
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    assert sockets(path.parent.parent) == [path]
    assert await asked(path, {"command": "echo"}) is None

    server = ControlServer(path, {"echo": echo})
    await server.start()
    assert await asked(path, {"command": "echo", "word": 1}) == {"heard": 1}
    await server.close()
    assert sockets(path.parent.parent) == []
    assert await asked(path, {"command": "echo"}) is None


@pytest.mark.parametrize("answer", [b"", b"nonsense\n", b"[]\n", b"7\n"])
async def test_a_worker_that_breaks_off(path: Path, answer: bytes) -> None:
    path.parent.mkdir()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(answer)
        writer.close()

    server = await asyncio.start_unix_server(serve, path)
    with pytest.raises(ControlError, match="broke off"):
        await asked(path, {"command": "echo"})
    server.close()
    await server.wait_closed()


async def test_what_is_no_socket_is_told(path: Path) -> None:
    long = path.with_name("x" * 200)
    with pytest.raises(ControlError, match="too long"):
        await asked(long, {"command": "echo"})
