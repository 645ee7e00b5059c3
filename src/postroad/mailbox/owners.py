"""Whose mail is written as whom, and who may be an owner of mail at all.

A directory may name the owner of an account's mail, and a configuration one for all mail or for a
domain's. The server itself is one user; for others there are agents (`agent`), if it was started as
root. What is decided here is asked twice: by a worker, so that a line can say why mail waits, and
by the one process that is still root, which believes no worker.
"""

from __future__ import annotations

import errno
import os
import pwd
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

__all__ = [
    "HIGHEST",
    "OWN_GROUP",
    "Allowed",
    "Numbers",
    "Owner",
    "OwnerAway",
    "Owners",
    "own_group",
    "parse_numbers",
]

HIGHEST = 2**32 - 2
"""The last number of a user; the one after it means none (setuid(2))."""

OWN_GROUP = 2**32 - 1
"""In place of a group's number: the group that the system's list of users has for the owner."""

Numbers = tuple[tuple[int, int], ...]
"""Ranges of numbers, both ends with them."""

_RANGE = re.compile(r"([0-9]{1,10})(?:(-)([0-9]{1,10})?)?\Z")


class Owner(NamedTuple):
    """The numbers of a user and of a group; the latter may be `OWN_GROUP`."""

    uid: int
    gid: int


class OwnerAway(OSError):
    """Nothing can be written as the owner of a mailbox now; the words say why, in one line."""

    def __init__(self, words: str) -> None:
        super().__init__(errno.EAGAIN, words)

    def __str__(self) -> str:
        return str(self.strerror)


@dataclass(frozen=True, slots=True)
class Allowed:
    """Who may be an owner of mail.

    Attributes:
        uids: numbers of users.
        gids: numbers of groups; the own group of an allowed user is one of them.
    """

    uids: Numbers = ()
    gids: Numbers = ()

    def objection(self, owner: Owner, own_group: Callable[[int], int | None]) -> str:
        """Why somebody may be none; empty: they may.

        Args:
            owner: the user, and a group that is said.
            own_group: the group that the system has for a user.
        """
        if owner.uid == 0 or owner.gid == 0:
            return "it belongs to root, as whom no mail is written"
        if not _holds(self.uids, owner.uid):
            return f"its owner is user {owner.uid}, whom [mailbox] uids does not allow"
        if owner.gid == OWN_GROUP or _holds(self.gids, owner.gid):
            return ""
        if owner.gid != own_group(owner.uid):
            return f"its group is {owner.gid}, which [mailbox] gids does not allow"
        return ""


@dataclass(frozen=True, slots=True)
class Owners:
    """Whose the mail of each account is.

    Attributes:
        allowed: who may be an owner.
        usual: of accounts of which nothing else is said; `None`: the server; or why it is nobody.
        domains: of accounts in a domain, by its name; likewise.
        absence: why the server cannot write as anybody else; empty: it can.
    """

    allowed: Allowed = field(default_factory=Allowed)
    usual: Owner | str | None = None
    domains: Mapping[str, Owner | str] = field(default_factory=dict)
    absence: str = "there is no process that writes for others"

    def configured(self, user: str) -> Owner | str | None:
        """The owner that the configuration names; `None`: the server; words: why it is nobody.

        Args:
            user: an account's canonical name.
        """
        found = self.domains.get(user.rpartition("@")[2], self.usual)
        return None if isinstance(found, Owner) and found.uid == os.geteuid() else found

    def other(self, owner: Owner) -> Owner | str:
        """Somebody else as the owner of mail, or why nothing can be written as them."""
        # Whether it is the user's own group is looked up where that may take its time.
        words = self.allowed.objection(owner, lambda _: owner.gid)
        if not words and self.absence:
            words = f"its owner is user {owner.uid}, and {self.absence}"
        return words or owner


def parse_numbers(texts: tuple[str, ...], lookup: Callable[[str], int] | None = None) -> Numbers:
    """Numbers, ranges such as `500-` or `2000-2999`, and names.

    Args:
        texts: as the configuration has them.
        lookup: the number of a name, which raises `KeyError` where there is none; `None`: names
            are left out.

    Raises:
        ValueError: one is no range; the words say what is expected.
        KeyError: nobody has this name.
    """
    found: list[tuple[int, int]] = []
    for text in texts:
        match = _RANGE.match(text)
        if match is None:
            if not text or text[0].isdigit() or text[0] == "-" or not text.isprintable():
                raise ValueError('a number, a range such as "500-" or "2000-2999", or a name')
            if lookup is not None:
                number = lookup(text)
                found.append((number, number))
            continue
        first = int(match[1])
        last = int(match[3]) if match[3] else HIGHEST if match[2] else first
        if not 0 < first <= last <= HIGHEST:
            raise ValueError(f"{text}: numbers are 1 to {HIGHEST}, and 0 is root")
        found.append((first, last))
    return tuple(found)


def own_group(uid: int) -> int | None:
    """The group that the system's list of users has for a user; may take its time."""
    try:
        return pwd.getpwuid(uid).pw_gid
    except KeyError:
        return None


def _holds(numbers: Numbers, number: int) -> bool:
    return any(first <= number <= last for first, last in numbers)
