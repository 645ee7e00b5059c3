"""What idle connections and large messages cost in memory, against their limits.

Counted is the memory of all server processes: for connections the proportional set size (shared
pages are split among those who share them) before and after, for a message the highest resident
size while it is taken and delivered. Ends with status 1 when a limit is passed.

    python bench/memory.py [--connections N] [--tls-connections N] [--megabytes N]
"""

from __future__ import annotations

import argparse
import socket
import ssl
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from peers import postroad, sinks
from peers.certificates import Authority, Certificate
from peers.processes import peer_folder, remove_folder
from peers.waiting import until

_CONNECTION_LIMIT = 40  # KiB for each idle connection
_MESSAGE_LIMIT = 20  # MB more than before, whatever the size of the message
_MAX_CONNECTIONS = 15_000
_MAX_TLS_CONNECTIONS = 5_000
_MAX_MEGABYTES = 1_000
_TIME_LIMIT = 120.0  # seconds for any single step
_LOCAL = "john@example.org"
_FOREIGN = "lisa@elsewhere.test"


@dataclass(frozen=True, slots=True)
class Figure:
    """A measurement and what it may be; without a limit it is there to be known."""

    name: str
    value: float
    unit: str
    limit: float | None

    @property
    def is_too_much(self) -> bool:
        """Whether the limit is passed."""
        return self.limit is not None and self.value >= self.limit

    def __str__(self) -> str:
        figure = f"{self.name:46} {self.value:7.1f} {self.unit}"
        if self.limit is None:
            return figure
        return f"{figure}  (limit {self.limit:g}) {'TOO MUCH' if self.is_too_much else 'ok'}"


def main() -> int:
    """Measure, print, and return the exit status."""
    options = _options()
    figures = []
    figures.append(_idle(min(options.connections, _MAX_CONNECTIONS), secure=False))
    print(figures[-1], flush=True)
    figures.append(_idle(min(options.tls_connections, _MAX_TLS_CONNECTIONS), secure=True))
    print(figures[-1], flush=True)
    for recipient in (_LOCAL, _FOREIGN):
        figures.append(_large(min(options.megabytes, _MAX_MEGABYTES), recipient))
        print(figures[-1], flush=True)
    return any(figure.is_too_much for figure in figures)


def _idle(count: int, *, secure: bool) -> Figure:
    """Connections that have said EHLO, under TLS or not, and nothing until all are there."""
    with _server() as (server, authority, _), ExitStack() as stack:
        trust = ssl.create_default_context(cafile=str(authority.certificate))
        # One connection before the count loads what every connection needs.
        stack.enter_context(_greeted(server.port("mx"), trust if secure else None))
        before = _proportional(server)
        connections = [
            stack.enter_context(_greeted(server.port("mx"), trust if secure else None))
            for _ in range(count)
        ]
        cost = (_proportional(server) - before) / count
        for connection in connections:  # each of them is still held
            _say(connection, b"NOOP", b"250")
    kind = "with TLS" if secure else "plain"
    # What TLS adds is the library's: buffers and keys of each connection.
    limit = None if secure else _CONNECTION_LIMIT
    return Figure(f"each of {count} idle connections, {kind}", cost, "KiB", limit)


def _large(megabytes: int, recipient: str) -> Figure:
    """One message, from its first octet to its delivery."""
    with _server() as (server, _, sink):
        _submit(server.port("mx"), 1, recipient)
        _delivered(server, sink, recipient, 1)
        for pid in _processes(server):
            Path(f"/proc/{pid}/clear_refs").write_text("5")  # VmHWM starts again from VmRSS
        before = _status(server, "VmRSS")
        _submit(server.port("mx"), megabytes, recipient)
        _delivered(server, sink, recipient, 2)
        cost = (_status(server, "VmHWM") - before) * 1024 / 1_000_000
    way = "to a Maildir" if recipient == _LOCAL else "to another server"
    return Figure(f"a message of {megabytes} MB {way}", cost, "MB", _MESSAGE_LIMIT)


