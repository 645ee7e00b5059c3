"""What a worker and an agent say to each other: one packet for a task, one for its answer.

Packets are JSON in a socket that keeps their borders. The content of a message is no part of them:
it comes through a pipe whose end travels with the task, so that it is read only if it is written,
and in pieces. Neither side believes the other: an agent does what a task says as a user who may be
nobody's friend, and that user may have killed the agent. So all is checked here for its form, and
paths for lying below the roots that the server was started with.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from postroad.mailbox.errand import Errand, Target
from postroad.mailbox.folder import INBOX, FolderName
from postroad.mailbox.location import Whereabouts
from postroad.mailbox.maildir import Stored
from postroad.mailbox.quota import OverQuota, Quota, Usage
from postroad.mailbox.rights import Rights
from postroad.mailbox.variables import UnsafeName

__all__ = [
    "MAX_PACKET",
    "ContentCut",
    "Failure",
    "Malformed",
    "OutOfRoots",
    "Piped",
    "Question",
    "answer_of",
    "failure_answer",
    "question_of",
    "read_answer",
    "read_question",
    "refusal",
]

MAX_PACKET = 65_536
"""Octets of a task or an answer: three paths of 4 KiB, escaped, and the trace lines."""

MAX_SIZE = 2**40
"""Octets of a message, far above what any server takes."""

PIECE = 65_536  # octets read of a content at a time: what a pipe holds

FOLDER_BITS, FILE_BITS = 0o3775, 0o775
"""What modes may say: nothing for everybody to write, and no file that runs as its owner."""

_NAME = re.compile(
    r"[0-9]{1,12}\.Q[0-9A-Za-z._-]{1,80}R[0-9]{1,20}(?:C[0-9]{1,6})?\.[^/\0\n]{1,120}\Z"
)


T = TypeVar("T")


class Malformed(Exception):
    """What came is no packet of this protocol."""


class OutOfRoots(Exception):
    """A path that is not below the roots; the worker goes by others than we do."""

    def __str__(self) -> str:
        return "its place is not below the roots that [mailbox] had when the server was started"


class ContentCut(Exception):
    """A content ended before all of it was there."""


class Failure(Exception):
    """What an agent could not do, as it says itself; for what is no error of the system's."""


@dataclass(frozen=True, slots=True)
class Question:
    """What an agent is asked.

    Attributes:
        errand: what to store; `None`: how much lies there is all that is asked.
        size: octets of the content.
        where: whose mail it is about.
        quota: what the account may have.
    """

    where: Whereabouts
    quota: Quota
    errand: Errand | None = None
    size: int = 0


class Piped:
    """A content that comes through a pipe, once.

    Args:
        descriptor: the end to read.
        size: octets it has to have.
    """

    def __init__(self, descriptor: int, size: int) -> None:
        self._descriptor = descriptor
        self.size = size

    def chunks(self) -> Iterator[bytes]:
        """The octets in order; a second time there are none, which is no content.

        Raises:
            ContentCut: there are fewer or more than `size`.
        """
        left = self.size
        while piece := os.read(self._descriptor, PIECE):
            left -= len(piece)
            if left < 0:
                break
            yield piece
        if left:
            raise ContentCut


def question_of(question: Question) -> bytes:
    """A task as a packet."""
    where, quota, errand = question.where, question.quota, question.errand
    said: dict[str, object] = {
        "places": [os.path.normpath(each) for each in (where.root, where.inbox, where.control)],
        "forms": [where.nested, where.utf8, bool(where.roots)],
        "quota": [quota.octets, quota.messages, quota.grace],
        "enforced": quota.is_enforced,
    }
    if errand is not None:
        target = errand.target
        said |= {
            "folder": list(target.folder.parts),
            "create": target.create,
            "modes": [target.rights.folder_mode, target.rights.file_mode],
            "name": errand.name,
            "head": errand.head.decode("latin-1"),
            "queued": float(errand.queued),
            "flags": [errand.binary, errand.repeat],
            "size": question.size,
        }
    return json.dumps(said).encode()


def read_question(packet: bytes, roots: tuple[Path, ...]) -> Question:
    """A packet as a task.

    Args:
        packet: as it came.
        roots: what all its paths have to lie below.

    Raises:
        Malformed: it is none.
        OutOfRoots: it is about another place.
    """
    said = _object(packet)
    root, inbox, control = (_path(each, roots) for each in _list(said, "places", str, 3))
    nested, utf8, confined = _list(said, "forms", bool, 3)
    where = Whereabouts(root, inbox, control, nested, utf8, roots if confined else ())
    octets, messages, grace = _list(said, "quota", int, 3)
    if min(octets, messages, grace) < 0:
        raise Malformed
    quota = Quota(octets, messages, grace, _value(said, "enforced", bool))
    if "name" not in said:
        return Question(where, quota)
    size = _value(said, "size", int)
    if not 0 <= size <= MAX_SIZE:
        raise Malformed
    return Question(where, quota, _errand(said, where, quota), size)


