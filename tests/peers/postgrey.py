"""The real postgrey, a greylisting policy service, on a port or at a path."""

from __future__ import annotations

import shutil

from peers import needs
from peers.ports import free_port
from peers.processes import Process, peer_folder, remove_folder, removed_on_failure
from peers.waiting import answering, listening

__all__ = ["Postgrey"]

END = 1.0
"""Seconds after SIGTERM: it misses one now and then, and its database stands SIGKILL."""


class Postgrey:
    """A running postgrey.

    Args:
        delay: seconds that mail between new partners has to wait.
        at_path: whether it listens at a path instead of a port.
    """

    def __init__(self, *, delay: int = 1, at_path: bool = False) -> None:
        needs.root("postgrey")
        command = needs.program("postgrey")
        self.folder = peer_folder("postgrey")
        shutil.chown(self.folder, "postgrey", "postgrey")
        self.path = self.folder / "socket" if at_path else None
        self.port = 0 if at_path else free_port()
        self.service = f"unix:{self.path}" if at_path else f"inet:127.0.0.1:{self.port}"
        place = f"--unix={self.path}" if at_path else f"--inet=127.0.0.1:{self.port}"
        self._argv = [command, place, f"--dbdir={self.folder}", f"--delay={delay}"]
        with removed_on_failure(self.folder):
            self._process = self._start()

    def restart(self) -> None:
        """End it and start it again, with what it remembers."""
        self._process.stop(within=END)
        self._process = self._start()

    def stop(self) -> None:
        """End it and remove its folder."""
        self._process.stop(within=END)
        remove_folder(self.folder)

    def _start(self) -> Process:
        process = Process(self._argv, log=self.folder / "output")
        process.wait_ready(self._listens)
        return process

    def _listens(self) -> bool:
        return listening(self.port) if self.path is None else answering(self.path)
