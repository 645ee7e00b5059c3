"""What a socket's sessions go by: one frozen value for each, built by the composition root."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol

from postroad.directory import Alias, Mailbox, Place, Purpose, Standing, Unknown
from postroad.directory.embedded.groups import Senders
from postroad.model import Address
from postroad.model.journal import Journal, Level, Notice
from postroad.served.settings import SocketSettings
from postroad.server.applicant import Attempting
from postroad.server.logins import Logins

__all__ = ["Owners", "Served", "SocketService"]


class Served(Protocol):
    """The directory that is served. Methods may raise `DirectoryUnavailable`."""

    async def standing(self, domain: str) -> Standing | None:
        """What a domain is to us."""
        ...

    async def resolve(self, address: Address) -> Mailbox | Alias | Unknown:
        """Who has an address."""
        ...

    async def authenticate(
        self, name: str, password: str, purpose: Purpose, address: str, *, barred: bool
    ) -> str | None:
        """The account's own spelling of its name, if that is its password."""
        ...

    async def login_name(self, name: str) -> str | None:
        """The same for those who proved by other means who they are."""
        ...


class Owners(Protocol):
    """Who may send as an address."""

    async def owners(self, address: Address) -> tuple[str, ...] | None:
        """The accounts that may; `None` where it is nobody's here.

        Raises:
            DirectoryUnavailable, LookupUnavailable: it cannot be said now.
        """
        ...


async def _nowhere(user: str) -> Place:  # noqa: ARG001 - stands in for a directory
    return Place()


async def _never(user: str) -> bool:  # noqa: ARG001 - stands in for a directory
    return False


async def _everybody(address: Address) -> Senders:  # noqa: ARG001 - stands in for a directory
    return Senders.EVERYBODY


@dataclass(frozen=True, slots=True, kw_only=True)
class SocketService:
    """A socket's view of the server.

    Attributes:
        name: how logs name it.
        settings: `[sockets.NAME]`.
        hostname: our name.
        directory: answers.
        owners: says who may send as whom.
        place: where an account's mail lies, complete: as a Dovecot can open it.
        senders: who may send to an address that is a group; may raise `DirectoryUnavailable`.
        is_frozen: whether an account may not send; may raise `DirectoryUnavailable`.
        logins: what logins go by besides the directory.
        gate: who may try to log in, and how often.
        journal: where events go.
        clock: seconds since the epoch.
        pause: waits for so many seconds.
        process: the number by which a Dovecot's clients tell servers apart.
    """

    name: str
    settings: SocketSettings
    hostname: str
    directory: Served
    owners: Owners
    logins: Logins
    gate: Attempting
    journal: Journal
    clock: Callable[[], float]
    place: Callable[[str], Awaitable[Place]] = _nowhere
    senders: Callable[[Address], Awaitable[Senders]] = _everybody
    is_frozen: Callable[[str], Awaitable[bool]] = _never
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep
    process: int = field(default_factory=os.getpid)

    def warn(self, words: str) -> None:
        """Write down what an operator should know."""
        self.journal(Notice(self.name, words, Level.WARNING))
