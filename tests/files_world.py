"""Files of a directory, and a clock for those who follow them."""

from __future__ import annotations

import os
from pathlib import Path

from postroad.directory import Alias, Mailbox
from postroad.directory.files.backend import FilesBackend
from postroad.directory.files.settings import FilesSettings
from postroad.directory.names import address_form
from postroad.directory.rules import who_has
from postroad.model import Address
from postroad.tables.extents import Extents

OLD = 1_700_000_000
"""When files were written: long ago."""


def write(path: Path, text: str, at: int = OLD) -> Path:
    """A file as an editor leaves it: another one with the name, and a time in the past."""
    fresh = path.with_name(f"{path.name}.new")
    fresh.write_text(text)
    os.utime(fresh, (at, at))
    return fresh.replace(path)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Files:
    """A backend over files in a folder, with what it said."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.said: list[str] = []
        self.known: list[str] = []
        self.clock = Clock()
        self.extents: Extents | None = None

    def wall(self) -> float:
        return OLD + 1000.0 + self.clock.now

    def write(self, name: str, text: str, at: int = OLD) -> Path:
        return write(self.folder / name, text, at)

    def open(self, **settings) -> FilesBackend:
        self.backend = FilesBackend(
            FilesSettings(**settings),
            domains=["example.org", "example.net", "example.com"],
            default_domain="example.org",
            delimiters="+",
            report=self.said.append,
            inform=self.known.append,
            now=self.clock,
            wall=self.wall,
            extents=self.extents,
        )
        return self.backend

    async def who(self, address: str):
        found = await who_has(address_form(Address.parse(address)), [self.backend], "+")
        if isinstance(found, Alias):
            return [str(target) for target in found.targets]
        return found.user if isinstance(found, Mailbox) else found