@contextmanager
def _server() -> Iterator[tuple[postroad.Postroad, Authority, sinks.Sink]]:
    """One worker that takes large messages and relays to a sink."""
    folder = peer_folder("authority")
    authority = Authority(folder)
    certificate = authority.issue("localhost", "127.0.0.1")
    sink = sinks.Sink()
    try:
        server = postroad.Postroad(
            _settings(certificate, sink), listeners=("mx",), accounts={_LOCAL: "summersun"}
        )
        try:
            yield server, authority, sink
        finally:
            server.stop()
    finally:
        sink.stop()
        remove_folder(folder)


def _settings(certificate: Certificate, sink: sinks.Sink) -> postroad.Table:
    return {
        "workers": 1,
        "tls": {"certificate": str(certificate.chain), "key": str(certificate.key)},
        "limits": {"message_size": 2 * _MAX_MEGABYTES * 1_000_000, "sessions": 0},
        "relay": {"smarthost": f"[127.0.0.1]:{sink.port}"},
    }


@contextmanager
def _greeted(port: int, trust: ssl.SSLContext | None) -> Iterator[socket.socket]:
    """A connection that has said EHLO and read the reply."""
    with socket.create_connection(("127.0.0.1", port), timeout=_TIME_LIMIT) as connection:
        _reply(connection, b"220")
        if trust is None:
            _say(connection, b"EHLO bench.test", b"250")
            yield connection
            return
        _say(connection, b"EHLO bench.test", b"250")
        _say(connection, b"STARTTLS", b"220")
        with trust.wrap_socket(connection, server_hostname="localhost") as secured:
            _say(secured, b"EHLO bench.test", b"250")
            yield secured


def _submit(port: int, megabytes: int, recipient: str) -> None:
    with _greeted(port, None) as connection:
        _say(connection, b"MAIL FROM:<source@source.test>", b"250")
        _say(connection, b"RCPT TO:<" + recipient.encode() + b">", b"250")
        _say(connection, b"DATA", b"354")
        connection.sendall(b"Subject: large\r\n\r\n")
        block = (b"x" * 78 + b"\r\n") * 12_500  # one million octets
        for _ in range(megabytes):
            connection.sendall(block)
        _say(connection, b".", b"250")
        _say(connection, b"QUIT", b"221")


def _say(connection: socket.socket, line: bytes, code: bytes) -> None:
    connection.sendall(line + b"\r\n")
    _reply(connection, code)


def _reply(connection: socket.socket, code: bytes) -> None:
    """Read a whole reply.

    Raises:
        ConnectionError: it is another one.
    """
    reply = b""
    while not (reply.endswith(b"\r\n") and reply.splitlines()[-1][3:4] != b"-"):
        data = connection.recv(4096)
        if not data:
            break
        reply += data
    if not reply.startswith(code):
        raise ConnectionError(f"expected {code.decode()}, got {reply!r}")


def _delivered(server: postroad.Postroad, sink: sinks.Sink, recipient: str, count: int) -> None:
    def done() -> bool:
        if recipient == _LOCAL:
            return len(list((server.maildir(_LOCAL).new).glob("*"))) >= count
        return sink.messages() >= count

    until(done, within=_TIME_LIMIT, what="delivery")


def _processes(server: postroad.Postroad) -> list[int]:
    return [server.supervisor, *server.workers()]


def _proportional(server: postroad.Postroad) -> float:
    """KiB of all processes together."""
    return sum(_field(Path(f"/proc/{pid}/smaps_rollup"), "Pss") for pid in _processes(server))


def _status(server: postroad.Postroad, field: str) -> float:
    """KiB of all processes together."""
    return sum(_field(Path(f"/proc/{pid}/status"), field) for pid in _processes(server))


def _field(path: Path, field: str) -> int:
    for line in path.read_text().splitlines():
        name, _, value = line.partition(":")
        if name == field:
            return int(value.split()[0])
    raise LookupError(f"{path} has no {field}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--connections", type=int, default=10_000)
    parser.add_argument("--tls-connections", type=int, default=2000)
    parser.add_argument("--megabytes", type=int, default=100)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
