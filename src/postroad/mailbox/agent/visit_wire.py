"""What a worker and an agent say to each other about moves.

    worker   {"look": 1, "places": […], "junk": "Junk", "trash": ["Trash"], "since": 1.7e9, …}
    agent    {"moves": [true, false], "stamp": ""}
    worker   {"read": 0, "most": 786432}
    agent    {"octets": 70000}, and these octets, in pieces of `PIECE`
    worker   {"heard": 2}
    agent    {"stamp": "1234.1700000000000000000.0"}

The number with `look` is the version of all of it. The folder for junk is said so that both go by
the same, but an agent looks into none but that which it was started with: who takes over a worker
could else name any other one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

from postroad.mailbox.agent.form import Malformed, list_of, read, value
from postroad.mailbox.agent.wire import require_done, told_of, where_in
from postroad.mailbox.folder import FolderName
from postroad.mailbox.moves.survey import MOST_MOVES, Folders
from postroad.mailbox.moves.visit import MOST_READ, Found, NotLooked, Visit, Wanted

__all__ = [
    "PIECE",
    "OtherFolder",
    "answers_to",
    "found_in",
    "heard_question",
    "is_visit",
    "look_question",
    "read_question",
    "size_in",
    "stamp_in",
]

PIECE = 61_440
"""Octets of a message in one packet."""

VERSION = 1

_VERBS = frozenset({"look", "read", "heard"})
_STAMP = re.compile(r"[0-9.-]{0,80}\Z")


class OtherFolder(Exception):
    """What is to be looked at is not the folder for junk that we know."""

    def __init__(self, junk: str) -> None:
        words = f"the folder for junk was {junk}" if junk else "nothing was to be learned from it"
        super().__init__(f"{words} when the server was started")


def look_question(wanted: Wanted) -> bytes:
    """What is to be looked at, as a packet."""
    said = {
        "look": VERSION,
        **told_of(wanted.where),
        "junk": str(wanted.folders.junk),
        "trash": [str(each) for each in wanted.folders.trash],
        "since": float(wanted.since),
    }
    return json.dumps(said).encode()


def read_question(at: int, most: int) -> bytes:
    """Which message is wanted, and how much of it, as a packet."""
    return json.dumps({"read": at, "most": most}).encode()


def heard_question(count: int) -> bytes:
    """How many moves were heard, as a packet."""
    return json.dumps({"heard": count}).encode()


def is_visit(said: dict[str, object]) -> bool:
    """Whether a packet is one of these."""
    return not _VERBS.isdisjoint(said)


def answers_to(
    said: dict[str, object], visit: Visit, roots: tuple[Path, ...], junk: str
) -> Iterator[bytes]:
    """Do what a packet says; the packets of the answer, one after the other.

    Args:
        said: by the worker.
        visit: who looks.
        roots: what all mail lies below.
        junk: the name of the folder for junk; empty: nobody may look.

    Raises:
        Malformed: it is none of these packets.
        OutOfRoots, OtherFolder: it is about another place.
        UnsafeName, OSError: as of `Visiting.look`.
    """
    try:
        if "look" in said:
            found = visit.look(_wanted(said, roots, junk))
            yield json.dumps({"moves": found.moves, "stamp": found.stamp}).encode()
        elif "read" in said:
            octets = visit.read(value(said, "read", int), value(said, "most", int))
            yield json.dumps({"octets": -1 if octets is None else len(octets)}).encode()
            for at in range(0, len(octets or b""), PIECE):
                yield (octets or b"")[at : at + PIECE]
        else:
            count = value(said, "heard", int)
            yield json.dumps({"stamp": visit.heard(max(0, count))}).encode()
    except NotLooked:
        raise Malformed from None


def found_in(packet: bytes) -> Found:
    """An answer to `look`.

    Raises:
        UnsafeName, OSError, Failure, Malformed: see `wire.require_done`.
    """
    said = _answer(packet)
    moves = tuple(list_of(said, "moves", bool, None))
    if len(moves) > MOST_MOVES:
        raise Malformed
    return Found(moves, _stamp(said))


def size_in(packet: bytes, most: int) -> int | None:
    """An answer to `read`: how many octets follow; `None`: there is no message.

    Args:
        packet: the answer.
        most: as was asked.

    Raises:
        UnsafeName, OSError, Failure, Malformed: see `wire.require_done`.
    """
    size = value(_answer(packet), "octets", int)
    if size > min(most, MOST_READ):
        raise Malformed
    return None if size < 0 else size


def stamp_in(packet: bytes) -> str:
    """An answer to `heard`.

    Raises:
        UnsafeName, OSError, Failure, Malformed: see `wire.require_done`.
    """
    return _stamp(_answer(packet))


def _answer(packet: bytes) -> dict[str, object]:
    said = read(packet)
    require_done(said)
    return said


def _stamp(said: dict[str, object]) -> str:
    stamp = value(said, "stamp", str)
    if not _STAMP.match(stamp):
        raise Malformed
    return stamp


def _wanted(said: dict[str, object], roots: tuple[Path, ...], junk: str) -> Wanted:
    if value(said, "look", int) != VERSION:
        raise Malformed
    where, since = where_in(said, roots), value(said, "since", float)
    named, trash = value(said, "junk", str), list_of(said, "trash", str, None)
    if not junk or named != junk:
        raise OtherFolder(junk)
    try:
        folders = Folders(FolderName.parse(junk), tuple(map(FolderName.parse, trash)))
    except ValueError:
        raise Malformed from None
    return Wanted(where, folders, since)
