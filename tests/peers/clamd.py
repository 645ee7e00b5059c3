"""ClamAV's daemon as a peer, with a database made by hand: it knows EICAR's test file only."""

from __future__ import annotations

from peers import needs
from peers.processes import Process, peer_folder, remove_folder, removed_on_failure
from peers.waiting import answering

__all__ = ["EICAR", "MOST", "Clamd"]

EICAR = "X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
"""What every scanner takes for a virus, so that it can be tested."""

MOST = 1_048_576
"""Octets of the largest message that it takes."""


class Clamd:
    """A running daemon, on a Unix-domain socket."""

    def __init__(self) -> None:
        needs.root("clamd")
        command = needs.program("clamd")
        self.folder = peer_folder("clamd")
        self.path = self.folder / "socket"
        database = self.folder / "database"
        database.mkdir()
        # A signature of the kind "extended": a name, any file, anywhere, these octets.
        (database / "test.ndb").write_text(f"Eicar-Test:0:*:{EICAR.encode().hex()}\n")
        configuration = self.folder / "clamd.conf"
        configuration.write_text(
            f"LocalSocket {self.path}\nLocalSocketMode 666\nDatabaseDirectory {database}\n"
            f"Foreground yes\nUser root\nStreamMaxLength {MOST}\nTemporaryDirectory {self.folder}\n"
            "OfficialDatabaseOnly no\nMaxThreads 2\n"
        )
        argv = [command, "-F", "-c", str(configuration)]
        with removed_on_failure(self.folder):
            self._process = Process(argv, log=self.folder / "log")
            self._process.wait_ready(lambda: answering(self.path))

    def stop(self) -> None:
        """End it and remove its folder."""
        self._process.stop()
        remove_folder(self.folder)
