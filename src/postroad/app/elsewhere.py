"""Whether another directory has an account, asked by a command beside a running server or without.

What is kept for an account here (freezes, app passwords, rights) goes by its name alone, wherever
the account is. So a name is looked up first: one that was mistyped would be frozen, and the thief
go on.
"""

from __future__ import annotations

import time
from contextlib import AsyncExitStack

from postroad.app.directories import open_chain
from postroad.config import Configuration
from postroad.directory import EmbeddedDirectory

__all__ = ["account_named"]


async def account_named(configuration: Configuration, name: str) -> str | None:
    """The canonical name of an account in any directory; `None`: there is none.

    Args:
        configuration: of the server; the embedded directory is there.
        name: a login name or an address.

    Raises:
        DirectoryUnavailable: a directory that may have it cannot be asked.
    """
    async with AsyncExitStack() as exits:
        embedded = EmbeddedDirectory.open(
            configuration.directory_file,
            domains=configuration.local_domains,
            settings=configuration.directory,
            clock=time.monotonic,
        )
        exits.callback(embedded.close)
        chain = open_chain(
            configuration, embedded, exits, clock=time.monotonic, report=lambda _: None
        )
        return await chain.account_name(name)
