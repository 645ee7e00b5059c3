"""A person at a terminal: types a line into `openssl s_client` or a plain connection, reads on.

The guides show SMTP typed by hand. A dialogue sends exactly the line that is typed there and
returns the server's whole reply, with a time limit on each.
"""

from __future__ import annotations

import os
import select
import socket
import subprocess
import time
from types import TracebackType
from typing import Protocol

from peers import needs

__all__ = ["Dialogue", "plain", "starttls", "tls"]

_TIME_LIMIT = 60.0  # seconds for one reply


class _Line(Protocol):
    """A way to the server: octets there, octets back."""

    def fileno(self) -> int: ...
    def write(self, data: bytes) -> None: ...
    def close(self) -> None: ...


class Dialogue:
    """A conversation with a server."""

    def __init__(self, line: _Line) -> None:
        self._line = line
        self._rest = b""

    def __enter__(self) -> Dialogue:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._line.close()

    def say(self, text: str) -> str:
        """Type a line and return the whole reply, its lines joined by `\\n`."""
        self._line.write(text.encode() + b"\r\n")
        return self.hear()

    def type(self, *lines: str) -> None:
        """Type lines to which no reply is due, such as a message."""
        self._line.write(b"".join(text.encode() + b"\r\n" for text in lines))

    def hear(self) -> str:
        """The next whole reply.

        Raises:
            TimeoutError: it did not come in time; the text holds what did.
            EOFError: the server closed the connection.
        """
        lines = []
        deadline = time.monotonic() + _TIME_LIMIT
        while True:
            line = self._read_line(deadline)
            lines.append(line)
            if line[3:4] != "-":
                return "\n".join(lines)

    def closed(self) -> bool:
        """Whether the server closes the connection now without another word."""
        try:
            return not self._read_line(time.monotonic() + _TIME_LIMIT)
        except EOFError:
            return True

    def _read_line(self, deadline: float) -> str:
        while b"\n" not in self._rest:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self._line], [], [], left)[0]:
                raise TimeoutError(f"no reply in time; so far: {self._rest!r}")
            data = os.read(self._line.fileno(), 65_536)
            if not data:
                raise EOFError(f"connection closed; so far: {self._rest!r}")
            self._rest += data
        line, _, self._rest = self._rest.partition(b"\n")
        return line.decode("utf-8", "replace").rstrip("\r")


def starttls(port: int, *arguments: str, host: str = "127.0.0.1") -> Dialogue:
    """`openssl s_client -quiet -starttls smtp`, as the guides run it.

    It talks up to STARTTLS by itself and shows the last line of the EHLO reply before it on
    standard error, so the first thing to do here is to speak.
    """
    return Dialogue(_Program(f"{host}:{port}", "-starttls", "smtp", *arguments))


def tls(port: int, *arguments: str) -> Dialogue:
    """`openssl s_client -quiet`: TLS from the first byte. The greeting is yet to be heard."""
    return Dialogue(_Program(f"127.0.0.1:{port}", *arguments))


def plain(port: int) -> Dialogue:
    """`telnet localhost PORT`, without encryption. The greeting is yet to be heard."""
    return Dialogue(_Socket(port))


class _Program:
    """`openssl s_client` at the ends of two pipes."""

    def __init__(self, place: str, *arguments: str) -> None:
        argv = [needs.program("openssl"), "s_client", "-quiet", "-crlf", *arguments]
        self._child = subprocess.Popen(
            [*argv, "-connect", place],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )

    def fileno(self) -> int:
        assert self._child.stdout is not None
        return self._child.stdout.fileno()

    def write(self, data: bytes) -> None:
        assert self._child.stdin is not None
        self._child.stdin.write(data.replace(b"\r\n", b"\n"))
        self._child.stdin.flush()

    def close(self) -> None:
        self._child.terminate()
        with self._child:
            self._child.wait(_TIME_LIMIT)


class _Socket:
    """A bare connection."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=_TIME_LIMIT)

    def fileno(self) -> int:
        return self._socket.fileno()

    def write(self, data: bytes) -> None:
        self._socket.sendall(data)

    def close(self) -> None:
        self._socket.close()
