"""Final delivery to the accounts of this server, into their Maildirs.

The transport asks the directory once more who has each address, because an account can go while
its mail waits; aliases were expanded before the message was queued and are not followed here.
All recipients of a delivery are stored at the same time, each in its own file with its own
outcome. It knows nothing of files beyond the folder of an account and the errors of the system.
"""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from postroad.delivery.transport import UNREADABLE, Delivery
from postroad.directory import DirectoryUnavailable, Mailbox, Resolution
from postroad.mailbox import MaildirLocation, UnsafeName
from postroad.model import (
    Address,
    Outcome,
    Reply,
    Report,
    Status,
    StoredMessage,
    StoredRecipient,
)
from postroad.spool import SpoolError

__all__ = ["Accounts", "LocalTransport", "MaildirStore", "storage_failure"]

RELAY = "local"

_DELIVERED = Reply.of(250, "2.0.0", "delivered to maildir")
_UNAVAILABLE = Reply.of(451, "4.3.0", "the account directory is unavailable")
_UNSAFE = Reply.of(451, "4.3.5", "the account's name cannot be the name of a mail folder")


class Accounts(Protocol):
    """Who knows which account has an address; a directory does."""

    async def resolve(self, address: Address) -> Resolution:
        """Who has the address; may raise `DirectoryUnavailable`."""
        ...


class MaildirStore(Protocol):
    """Who puts a message on stable storage; `MaildirWriter` does."""

    async def store(
        self, maildir: Path, message: StoredMessage, recipients: Sequence[StoredRecipient]
    ) -> bool:
        """One copy for these recipients; may raise `OSError` or `SpoolError`."""
        ...


class LocalTransport:
    """Implements `Transport` for our own domains.

    Args:
        accounts: who has an address.
        location: where the Maildir of an account is.
        store: what writes it.
        clock: seconds, for the report.
    """

    relays = False

    def __init__(
        self,
        accounts: Accounts,
        location: MaildirLocation,
        store: MaildirStore,
        clock: Callable[[], float],
    ) -> None:
        self._accounts = accounts
        self._location = location
        self._store = store
        self._clock = clock

    async def deliver(self, delivery: Delivery) -> Report:
        """Store the message once for each recipient; the next hop does not matter."""
        started = self._clock()
        attempts = [self._attempt(delivery.message, one) for one in delivery.recipients]
        # One recipient is the usual case; it needs no task of its own.
        outcomes = [await attempts[0]] if len(attempts) == 1 else await asyncio.gather(*attempts)
        return Report(tuple(outcomes), RELAY, transfer=self._clock() - started)

    async def _attempt(self, message: StoredMessage, recipient: StoredRecipient) -> Outcome:
        try:
            answer = await self._accounts.resolve(recipient.address)
            if not isinstance(answer, Mailbox):
                return _unknown(recipient)
            await self._store.store(self._location.path(answer.user), message, (recipient,))
        except DirectoryUnavailable:
            return Outcome(recipient.id, Status.DEFERRED, _UNAVAILABLE)
        except UnsafeName:
            return Outcome(recipient.id, Status.DEFERRED, _UNSAFE)
        except OSError as error:
            return Outcome(recipient.id, Status.DEFERRED, storage_failure(error))
        except SpoolError:
            return Outcome(recipient.id, Status.DEFERRED, UNREADABLE)
        return Outcome(recipient.id, Status.SENT, _DELIVERED)


def storage_failure(error: OSError) -> Reply:
    """What to say when a message could not be stored (RFC 3463 §3.3 and §3.4).

    Only the system's words for the error number are quoted, never a path.
    """
    if error.errno == errno.EDQUOT:
        return Reply.of(452, "4.2.2", "the mailbox is over its disk quota")
    if error.errno == errno.ENOSPC:
        return Reply.of(452, "4.3.1", "the disk of the mailbox is full")
    words = os.strerror(error.errno) if error.errno else "input or output error"
    return Reply.of(451, "4.3.0", f"cannot write to the mailbox: {words}")


def _unknown(recipient: StoredRecipient) -> Outcome:
    reply = Reply.of(550, "5.1.1", f"<{recipient.address}>: no such account any more")
    return Outcome(recipient.id, Status.BOUNCED, reply)
