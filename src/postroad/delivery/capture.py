"""Catches mail for other domains in one Maildir, so that none of it leaves the machine.

For trying the server out: everything happens as it would, up to the last step. Each delivery
becomes one file, whose first lines name the sender and every recipient.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from postroad.delivery.local import storage_failure
from postroad.delivery.transport import UNREADABLE, Delivery
from postroad.model import Outcome, Reply, Report, Status, StoredMessage, StoredRecipient
from postroad.spool import SpoolError

__all__ = ["CaptureTransport"]

RELAY = "capture"

_CAUGHT = Reply.of(250, "2.0.0", "captured in maildir, not sent")


class CaptureStore(Protocol):
    """Who puts a message on stable storage; `MaildirWriter` does."""

    async def store(
        self, maildir: Path, message: StoredMessage, recipients: Sequence[StoredRecipient]
    ) -> bool:
        """One copy for these recipients; may raise `OSError` or `SpoolError`."""
        ...


class CaptureTransport:
    """Implements `Transport` for domains that are not ours.

    Args:
        maildir: where all messages go.
        store: what writes it.
        clock: seconds, for the report.
    """

    relays = False

    def __init__(self, maildir: Path, store: CaptureStore, clock: Callable[[], float]) -> None:
        self._maildir = maildir
        self._store = store
        self._clock = clock

    async def deliver(self, delivery: Delivery) -> Report:
        """Store the message once for all recipients; the next hop does not matter."""
        started = self._clock()
        status, reply = await self._attempt(delivery)
        outcomes = tuple(Outcome(one.id, status, reply) for one in delivery.recipients)
        return Report(outcomes, RELAY, transfer=self._clock() - started)

    async def _attempt(self, delivery: Delivery) -> tuple[Status, Reply]:
        try:
            await self._store.store(self._maildir, delivery.message, delivery.recipients)
        except OSError as error:
            return Status.DEFERRED, storage_failure(error)
        except SpoolError:
            return Status.DEFERRED, UNREADABLE
        return Status.SENT, _CAUGHT
