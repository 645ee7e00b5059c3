"""Accounts of other directories, asked for by a command beside a running server or without.

What is kept for an account here (freezes, app passwords, rights) goes by its name alone, wherever
the account is. So a name is looked up first: one that was mistyped would be frozen, and the thief
go on.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from postroad.app.directories import open_backends, open_chain
from postroad.config import Configuration
from postroad.directory import DirectoryUnavailable, EmbeddedDirectory
from postroad.directory.backend import Account, ListsAccounts
from postroad.directory.chain import Chain

__all__ = ["account_named", "account_shown", "accounts_listed"]


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
        embedded = EmbeddedDirectory.open(
            configuration.directory_file,
            domains=configuration.local_domains,
            settings=configuration.directory,
            clock=time.monotonic,
        )
        exits.callback(embedded.close)
        yield open_chain(
            configuration, embedded, exits, clock=time.monotonic, report=lambda _: None
        )
