"""The control socket of a worker: one JSON object each way, over a Unix-domain socket.

A shard has one writer, the worker that owns it, so whoever wants something done to it must ask
that worker. The socket lies in the state directory, which only the server's user and root may
enter; there is no other authentication, and none is needed.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from postroad.spool import SpoolError

__all__ = ["Answer", "Command", "ControlError", "ControlServer", "Request", "ask", "sockets"]

MAX_REQUEST = 1_048_576  # octets; a request names at most some thousands of queue IDs
TIMEOUT = 30.0  # seconds for the asker to speak, and to take the answer
PATIENCE = 600.0  # seconds for the answer: a flush of a very long queue on a slow disk

Request = Mapping[str, object]
Answer = dict[str, object]
Command = Callable[[Request], Awaitable[Answer]]


class ControlError(Exception):
    """The worker refused, or did not answer."""


class ControlServer:
    """Answers commands on a worker's socket."""

    def __init__(self, path: Path, commands: Mapping[str, Command]) -> None:
        """A server not yet listening.

        Args:
            path: where the socket is to be; what a dead worker left there is replaced.
            commands: by name. Each gets the request's object and returns the answer's.
        """
        self._path = path
        self._commands = commands
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen."""
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._path.unlink(missing_ok=True)
        self._server = await asyncio.start_unix_server(self._serve, self._path, limit=MAX_REQUEST)
        self._path.chmod(0o600)

    async def close(self) -> None:
        """Stop listening and remove the socket."""
        if self._server is not None:
            self._server.close()
            self._path.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(TIMEOUT):
                line = await reader.readline()
            writer.write(json.dumps(await self._answer(line)).encode() + b"\n")
            async with asyncio.timeout(TIMEOUT):
                await writer.drain()
        except (OSError, TimeoutError, ValueError):
            return  # the asker went away or asks too much: nobody to tell
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _answer(self, line: bytes) -> Answer:
        try:
            request = json.loads(line)
        except (ValueError, RecursionError):
            return {"error": "the request is not JSON"}
        name = request.get("command") if isinstance(request, dict) else None
        command = self._commands.get(name) if isinstance(name, str) else None
        if command is None:
            return {"error": f"there is no command {name!r}; there are {', '.join(self._commands)}"}
        try:
            return await command(request)
        except (ValueError, OSError, SpoolError) as error:
            return {"error": str(error)}


def sockets(state: Path) -> list[Path]:
    """The control sockets in a state directory, of living and dead workers."""
    return sorted((state / "run").glob("worker-*.sock"))


def ask(path: Path, request: Request) -> Answer | None:
    """Put a request to a worker, and wait for its answer.

    Args:
        path: its control socket.
        request: a JSON object with a `command`.

    Returns:
        The answer, or `None` when no worker listens there.

    Raises:
        ControlError: the worker refused, or broke off.
    """
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as channel:
            channel.settimeout(PATIENCE)
            channel.connect(str(path))
            channel.sendall(json.dumps(request).encode() + b"\n")
            with channel.makefile("rb") as stream:
                line = stream.readline()
    except (FileNotFoundError, ConnectionRefusedError):
        return None
    except OSError as error:
        raise ControlError(f"{path}: {error}") from None
    try:
        answer = json.loads(line)
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        raise ControlError(f"{path}: the worker broke off")
    if "error" in answer:
        raise ControlError(str(answer["error"]))
    return answer
