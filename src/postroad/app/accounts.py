"""All accounts and aliases of a configuration: our own file of them, and the other directories.

One place for whoever asks them in this process: a worker, and the commands that only look.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AsyncExitStack

from postroad.app.directories import open_chain
from postroad.config import Configuration
from postroad.directory import EmbeddedDirectory
from postroad.directory.chain import Chain

__all__ = ["open_accounts"]


def open_accounts(
    configuration: Configuration,
    exits: AsyncExitStack,
    *,
    report: Callable[[str], None],
    complain: Callable[[str], None],
    turn: Callable[[], float] | None = None,
    is_serving: bool = False,
) -> Chain:
    """Open them.

    Args:
        configuration: of the server.
        exits: closes them.
        report: takes a line for the log about other directories.
        complain: takes one about a stored hash of our own that cannot be used.
        turn: see `directory.embedded.memory.Memory`.
        is_serving: whether what is found out is kept for the processes that come later; not, in a
            command.

    Raises:
        DirectoryUnavailable: our own file is missing, unreadable or something else.
        SchemaTooNew: a later release wrote it.
    """
    clock = time.monotonic
    embedded = EmbeddedDirectory.open(
        configuration.directory_file,
        domains=configuration.local_domains,
        settings=configuration.directory,
        clock=clock,
        report=complain,
        turn=turn,
    )
    exits.callback(embedded.close)
    return open_chain(
        configuration, embedded, exits, clock=clock, report=report, is_serving=is_serving
    )
