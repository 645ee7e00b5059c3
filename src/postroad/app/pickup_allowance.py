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
_ANY = 1 << 30


def user_of(uid: int) -> User:
    """The user of this system who has a number; without a name if there is none."""
    try:
        login = pwd.getpwuid(uid).pw_name
    except KeyError:
        login = ""
    return User(uid, login, _is_trusted(uid))


class Allowance:
    """Messages of each user in this hour. Belongs to an event loop.

    Args:
        clock: seconds since the epoch.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._hour = 0
        self._left_by: dict[int, int] = {}  # no more entries than this system has users
        self._told: set[int] = set()

    def is_used_up(self, uid: int, limit: int) -> bool:
        """Whether a message is more than may come from a user now.

        Args:
            uid: the number of the user who left it.
            limit: messages in an hour; 0: any number.
        """
        return self.left(uid, limit) <= 0

    def left(self, uid: int, limit: int) -> int:
        """How many messages may still come from a user; many where there is no limit for him."""
        if not limit or _is_trusted(uid):
            return _ANY
        self._begin_hour()
        return limit - self._left_by.get(uid, 0)

    def count(self, uid: int) -> None:
        """A message of a user was queued."""
        self._left_by[uid] = self._left_by.get(uid, 0) + 1

    def is_news(self, uid: int) -> bool:
        """Whether nobody was told yet, in this hour, that this user has sent enough."""
        self._begin_hour()
        if uid in self._told:
            return False
        self._told.add(uid)
        return True

    @property
    def pause(self) -> float:
        """Seconds until everybody may send again."""
        return HOUR - self._clock() % HOUR

    def _begin_hour(self) -> None:
        hour = int(self._clock()) // HOUR
        if hour != self._hour:
            self._hour = hour
            self._left_by.clear()
            self._told.clear()


def _is_trusted(uid: int) -> bool:
    return uid in (_ROOT, os.geteuid())
