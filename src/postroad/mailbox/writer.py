"""Writes to Maildirs beside the event loop.

Syncs block, so each message is stored in a thread; several at a time, because a file system
commits the syncs that wait together as one. How many deliveries are under way at all is bounded
by who asks for them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from postroad.mailbox.maildir import store, trace_lines, unique_name
from postroad.model import BodyType, StoredMessage, StoredRecipient

__all__ = ["MaildirWriter"]

THREADS = 16  # enough to share the file system's commits; more wait for them in vain


class MaildirWriter:
    """Stores messages into any number of Maildirs.

    Args:
        host: this server's name, a part of every file's name.
        threads: how many files are written and synced at a time.
    """

    def __init__(self, host: str, threads: int = THREADS) -> None:
        self._host = host
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="maildir")

    async def store(
        self, maildir: Path, message: StoredMessage, recipients: Sequence[StoredRecipient]
    ) -> bool:
        """Put one copy of the message, for these recipients, into a Maildir.

        Args:
            maildir: the top folder; made if it is not there.
            message: what is stored.
            recipients: at least one; they are named above the header, and the first gives the
                copy its identity.

        Returns:
            Whether a file was written; not, if an earlier try left this copy in `cur`.

        Raises:
            OSError: it may not be on stable storage, and should be tried again.
        """
        binary = message.envelope.body is BodyType.BINARY_MIME
        return await asyncio.get_running_loop().run_in_executor(
            self._threads,
            partial(store, binary=True) if binary else store,
            maildir,
            unique_name(message, recipients[0].id, self._host),
            trace_lines(message.envelope, recipients),
            message.content,
            message.queued,
        )

    def close(self) -> None:
        """End the threads; blocks until the messages already asked for are written."""
        self._threads.shutdown()
