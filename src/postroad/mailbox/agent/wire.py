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

from postroad.mailbox.agent.form import (
    MAX_PACKET,
    Malformed,
    OutOfRoots,
    line,
    list_of,
    path_of,
    read,
    value,
)
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
    "question_in",
    "question_of",
    "read_answer",
    "read_question",
    "refusal",
    "require_done",
    "told_of",
    "where_in",
]

MAX_SIZE = 2**40
"""Octets of a message, far above what any server takes."""

PIECE = 65_536  # octets read of a content at a time: what a pipe holds

FOLDER_BITS, FILE_BITS = 0o3775, 0o775
"""What modes may say: nothing for everybody to write, and no file that runs as its owner."""

_NAME = re.compile(
    r"[0-9]{1,12}\.Q[0-9A-Za-z._-]{1,80}R[0-9]{1,20}(?:C[0-9]{1,6})?\.[^/\0\n]{1,120}\Z"
)


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
    quota, errand = question.quota, question.errand
    said: dict[str, object] = {
        **told_of(question.where),
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
    """A packet as a task; see `question_in`."""
    return question_in(read(packet), roots)


def question_in(said: dict[str, object], roots: tuple[Path, ...]) -> Question:
    """What a packet says, as a task.

    Args:
        said: as it came.
        roots: what all its paths have to lie below.

    Raises:
        Malformed: it is none.
        OutOfRoots: it is about another place.
    """
    where = where_in(said, roots)
    octets, messages, grace = list_of(said, "quota", int, 3)
    if min(octets, messages, grace) < 0:
        raise Malformed
    quota = Quota(octets, messages, grace, value(said, "enforced", bool))
    if "name" not in said:
        return Question(where, quota)
    size = value(said, "size", int)
    if not 0 <= size <= MAX_SIZE:
        raise Malformed
    return Question(where, quota, _errand(said, where, quota), size)


def told_of(where: Whereabouts) -> dict[str, object]:
    """Whose mail something is about, as fields of a packet."""
    return {
        "places": [os.path.normpath(each) for each in (where.root, where.inbox, where.control)],
        "forms": [where.nested, where.utf8, bool(where.roots)],
    }


def where_in(said: dict[str, object], roots: tuple[Path, ...]) -> Whereabouts:
    """Whose mail a packet is about.

    Raises:
        Malformed, OutOfRoots: see `question_in`.
    """
    root, inbox, control = (path_of(each, roots) for each in list_of(said, "places", str, 3))
    nested, utf8, confined = list_of(said, "forms", bool, 3)
    return Whereabouts(root, inbox, control, nested, utf8, roots if confined else ())


def _errand(said: dict[str, object], where: Whereabouts, quota: Quota) -> Errand:
    parts = list_of(said, "folder", str, None)
    folders, files = list_of(said, "modes", int, 2)
    binary, repeat = list_of(said, "flags", bool, 2)
    name, queued = value(said, "name", str), value(said, "queued", float)
    if folders & ~FOLDER_BITS or files & ~FILE_BITS or not _NAME.match(name):
        raise Malformed
    try:
        folder = FolderName.parse("/".join(parts), "/") if parts else INBOX
        head = value(said, "head", str).encode("latin-1")
    except ValueError:
        raise Malformed from None
    if folder.parts != tuple(parts):
        raise Malformed
    target = Target(
        where, folder, value(said, "create", bool), quota=quota, rights=Rights(folders, files)
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
        OverQuota, UnsafeName, OSError, Failure, Malformed: see `require_done`.
    """
    said = read(packet)
    require_done(said)
    if "usage" in said:
        return Usage(*list_of(said, "usage", int, 2))
    sums = list_of(said, "sums", int, 4)
    fault = None if said.get("fault") is None else _error(said["fault"])
    return Stored(value(said, "written", bool), Usage(*sums[:2]), Usage(*sums[2:]), fault)


def require_done(said: dict[str, object]) -> None:
    """Raise what an answer says was in the way.

    Raises:
        OverQuota, UnsafeName, OSError: as the agent met them.
        Failure: nothing was done, for the reason that it says.
        Malformed: it is no answer.
    """
    if "refused" in said:
        raise Failure(line(value(said, "refused", str)))
    if "full" in said:
        raise OverQuota
    if "unsafe" in said:
        raise UnsafeName(line(value(said, "unsafe", str)))
    if "error" in said:
        raise _error(said["error"])


def _told(error: OSError) -> dict[str, object]:
    path = error.filename
    return {
        "number": error.errno or 0,
        "path": os.fsdecode(path) if isinstance(path, str | bytes | os.PathLike) else "",
    }


def _error(said: object) -> OSError:
    if not isinstance(said, dict):
        raise Malformed
    number, path = value(said, "number", int), line(value(said, "path", str))
    words = os.strerror(number) if 0 < number < 4096 else "input or output error"
    return OSError(number, words, path) if path else OSError(number, words)
