"""What waits in the drop, for `mailq`: mail that the server has not queued yet.

While the server is down that is all that programs of this machine have left; while it runs, what
cannot be queued now. Postfix lists its maildrop queue for the same reason. Anybody may put anything
into the folder, so a file counts only as the server would count it, and what is no message is not
shown: the server will put it aside. The files go away under the reader's hands, which is no error.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from postroad.maildrop.collection import Broken, opened
from postroad.maildrop.folder import NEW, TAKEN

__all__ = ["MOST_LISTED", "Waiting", "waiting"]

MOST_LISTED = 10_000
"""Files that are looked at: whoever fills the drop does not make a list endless."""

MOST_SHOWN = 100
"""Recipients of one that are named."""

_FILE = re.compile(r"(?P<name>[0-9a-f]{32})(?:\.(?P<queue_id>[0-9A-Za-z]+))?\Z")


@dataclass(frozen=True, slots=True)
class Waiting:
    """A message of the drop.

    Attributes:
        name: of its file.
        queue_id: what it is called in the queue, or was to be called; empty: nothing yet.
        uid: the number of the user who left it.
        left: when, seconds since the epoch.
        size: octets of its content.
        sender: as its slip says; empty for the null one; `None`: the user.
        recipients: the first of them, likewise.
    """

    name: str
    queue_id: str
    uid: int
    left: float
    size: int
    sender: str | None
    recipients: tuple[str, ...]


def waiting(folder: str) -> Iterator[Waiting]:
    """The messages of a drop, what the server has begun first.

    Args:
        folder: the drop's.

    Raises:
        OSError: a folder of it cannot be listed; one that is not there holds nothing.
    """
    for part in (TAKEN, NEW):
        path = os.path.join(folder, part)
        try:
            with os.scandir(path) as entries:
                names = sorted(each.name for each in islice(entries, MOST_LISTED))
        except FileNotFoundError:
            continue
        for name in names:
            if (found := _FILE.match(name)) is not None:
                yield from _read(os.path.join(path, name), found["name"], found["queue_id"] or "")


def _read(path: str, name: str, queue_id: str) -> Iterator[Waiting]:
    try:
        parcel = opened(path, name, 0)
    except (Broken, OSError):
        return
    try:
        slip = parcel.slip
        shown = slip.recipients[:MOST_SHOWN]
        yield Waiting(name, queue_id, parcel.uid, parcel.left, parcel.size, slip.sender, shown)
    finally:
        parcel.close()
