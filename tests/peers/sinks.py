"""Postfix's own test tools: `smtp-source` sends messages, `smtp-sink` takes and forgets them."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from peers import needs
from peers.ports import free_port
from peers.processes import Process, peer_folder, remove_folder, removed_on_failure
from peers.waiting import listening

__all__ = ["Sink", "send"]

_BACKLOG = "1024"


class Sink:
    """A running `smtp-sink` on a loopback port. It counts the messages that it took."""

    def __init__(self) -> None:
        self.folder = peer_folder("sink")
        self.port = free_port()
        argv = [needs.program("smtp-sink"), *_user(), "-c", f"127.0.0.1:{self.port}", _BACKLOG]
        with removed_on_failure(self.folder):
            self._process = Process(argv, log=self.folder / "count")
            self._process.wait_ready(lambda: listening(self.port))

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def messages(self) -> int:
        """How many messages it has taken so far.

        `smtp-sink -c` rewrites one line, `\\rsess=N quit=N mesg=N`, at each change.
        """
        with (self.folder / "count").open("rb") as counts:
            counts.seek(0, 2)
            counts.seek(max(0, counts.tell() - 200))
            tail = counts.read()
        marks = tail.split(b"mesg=")
        digits = marks[-1].split() if len(marks) > 1 else []
        return int(digits[0]) if digits else 0

    def stop(self) -> None:
        """End it."""
        self._process.stop()
        remove_folder(self.folder)


def _user() -> list[str]:
    """`smtp-sink` refuses to run as root."""
    return ["-u", "postfix"] if os.geteuid() == 0 else []


def send(
    port: int,
    messages: int,
    *,
    sessions: int = 20,
    size: int = 4096,
    within: float = 300,
    kept: bool = False,
    message: Path | None = None,
) -> None:
    """Send equal messages with `smtp-source`.

    Args:
        port: of the server on 127.0.0.1.
        messages: how many in all.
        sessions: how many at a time.
        size: octets of each message.
        within: seconds it may take.
        kept: each session sends all its messages over one connection, not one for each.
        message: a file with what is sent, header and body, instead of `size` octets.

    Raises:
        subprocess.CalledProcessError: the server refused or dropped a message.
    """
    source = needs.program("smtp-source")
    addresses = ["-f", "source@source.test", "-t", "sink@sink.test"]
    counts = ["-s", str(sessions), "-m", str(messages)]
    counts += ["-l", str(size)] if message is None else ["-F", str(message)]
    ways = ["-d"] if kept else []
    argv = [source, *ways, *counts, *addresses, f"127.0.0.1:{port}"]
    subprocess.run(argv, check=True, timeout=within, capture_output=True)
