"""SpamAssassin's daemon as a peer: scores what `spamc` brings, by the rules of Debian's package."""

from __future__ import annotations

from peers import needs
from peers.ports import free_port
from peers.processes import Process, peer_folder, remove_folder, removed_on_failure
from peers.waiting import listening

__all__ = ["GTUBE", "Spamd"]

GTUBE = "XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"
"""What every installation takes for spam, so that it can be tested."""


class Spamd:
    """A running daemon that asks no network."""

    def __init__(self, *options: str) -> None:
        """Started and ready, with further options."""
        needs.root("spamd")
        command = needs.program("spamd")
        self.client = needs.program("spamc")
        self.folder = peer_folder("spamd")
        self.port = free_port()
        argv = [
            *(command, "--local", "--nouser-config", "--min-children=1", "--max-children=2"),
            *(f"--listen=127.0.0.1:{self.port}", "--username=nobody", "--syslog=stderr"),
            f"--helper-home-dir={self.folder}",
            *options,
        ]
        with removed_on_failure(self.folder):
            self._process = Process(argv, log=self.folder / "log")
            self._process.wait_ready(lambda: listening(self.port))

    def stop(self) -> None:
        """End it and remove its folder."""
        self._process.stop()
        remove_folder(self.folder)
