"""The real OpenDKIM as a milter, and a small client that shows it messages as Postfix would.

Its keys come from a file in place of the DNS. The client speaks just enough of the milter protocol
(version 6): every step is answered, and blanks after colons are told apart.
"""

from __future__ import annotations

import re
import signal
import socket
import struct
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from peers import needs
from peers.processes import Process, peer_folder, remove_folder, removed_on_failure
from peers.waiting import answering

__all__ = ["TIME", "OpenDkim", "Shown", "Talk"]

_COMMON = """\
AuthservID test.example
AlwaysAddARHeader yes
SoftwareHeader no
On-Default accept
UserID {user}
Socket local:{socket}
Background no
Syslog no
"""
TIME = 30.0  # seconds for one answer

_VERSION, _ACTIONS, _LEADING_BLANKS = 6, 0x1FF, 0x100000
_BODY = 65_535  # octets of a body in one packet
_RESULT = re.compile(r"(?:^|;)\s*dkim=(\w+)")


class Shown(NamedTuple):
    """What it did with a message.

    Attributes:
        ending: the last answer: `c` or `a` for a message that may pass.
        fields: names and values of the fields that it adds, each with its place from the top.
    """

    ending: str
    fields: list[tuple[int, str, str]]

    @property
    def results(self) -> list[str]:
        """Of the signatures, in the order of its field; empty where it said nothing."""
        said = [value for _, name, value in self.fields if name == "Authentication-Results"]
        return _RESULT.findall(said[0]) if said else []


class OpenDkim:
    """A running OpenDKIM.

    Args:
        settings: lines of opendkim.conf: what it does, for whom, with which keys.
        files: written beside them; `{folder}` in the lines is where they are.
    """

    def __init__(self, settings: str, files: Mapping[str, bytes]) -> None:
        needs.root("opendkim")
        command = needs.program("opendkim")
        self.folder = peer_folder("opendkim")
        for name, octets in files.items():
            path = self.folder / name
            path.write_bytes(octets)
            path.chmod(0o600)
        self.socket = self.folder / "socket"
        text = _COMMON.format(user="root", socket=self.socket)
        configuration = self.folder / "opendkim.conf"
        configuration.write_text(text + settings.format(folder=self.folder))
        with removed_on_failure(self.folder):
            self._process = Process(
                [command, "-f", "-x", str(configuration)], log=self.folder / "log"
            )
            self._process.wait_ready(lambda: answering(self.socket))

    def stop(self) -> None:
        """End it at once: it has nothing to save, and takes five seconds over SIGTERM."""
        self._process.signal(signal.SIGKILL)
        self._process.stop()
        remove_folder(self.folder)

    def show(self, message: bytes) -> Shown:
        """Show it one message."""
        return self.show_all([message])[0]

    def show_all(self, messages: Sequence[bytes]) -> list[Shown]:
        """Show it messages, one after the other over one connection."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(TIME)
            connection.connect(str(self.socket))
            talk = Talk(connection)
            return [talk.message(message) for message in messages]


class Talk:
    """One connection to a milter.

    Args:
        connection: to it.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._file = connection.makefile("rb")
        self._send("O", struct.pack("!III", _VERSION, _ACTIONS, _LEADING_BLANKS))
        self._answer()
        self._step("C", b"client.example\x004" + struct.pack("!H", 4321) + b"192.0.2.7\x00")
        self._step("H", b"client.example\x00")

    def message(self, message: bytes, sender: str = "ann@example.org") -> Shown:
        """Show it one message."""
        self._send("D", b"Mi\x00QUEUEID\x00")
        self._step("M", f"<{sender}>".encode() + b"\x00")
        self._step("R", b"<bob@example.net>\x00")
        header, _, body = message.partition(b"\r\n\r\n")
        steps = [("L", name + b"\x00" + value + b"\x00") for name, value in _fields(header)]
        steps.append(("N", b""))
        steps += [("B", body[at : at + _BODY]) for at in range(0, len(body), _BODY)]
        for command, octets in steps:
            answer = self._step(command, octets)
            if answer != "c":  # it has made up its mind, and hears no more of this message
                return Shown(answer, [])
        return self._end()

    def _end(self) -> Shown:
        self._send("E", b"")
        fields = []
        while True:
            answer, octets = self._answer()
            if answer == "i":
                (at,) = struct.unpack("!I", octets[:4])
                name, value, _ = octets[4:].split(b"\x00")
                fields.append((at, name.decode(), value.decode()))
            elif answer == "h":
                name, value, _ = octets.split(b"\x00")
                fields.append((-1, name.decode(), value.decode()))
            elif answer in "carytd":
                return Shown(answer, fields)

    def _step(self, command: str, octets: bytes) -> str:
        self._send(command, octets)
        return self._answer()[0]

    def _send(self, command: str, octets: bytes) -> None:
        packet = command.encode() + octets
        self._connection.sendall(struct.pack("!I", len(packet)) + packet)

    def _answer(self) -> tuple[str, bytes]:
        (size,) = struct.unpack("!I", self._file.read(4))
        packet = self._file.read(size)
        return chr(packet[0]), packet[1:]


def _fields(header: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Names and values as Postfix hands them on: folds are bare line feeds."""
    for line in re.split(rb"\r\n(?![ \t])", header):
        name, _, value = line.partition(b":")
        yield name.rstrip(b" \t"), value.replace(b"\r\n", b"\n")
