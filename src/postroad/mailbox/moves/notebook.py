"""`postroad-moves`, a file in the top folder of an account's mail: what its owner keeps of looks.

Mail of other owners is looked at by agents, for a worker that asks. What a worker could tell them
of the last look, one that was taken over could make up, and so be handed any message as one that
was moved. So the agent remembers by itself, as the owner of the mail. Who owns it may write into
the file what he likes, and teaches nobody but himself by that.

The file is written beside its place and renamed. It is not synced: lost or cut, it is as if nobody
had looked before, and what was learned is known again by who learns.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from postroad.mailbox.location import Whereabouts
from postroad.mailbox.moves.snapshot import EMPTY, Snapshot
from postroad.mailbox.regular import open_regular

__all__ = ["BLANK", "NAME", "Notebook", "read_notebook", "write_notebook"]

NAME = "postroad-moves"

MOST_OCTETS = 32_768
"""Of the file: twice of what a full snapshot takes."""

_FRESH = f"{NAME}.new"
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_MAKE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_FIRST_LINE = re.compile(rb"postroad moves 1 ([0-9]{1,12}\.[0-9]{1,9}) ([0-9.-]{0,80})\n")


@dataclass(frozen=True, slots=True)
class Notebook:
    """What is kept.

    Attributes:
        snapshot: the folder for junk at the last look.
        looked: when that was, seconds since the epoch; 0: there was none.
        stamp: what `stamp_of` said then; empty: it has to be looked at again.
    """

    snapshot: Snapshot = EMPTY
    looked: float = 0.0
    stamp: str = ""


BLANK = Notebook()


def read_notebook(where: Whereabouts) -> Notebook:
    """What is kept of an account; a blank one where that cannot be read. Blocks.

    Raises:
        OSError: the account's folder cannot be entered.
    """
    with _entered(where) as folder:
        try:
            descriptor = open_regular(NAME, os.O_RDONLY, folder)
            with os.fdopen(descriptor, "rb") as file:
                return _parsed(file.read(MOST_OCTETS + 1))
        except OSError:
            return BLANK


def write_notebook(where: Whereabouts, notebook: Notebook) -> None:
    """Keep it, in place of what was kept. Blocks.

    Raises:
        OSError: it is not kept.
    """
    looked = f"{max(0.0, notebook.looked):.6f}"
    octets = f"postroad moves 1 {looked} {notebook.stamp}\n".encode() + notebook.snapshot.pack()
    with _entered(where) as folder:
        with suppress(FileNotFoundError):  # who wrote it before was killed
            os.unlink(_FRESH, dir_fd=folder)
        descriptor = os.open(_FRESH, _MAKE, 0o600, dir_fd=folder)
        with os.fdopen(descriptor, "wb") as file:
            file.write(octets)
        os.replace(_FRESH, NAME, src_dir_fd=folder, dst_dir_fd=folder)


def _parsed(octets: bytes) -> Notebook:
    match = _FIRST_LINE.match(octets)
    if match is None or len(octets) > MOST_OCTETS:
        return BLANK
    snapshot = Snapshot.unpack(octets[match.end() :])
    return Notebook(snapshot, float(match[1]), match[2].decode("ascii"))


@contextmanager
def _entered(where: Whereabouts) -> Iterator[int]:
    descriptor = os.open(where.root, _FOLDER)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