def _errand(said: dict[str, object], where: Whereabouts, quota: Quota) -> Errand:
    parts = _list(said, "folder", str, None)
    folders, files = _list(said, "modes", int, 2)
    binary, repeat = _list(said, "flags", bool, 2)
    name, queued = _value(said, "name", str), _value(said, "queued", float)
    if folders & ~FOLDER_BITS or files & ~FILE_BITS or not _NAME.match(name):
        raise Malformed
    try:
        folder = FolderName.parse("/".join(parts), "/") if parts else INBOX
        head = _value(said, "head", str).encode("latin-1")
    except ValueError:
        raise Malformed from None
    if folder.parts != tuple(parts):
        raise Malformed
    target = Target(
        where, folder, _value(said, "create", bool), quota=quota, rights=Rights(folders, files)
    )
    return Errand(target, name, head, queued, binary, repeat)


def answer_of(done: Stored | Usage) -> bytes:
    """What became of a task, as a packet."""
    if isinstance(done, Usage):
        return json.dumps({"usage": list(done)}).encode()
    fault = None if done.fault is None else _told(done.fault)
    said = {"written": done.written, "sums": [*done.before, *done.after], "fault": fault}
    return json.dumps(said).encode()


def failure_answer(error: Exception) -> bytes:
    """Why a task was not done, as a packet."""
    if isinstance(error, OverQuota):
        return json.dumps({"full": True}).encode()
    if isinstance(error, UnsafeName):
        return json.dumps({"unsafe": str(error)}).encode()
    if isinstance(error, OSError):
        return json.dumps({"error": _told(error)}).encode()
    return refusal("its content was not complete" if isinstance(error, ContentCut) else str(error))


def refusal(words: str) -> bytes:
    """Why nothing is done at all, as a packet."""
    return json.dumps({"refused": words or "the task is none"}).encode()


def read_answer(packet: bytes) -> Stored | Usage:
    """A packet as what became of a task.

    Raises:
        OverQuota, UnsafeName, OSError: as the agent met them.
        Failure: nothing was done, for the reason that it says.
        Malformed: it is no answer.
    """
    said = _object(packet)
    if "refused" in said:
        raise Failure(_line(_value(said, "refused", str)))
    if "full" in said:
        raise OverQuota
    if "unsafe" in said:
        raise UnsafeName(_line(_value(said, "unsafe", str)))
    if "error" in said:
        raise _error(said["error"])
    if "usage" in said:
        return Usage(*_list(said, "usage", int, 2))
    sums = _list(said, "sums", int, 4)
    fault = None if said.get("fault") is None else _error(said["fault"])
    return Stored(_value(said, "written", bool), Usage(*sums[:2]), Usage(*sums[2:]), fault)


def _told(error: OSError) -> dict[str, object]:
    path = error.filename
    return {
        "number": error.errno or 0,
        "path": os.fsdecode(path) if isinstance(path, str | bytes | os.PathLike) else "",
    }


def _error(said: object) -> OSError:
    if not isinstance(said, dict):
        raise Malformed
    number, path = _value(said, "number", int), _line(_value(said, "path", str))
    words = os.strerror(number) if 0 < number < 4096 else "input or output error"
    return OSError(number, words, path) if path else OSError(number, words)


def _object(packet: bytes) -> dict[str, object]:
    try:
        said = json.loads(packet)
    except (ValueError, RecursionError):
        raise Malformed from None
    if not isinstance(said, dict):
        raise Malformed
    return said


def _path(text: str, roots: tuple[Path, ...]) -> Path:
    """Below a root, and written without `..`: where links lead is the owner's own affair."""
    if "\0" in text or os.path.normpath(text) != text:
        raise Malformed
    if not any(text.startswith(f"{str(root).rstrip('/')}/") for root in roots):
        raise OutOfRoots
    return Path(text)


def _line(text: str) -> str:
    """For a log: one line of a bounded length, whoever wrote it."""
    return "".join(each if each.isprintable() else "?" for each in text[:1000])


def _value(said: dict[str, object], key: str, kind: type[T]) -> T:
    found = said.get(key)
    if type(found) is not kind:  # a truth is a number to `isinstance`
        raise Malformed
    return found


def _list(said: dict[str, object], key: str, kind: type[T], length: int | None) -> list[T]:
    found = said.get(key)
    if not isinstance(found, list) or length not in (None, len(found)):
        raise Malformed
    if not all(type(each) is kind for each in found):
        raise Malformed
    return found
