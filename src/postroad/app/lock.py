"""One server for one state directory.

The lock is inherited by workers, so it is held until the last process of a server is gone: a
server that starts while another drains waits for it instead of fighting over ports and shards.
"""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path

__all__ = ["StateBusyError", "lock_state"]

PATIENCE = 10.0
"""Seconds to wait for a server that is on its way out."""


class StateBusyError(Exception):
    """Another server has this state directory."""


def lock_state(directory: Path) -> int:
    """Take the state directory for this process and its children.

    Args:
        directory: `state_directory`; created when absent.

    Returns:
        The descriptor that holds the lock; it is never closed on purpose.

    Raises:
        StateBusyError: another server still has it after PATIENCE.
        OSError: the directory cannot be made or written.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(
        directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600
    )
    end = time.monotonic() + PATIENCE
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= end:
                os.close(descriptor)
                raise StateBusyError(
                    f"another Postroad runs with the state directory {directory}: stop it first,"
                    " or give this one a state_directory of its own"
                ) from None
            time.sleep(0.1)
        else:
            return descriptor
