"""`mailq` and `sendmail -q`: the queue.

Root and the server's user read it themselves. Everybody else asks the server, by the socket in the
drop, for the list; only those two may flush.
"""

from __future__ import annotations

import os
import pwd
import socket
import sys
import time
from io import BufferedReader
from pathlib import Path

from postroad.cli.sendmail_options import Failure, Options
from postroad.maildrop.folder import WINDOW

__all__ = ["flush", "list_queue"]

PATIENCE = 180.0
"""Seconds without a word from the server; it gives up before."""

TRIES = 15
"""How often the server is asked that has no place for one more who looks."""

PAUSE = 1.0  # seconds between them

CHUNK = 65_536
MAX_REFUSAL = 1000  # octets of the server's first line


def list_queue(state: str, folder: str) -> int:
    """Print the queue as Postfix's mailq does, and after it what waits in the drop.

    Args:
        state: the state directory.
        folder: the drop, where the server listens.

    Raises:
        Failure: the caller may not see it, or it cannot be read.
    """
    if not _has_access(state):
        return _ask(folder)
    from postroad.cli.queue_entry import HEADER, listed, listed_waiting
    from postroad.maildrop.waiting import waiting
    from postroad.spool import Inventory, SpoolError, shard_directories

    size = count = 0
    try:
        # Before the queue: what is queued meanwhile is then in both, and not in neither.
        left = list(waiting(folder))
        begun = {each.queue_id for each in left if each.queue_id}
        for entry in Inventory(shard_directories(Path(state) / "spool")).list():
            if not count:
                print(HEADER)
            size += entry.size
            count += 1
            begun.discard(entry.queue_id)
            for line in listed(entry):
                print(line)
            print()
    except (SpoolError, OSError) as error:
        raise Failure(os.EX_TEMPFAIL, str(error)) from None
    for each in left:
        if each.queue_id and each.queue_id not in begun:
            continue
        if not count:
            print(HEADER)
        size += each.size
        count += 1
        for line in listed_waiting(each, _owner(each.uid)):
            print(line)
        print()
    if not count:
        print("Mail queue is empty")
        return os.EX_OK
    print(f"-- {-(-size // 1024)} Kbytes in {count} Request{'' if count == 1 else 's'}.")
    return os.EX_OK


def _owner(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _ask(folder: str) -> int:
    """Have the server print it (`app.queue_window` says how it answers)."""
    for number in range(TRIES):
        if number:
            time.sleep(PAUSE)
        status = _asked_once(folder)
        if status is not None:
            return status
    raise Failure(os.EX_TEMPFAIL, "Queue report unavailable - too many are asking; try again")


def _asked_once(folder: str) -> int | None:
    """The exit status; `None`: the server is busy."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asking:
            asking.settimeout(PATIENCE)
            asking.connect(os.path.join(folder, WINDOW))
            with asking.makefile("rb") as answer:
                return _shown(answer)
    except BlockingIOError:  # as many wait to be let in as can (connect(2) of unix(7))
        return None
    except OSError:
        words = "Queue report unavailable - mail system is down"
        raise Failure(os.EX_UNAVAILABLE, words) from None


def _shown(answer: BufferedReader) -> int | None:
    first = answer.readline(MAX_REFUSAL)
    if first == b"busy\n":
        return None
    if not first.startswith(b"ok"):
        words = first.removeprefix(b"no ").decode("utf-8", "replace").strip()
        raise Failure(os.EX_NOPERM if words else os.EX_TEMPFAIL, words or "no answer")
    status = b""
    ended = False
    while chunk := answer.read1(CHUNK):
        listed, end, rest = (b"", b"", chunk) if ended else chunk.partition(b"\0")
        ended = ended or bool(end)
        status += rest if ended else b""
        sys.stdout.buffer.write(listed)
    sys.stdout.buffer.flush()
    if not status.isdigit():
        raise Failure(os.EX_TEMPFAIL, "the list broke off")
    return int(status)


def flush(state: str, options: Options) -> int:
    """Make deferred mail due now.

    Args:
        state: the state directory.
        options: of which site or queue ID; without either all.

    Raises:
        Failure: the caller may not do that, or a worker does not answer.
    """
    from postroad.admin.control import ControlError
    from postroad.admin.queue import flush as flushed
    from postroad.spool import Choice

    if not _has_access(state):
        words = f"User {os.getuid()} is not allowed to flush the mail queue"
        raise Failure(os.EX_NOPERM, words)
    names = frozenset({options.queue_id.upper()}) if options.queue_id else None
    choice = Choice(names, domain=options.site.strip("@[]") or None)
    try:
        flushed(Path(state), choice)
    except ControlError as error:
        raise Failure(os.EX_TEMPFAIL, str(error)) from None
    return os.EX_OK


def _has_access(state: str) -> bool:
    """Root and the owner of the state have; for all others the spool is closed anyway."""
    try:
        owner = os.stat(state).st_uid
    except OSError as error:
        raise Failure(os.EX_UNAVAILABLE, f"{state}: {error.strerror}") from None
    return os.geteuid() in (0, owner)
