"""A real PostgreSQL, empty but for what a test puts into it."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from pathlib import Path

from peers import needs
from peers.ports import free_port
from peers.processes import Process, peer_folder, remove_folder, removed_on_failure

__all__ = ["PostgreSql"]

USER, PASSWORD, DATABASE = "mailserver", "pass'wörd%", "mailserver"


class PostgreSql:
    """A running server with one database and one user that owns it."""

    def __init__(self) -> None:
        needs.root("PostgreSQL")
        needs.program("runuser")
        self._programs = _programs()
        self.folder = peer_folder("postgresql")
        self.port = free_port()
        shutil.chown(self.folder, "postgres", "postgres")
        with removed_on_failure(self.folder):
            argv = [self._programs / "initdb", "-D", f"{self.folder}/data", "-A", "trust"]
            self._run([*map(str, argv), "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"])
            (self.folder / "data" / "pg_hba.conf").write_text(
                "local all postgres trust\nlocal all all scram-sha-256\n"
                "host all all 127.0.0.1/32 scram-sha-256\n"
            )
            self.start()
            self.execute(
                f"CREATE ROLE {USER} LOGIN PASSWORD '{PASSWORD.replace(chr(39), chr(39) * 2)}';",
                "postgres",
            )
            self.execute(f"CREATE DATABASE {DATABASE} OWNER {USER};", "postgres")

    def start(self) -> None:
        """Start it; also again, after `end`."""
        argv = ["runuser", "-u", "postgres", "--", str(self._programs / "postgres")]
        argv += ["-D", f"{self.folder}/data", "-p", str(self.port), "-k", str(self.folder)]
        argv += ["-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"]
        self._process = Process(argv, log=self.folder / "output")
        self._process.wait_ready(self._answers)

    def execute(self, statements: str, database: str = DATABASE) -> None:
        """Run SQL as the superuser."""
        self._run(self._client(database), statements)

    def hang_up(self) -> None:
        """Close every connection that others have, and wait until they are gone."""
        self.execute(
            "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
            f" WHERE usename = '{USER}'"
        )

    def end(self) -> None:
        """End it, and keep its data."""
        # runuser passes SIGTERM on; with clients connected, PostgreSQL would wait for them.
        self.hang_up()
        self._process.stop()

    def stop(self) -> None:
        """End it and remove its folder."""
        if self._process.running:
            self.end()
        remove_folder(self.folder)

    def _client(self, database: str) -> list[str]:
        argv = [str(self._programs / "psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1"]
        return [*argv, "-h", str(self.folder), "-p", str(self.port), "-d", database]

    def _answers(self) -> bool:
        argv = ["runuser", "-u", "postgres", "--", *self._client("postgres"), "-c", "SELECT 1"]
        return subprocess.run(argv, capture_output=True, check=False, cwd="/").returncode == 0

    def _run(self, argv: list[str], given: str = "") -> None:
        ran = subprocess.run(
            ["runuser", "-u", "postgres", "--", *argv],
            input=given.encode(),
            capture_output=True,
            check=False,
            cwd="/",
            env={**os.environ, "HOME": pwd.getpwnam("postgres").pw_dir},
        )
        assert ran.returncode == 0, ran.stderr.decode("utf-8", "replace")


def _programs() -> Path:
    """Debian keeps each version's programs in a folder of its own."""
    for folder in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True):
        if (folder / "initdb").exists():
            return folder
    return Path(needs.program("initdb")).parent
