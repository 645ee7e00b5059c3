"""`mailq` and `sendmail -q`: the queue, for those who may see it: root and the server's user."""

from __future__ import annotations

import os
from pathlib import Path

from postroad.cli.sendmail_options import Failure, Options

__all__ = ["flush", "list_queue"]


def list_queue(state: str) -> int:
    """Print the queue as Postfix's mailq does.

    Args:
        state: the state directory.

    Raises:
        Failure: the caller may not see it, or it cannot be read.
    """
    from postroad.cli.queue_entry import HEADER, listed
    from postroad.spool import Inventory, SpoolError, shard_directories

    _require_access(state, "see")
    size = count = 0
    try:
        for entry in Inventory(shard_directories(Path(state) / "spool")).list():
            if not count:
                print(HEADER)
            size += entry.size
            count += 1
            for line in listed(entry):
                print(line)
            print()
    except SpoolError as error:
        raise Failure(os.EX_TEMPFAIL, str(error)) from None
    if not count:
        print("Mail queue is empty")
        return os.EX_OK
    print(f"-- {-(-size // 1024)} Kbytes in {count} Request{'' if count == 1 else 's'}.")
    return os.EX_OK


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

    _require_access(state, "flush")
    names = frozenset({options.queue_id.upper()}) if options.queue_id else None
    choice = Choice(names, domain=options.site.strip("@[]") or None)
    try:
        flushed(Path(state), choice)
    except ControlError as error:
        raise Failure(os.EX_TEMPFAIL, str(error)) from None
    return os.EX_OK


def _require_access(state: str, what: str) -> None:
    """Root and the owner of the state may; for all others the spool is closed anyway."""
    try:
        owner = os.stat(state).st_uid
    except OSError as error:
        raise Failure(os.EX_UNAVAILABLE, f"{state}: {error.strerror}") from None
    if os.geteuid() not in (0, owner):
        words = f"User {os.getuid()} is not allowed to {what} the mail queue"
        raise Failure(os.EX_NOPERM, words)
