"""Who leaves mail in the drop, and how much of it in an hour: a web page that was broken into ends.

The count is of this process and by the hour of the clock, so that a restart begins anew: it bounds
harm, and is no bill.
"""

from __future__ import annotations

import os
import pwd
from collections.abc import Callable

from postroad.maildrop.submission import User

__all__ = ["HOUR", "Allowance", "user_of"]

HOUR = 3600
"""Seconds that messages are counted for."""

_ROOT = 0


def user_of(uid: int) -> User:
    """The user of this system who has a number; without a name if there is none."""
    try:
        login = pwd.getpwuid(uid).pw_name
    except KeyError:
        login = ""
    return User(uid, login, uid in (_ROOT, os.geteuid()))


class Allowance:
    """Messages of each user in this hour. Belongs to an event loop.

    Args:
        clock: seconds since the epoch.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._hour = 0
        self._left_by: dict[int, int] = {}  # no more entries than this system has users

    def is_used_up(self, user: User, limit: int) -> bool:
        """Whether a message is more than may come from a user now.

        Args:
            user: who left it.
            limit: messages in an hour; 0: any number.
        """
        if not limit or user.is_trusted:
            return False
        hour = int(self._clock()) // HOUR
        if hour != self._hour:
            self._hour = hour
            self._left_by.clear()
        return self._left_by.get(user.uid, 0) >= limit

    def count(self, uid: int) -> None:
        """A message of a user was queued."""
        self._left_by[uid] = self._left_by.get(uid, 0) + 1
