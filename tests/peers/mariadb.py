"""A real MariaDB, empty but for what a test puts into it."""

from __future__ import annotations

import shutil
import subprocess

from peers import needs
from peers.ports import free_port
from peers.processes import Process, peer_folder, remove_folder, removed_on_failure
from peers.waiting import until

__all__ = ["MariaDb"]

USER, PASSWORD, DATABASE = "mailserver", "pass'wörd%", "mailserver"


class MariaDb:
    """A running server with one database and one user that may read it."""

    def __init__(self) -> None:
        needs.root("MariaDB")
        self._server = needs.program("mariadbd")
        install = needs.program("mariadb-install-db")
        self.folder = peer_folder("mariadb")
        self.socket = self.folder / "socket"
        self.port = free_port()
        shutil.chown(self.folder, "mysql", "mysql")
        with removed_on_failure(self.folder):
            argv = [install, "--no-defaults", f"--datadir={self.folder}/data", "--user=mysql"]
            argv += ["--auth-root-authentication-method=normal", "--skip-test-db"]
            subprocess.run(argv, check=True, capture_output=True)
            self.start()
            self.execute(
                f"CREATE DATABASE {DATABASE} CHARACTER SET utf8mb4;"
                f"CREATE USER {USER} IDENTIFIED BY '{PASSWORD.replace(chr(39), chr(39) * 2)}';"
                f"GRANT SELECT ON {DATABASE}.* TO {USER};"
            )

    def start(self) -> None:
        """Start it; also again, after `stop`."""
        argv = [self._server, "--no-defaults", f"--datadir={self.folder}/data", "--user=mysql"]
        argv += [f"--socket={self.socket}", f"--port={self.port}", "--bind-address=127.0.0.1"]
        argv += [f"--pid-file={self.folder}/pid", "--sql-mode="]
        argv += ["--innodb-buffer-pool-size=16M", "--innodb-log-file-size=8M", "--skip-log-bin"]
        self._process = Process(argv, log=self.folder / "output")
        self._process.wait_ready(self._answers)

    def execute(self, statements: str, database: str = "") -> None:
        """Run SQL as root."""
        argv = [needs.program("mariadb"), "--no-defaults", f"--socket={self.socket}", "--user=root"]
        argv += ["--default-character-set=utf8mb4", *([database] if database else [])]
        subprocess.run(argv, input=statements.encode(), check=True, capture_output=True)

    def end(self) -> None:
        """End it, and keep its data."""
        self._process.stop()

    def stop(self) -> None:
        """End it and remove its folder."""
        self.end()
        remove_folder(self.folder)

    def hang_up(self) -> None:
        """Close every connection that others have."""
        listed = "SELECT id FROM information_schema.processlist WHERE user = 'mailserver'"
        argv = [needs.program("mariadb"), "--no-defaults", f"--socket={self.socket}", "--user=root"]
        ran = subprocess.run([*argv, "-Ne", listed], check=True, capture_output=True, text=True)
        for number in ran.stdout.split():
            self.execute(f"KILL CONNECTION {int(number)};")
        count = [*argv, "-Ne", f"SELECT COUNT(*) FROM ({listed}) AS x"]
        until(
            lambda: subprocess.run(count, capture_output=True, check=True).stdout.strip() == b"0",
            within=30,
            what="the end of connections",
        )

    def _answers(self) -> bool:
        argv = [needs.program("mariadb"), "--no-defaults", f"--socket={self.socket}", "--user=root"]
        return (
            subprocess.run([*argv, "-e", "SELECT 1"], capture_output=True, check=False).returncode
            == 0
        )
