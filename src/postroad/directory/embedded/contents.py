"""Everything a directory holds that is moved or kept elsewhere, as values.

An export is one of these, and an import begins with one. What is not in it belongs to a running
server: app passwords, freezes, keys. It knows neither the database nor a form of file.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from postroad.directory.embedded.entry import AliasEntry, DomainEntry, GroupEntry, PatternEntry
from postroad.directory.embedded.quota import NO_QUOTA, Quota

__all__ = ["Contents", "Mark", "MovedUser"]

Mark = int
"""The line of a file that something stands on, counted from 1."""


@dataclass(frozen=True, slots=True)
class MovedUser:
    """An account.

    Attributes:
        name: its address.
        enabled: whether it may log in.
        stored: the hash of its password, `{SCHEME}…`; empty: not told.
        password: its password in clear text, to be hashed; empty: not told.
        scram_sha_1, scram_sha_256: verifiers beside the hash, as the file keeps them.
        quota: what its mailbox may hold.
        forward: where its mail goes on to; itself among them: a copy stays.
        send_as: addresses and `@domain`s it may send as.
    """

    name: str
    enabled: bool = True
    stored: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    scram_sha_1: str = field(default="", repr=False)
    scram_sha_256: str = field(default="", repr=False)
    quota: Quota = NO_QUOTA
    forward: tuple[str, ...] = ()
    send_as: tuple[str, ...] = ()


@dataclass(slots=True)
class Contents:
    """What a directory holds; each entry with the line it stands on, 0 where there is no file."""

    domains: list[tuple[Mark, DomainEntry]] = field(default_factory=list)
    users: list[tuple[Mark, MovedUser]] = field(default_factory=list)
    aliases: list[tuple[Mark, AliasEntry]] = field(default_factory=list)
    groups: list[tuple[Mark, GroupEntry]] = field(default_factory=list)
    patterns: list[tuple[Mark, PatternEntry]] = field(default_factory=list)
