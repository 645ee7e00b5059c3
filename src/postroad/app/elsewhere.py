"""Accounts of other directories, asked for by a command beside a running server or without.

What is kept for an account here (freezes, app passwords, rights) goes by its name alone, wherever
the account is. So a name is looked up first: one that was mistyped would be frozen, and the thief
go on.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from postroad.app.accounts import open_accounts
from postroad.app.directories import open_backends
from postroad.app.spam import remark_on
from postroad.config import Configuration
from postroad.directory import DirectoryUnavailable
from postroad.directory.backend import Account, ListsAccounts
from postroad.directory.chain import Chain

__all__ = ["account_named", "account_shown", "accounts_listed", "threshold_remark"]

PATIENCE = 3.0
"""Seconds for a look-up that a command can do without."""


async def account_named(configuration: Configuration, name: str) -> str | None:
    """The canonical name of an account in any directory; `None`: there is none.

    Args:
        configuration: of the server; the embedded directory is there.
        name: a login name or an address.

    Raises:
        DirectoryUnavailable: a directory that may have it cannot be asked.
    """
    async with _chain(configuration) as chain:
        return await chain.account_name(name)


async def account_shown(
    configuration: Configuration, name: str, directory: str = ""
) -> tuple[str, Account] | None:
    """An account, and the directory that has it; `None`: there is none.

    Args:
        configuration: of the server; the embedded directory is there.
        name: a login name or an address.
        directory: the one to ask; empty: the first that has it, as for a login.

    Raises:
        DirectoryUnavailable: a directory that may have it cannot be asked.
    """
    async with _chain(configuration) as chain:
        return await chain.account(name, directory)


async def threshold_remark(configuration: Configuration, name: str) -> str:
    """Why thresholds for spam under a name have no effect; empty: they have one.

    Args:
        configuration: of the server.
        name: a canonical address.

    Returns:
        One line; also where that cannot be found out now.
    """
    try:
        async with asyncio.timeout(PATIENCE), _chain(configuration) as chain:
            return await remark_on(chain, name)
    except DirectoryUnavailable as error:
        why = str(error)
    except TimeoutError:
        why = "the directory is slow"
    return f"whether there is an account {name} cannot be found out now ({why})"


async def accounts_listed(
    configuration: Configuration, directory: str = ""
) -> Mapping[str, Sequence[Account] | None]:
    """The accounts of the directories beside the embedded one, by the names of their sections.

    `None` where one cannot list them, but look one up.

    Args:
        configuration: of the server.
        directory: the one to ask; empty: all.

    Raises:
        DirectoryUnavailable: one cannot be asked; the text names it.
    """
    listed: dict[str, Sequence[Account] | None] = {}
    async with AsyncExitStack() as exits:
        backends = open_backends(configuration, exits, clock=time.monotonic, report=lambda _: None)
        for name, backend in backends.items():
            if directory not in ("", name):
                continue
            try:
                listed[name] = (
                    await backend.accounts() if isinstance(backend, ListsAccounts) else None
                )
            except DirectoryUnavailable as error:
                raise DirectoryUnavailable(f"directory {name}: {error}") from error
    return listed


@asynccontextmanager
async def _chain(configuration: Configuration) -> AsyncIterator[Chain]:
    async with AsyncExitStack() as exits:
        yield open_accounts(configuration, exits, report=lambda _: None, complain=lambda _: None)
