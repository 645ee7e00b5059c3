"""The embedded directory as the server reads it: `Directory` over a local SQLite file.

Look-ups run on the event loop, because they take microseconds; what is slow does not: passwords
are checked in threads, and a file locked by the command line is waited for without blocking.
Each worker has its own connection. Answers are remembered as long as nobody changes the file
(`memory`), and passwords that were right as long as the stored hash stays the same.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Hashable, Sequence
from pathlib import Path
from typing import TypeVar, cast

from postroad.directory.interface import DirectoryUnavailable, Resolution
from postroad.directory.lookups import Lookups
from postroad.directory.memory import Memory
from postroad.directory.password import OWASP, PasswordProfile
from postroad.directory.schema import open_for_reading
from postroad.directory.settings import DirectorySettings
from postroad.directory.verifier import PasswordVerifier
from postroad.model import Address

__all__ = ["EmbeddedDirectory"]

BUSY_PAUSE = 0.01  # seconds between two tries while an editor commits
BUSY_TRIES = 500  # then the sender is told to come back: 5 seconds in all

_Answer = TypeVar("_Answer")


class EmbeddedDirectory:
    """Implements `Directory`. Open it after the last fork, in the event loop's thread.

    Args:
        connection: from `schema.open_for_reading`; closed by `close`.
        lookups: over the same connection.
        verifier: closed by `close`.
        memory: of the same file; closed by `close`.
        pause: waits for so many seconds while an editor commits.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        lookups: Lookups,
        verifier: PasswordVerifier,
        memory: Memory,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._connection = connection
        self._lookups = lookups
        self._verifier = verifier
        self._memory = memory
        self._pause = pause

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        domains: Sequence[str],
        settings: DirectorySettings,
        clock: Callable[[], float],
        profile: PasswordProfile = OWASP,
    ) -> EmbeddedDirectory:
        """Open the database for one worker.

        Args:
            path: the file; `DirectoryEditor.open` creates it.
            domains: the domains of the configuration.
            settings: `[directory]`.
            clock: seconds, never going back.
            profile: the cost of the password hashes in the file.

        Raises:
            DirectoryUnavailable: the file is missing, unreadable or no directory database.
            SchemaTooNew: a later release wrote it.
        """
        connection = open_for_reading(path)
        memory = Memory(path)
        verifier = PasswordVerifier(
            profile=profile,
            threads=settings.password_threads,
            remember=settings.success_cache,
            clock=clock,
        )
        lookups = Lookups(connection, domains, settings.recipient_delimiter)
        return cls(connection, lookups, verifier, memory)

    async def is_local(self, domain: str) -> bool:
        """See `Directory.is_local`: a domain of the configuration or of the database."""
        return await self._remembered(domain, lambda: self._lookups.is_local(domain))

    async def resolve(self, address: Address) -> Resolution:
        """See `Directory.resolve`; the order of the rules stands in `lookups`."""
        return await self._remembered(address, lambda: self._lookups.resolve(address))

    async def authenticate(self, name: str, password: str) -> str | None:
        """See `Directory.authenticate`."""
        account = await self._ask(lambda: self._lookups.account(name))
        if account is None:
            await self._verifier.verify(name, password, None)
            return None
        right = await self._verifier.verify(account.name, password, account.password)
        return account.name if right else None

    async def owns(self, user: str, address: Address) -> bool:
        """See `Directory.owns`; extensions, aliases and catch-alls count."""
        return await self._ask(lambda: self._lookups.owns(user, address))

    def close(self) -> None:
        """Close the file and end the password threads; blocks until running checks end."""
        self._verifier.close()
        self._connection.close()
        self._memory.close()

    async def _remembered(self, question: Hashable, find: Callable[[], _Answer]) -> _Answer:
        """The answer to a domain (`is_local`) or an address (`resolve`)."""
        memory = self._memory
        counter = memory.counter()
        known = memory.recall(question, counter)
        if known is not None:
            return cast("_Answer", known)
        answer = await self._ask(find)
        memory.keep(question, answer, counter)
        return answer

    async def _ask(self, question: Callable[[], _Answer]) -> _Answer:
        for _ in range(BUSY_TRIES):
            try:
                return question()
            except sqlite3.Error as error:
                if not _is_busy(error):
                    raise DirectoryUnavailable(str(error)) from error
            await self._pause(BUSY_PAUSE)
        raise DirectoryUnavailable("the directory database stays locked")


def _is_busy(error: sqlite3.Error) -> bool:
    # The low octet of an extended result code is the plain one.
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in (
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
    )
