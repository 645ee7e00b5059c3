"""Postfix's own look-ups: the real `postmap -q` over tables of every type that it has."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from peers import needs

__all__ = ["Postmap"]

_CONFIGURATION = "compatibility_level = 3.6\nsmtputf8_enable = yes\nqueue_directory = {folder}\n"


class Postmap:
    """Asks tables.

    Args:
        folder: for a configuration of its own.
    """

    def __init__(self, folder: Path) -> None:
        self._command = needs.program("postmap")
        self._folder = folder
        (folder / "main.cf").write_text(_CONFIGURATION.format(folder=folder))
        _make_old(folder / "main.cf")

    def types(self) -> set[str]:
        """The types of tables that are installed."""
        command = needs.program("postconf")
        argv = [command, "-c", str(self._folder), "-m"]
        return set(subprocess.run(argv, capture_output=True, text=True, check=True).stdout.split())

    def compile(self, table: str) -> str:
        """Make the database of a text file; returns what was warned of."""
        argv = [self._command, "-c", str(self._folder), table]
        return subprocess.run(argv, capture_output=True, text=True, check=True).stderr

    def find(self, table: str, keys: Sequence[str]) -> tuple[dict[str, str], str]:
        """What is found for keys without line ends, and what was warned of."""
        _make_old(Path(table.partition(":")[2]))
        argv = [self._command, "-c", str(self._folder), "-q", "-", table]
        asked = "".join(f"{key}\n" for key in keys)
        ran = subprocess.run(argv, input=asked.encode(), capture_output=True, check=False)
        found: dict[str, str] = {}
        for line in ran.stdout.decode().splitlines():
            key = max((each for each in keys if line.startswith(f"{each}\t")), key=len)
            found[key] = line.removeprefix(f"{key}\t")
        return found, ran.stderr.decode("utf-8", "replace")


def _make_old(path: Path) -> None:
    """Postfix waits a second for a file that may still be being written."""
    if path.is_absolute() and path.is_file():
        os.utime(path, (1, 1))
