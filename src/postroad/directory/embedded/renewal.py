"""Better hashes for those who log in: the one moment at which their passwords are known.

After a login with the account's own password, a hash of another scheme or cost is replaced by
today's, and verifiers that are wanted and missing are made. Nobody waits for it: the login has been
answered. What is stored is replaced only if it is still what the password was checked against, so
that neither another worker nor a password changed in the meantime is overwritten. What fails is
tried again at the next login; a directory that cannot be written is left alone.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Collection

from postroad.directory.embedded.logins import Account
from postroad.directory.embedded.writer import DirectoryNotWritable, DirectoryWriter
from postroad.directory.interface import DirectoryUnavailable
from postroad.directory.passwords.credentials import Credentials, renewed
from postroad.directory.passwords.password import PasswordProfile
from postroad.directory.passwords.verifier import PasswordVerifier
from postroad.sasl.secrets import SecretKind

__all__ = ["Renewal", "replace_credentials"]

MOST_AT_ONCE = 8
"""Renewals under way; others wait for the next login. After a move from another server, all logins
of a day want one, and they share the threads with the checks themselves."""

_REPLACE = """
UPDATE users SET password = ?, scram_sha_1 = ?, scram_sha_256 = ?
WHERE name = ? AND password = ? AND scram_sha_1 = ? AND scram_sha_256 = ?
"""


class Renewal:
    """Renews what is stored of passwords.

    Args:
        verifier: computes hashes in its threads.
        writer: of the directory's file.
        profile: today's cost.
        kinds: the secrets to keep beside the hash.
        report: told, once, that the directory cannot be written.
    """

    def __init__(
        self,
        verifier: PasswordVerifier,
        writer: DirectoryWriter,
        profile: PasswordProfile,
        kinds: Collection[SecretKind],
        report: Callable[[str], None],
    ) -> None:
        self._verifier = verifier
        self._writer = writer
        self._profile = profile
        self._kinds = kinds
        self._report = report
        self._under_way: dict[str, asyncio.Task[None]] = {}
        self._given_up = False

    def consider(self, account: Account, password: str) -> None:
        """Begin to renew an account's credentials if they are not as they should be.

        Args:
            account: as it was when the password was checked.
            password: the right one.
        """
        held, name = account.credentials, account.name
        if self._given_up or name in self._under_way or len(self._under_way) >= MOST_AT_ONCE:
            return
        if held.is_as_wanted(self._profile, self._kinds):
            return
        task = asyncio.create_task(self._renew(name, held, password))
        self._under_way[name] = task
        task.add_done_callback(lambda _: self._under_way.pop(name, None))

    def close(self) -> None:
        """Give up what has not been written yet."""
        self._given_up = True
        for task in self._under_way.values():
            task.cancel()

    async def _renew(self, name: str, held: Credentials, password: str) -> None:
        try:
            fresh = await self._verifier.compute(
                lambda: renewed(held, password, self._profile, self._kinds)
            )
            if fresh is not None:
                await self._writer.write(lambda at: replace_credentials(at, name, held, fresh))
        except DirectoryNotWritable as error:
            # To try again at each login would cost a hash each time, for nothing.
            if not self._given_up:
                self._given_up = True
                self._report(f"password hashes are not renewed until the next start: {error}")
        except DirectoryUnavailable:
            return  # locked, or too much to do: the next login tries again


def replace_credentials(
    connection: sqlite3.Connection, name: str, held: Credentials, fresh: Credentials
) -> bool:
    """Replace what is stored if it is still what was held; whether it was."""
    cursor = connection.execute(
        _REPLACE,
        (
            *(fresh.password, fresh.scram_sha_1, fresh.scram_sha_256),
            *(name, held.password, held.scram_sha_1, held.scram_sha_256),
        ),
    )
    return cursor.rowcount == 1
