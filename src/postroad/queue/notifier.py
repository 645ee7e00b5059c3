"""Tells a message's sender of a failure: writes the bounce and brings it to the door.

It knows verdicts, not deliveries or the spool's results; its answer says whether the recipients
are done with. The bounce takes the same road as any other mail, also to a sender of ours. Mail
that has no sender is never answered (RFC 5321 §6.1), so two servers cannot bounce at each other.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Protocol

from postroad.delivery.reading import is_large
from postroad.intake.door import Refusal
from postroad.model import Address, Envelope, StoredMessage
from postroad.model.journal import Bounced, Journal, Level, Notice
from postroad.queue.attempt import Verdict
from postroad.queue.bounce import Bounce, Failure, bounce, header_section
from postroad.spool import SpoolError

__all__ = ["Door", "Notifier"]


class Door(Protocol):
    """Where bounces enter."""

    async def submit(
        self, envelope: Envelope, recipients: Sequence[Address], message: bytes
    ) -> str:
        """Take a message; returns its queue id once it is durable. Raises `Refusal`."""
        ...


class Notifier:
    """Sends notifications of failure."""

    def __init__(self, door: Door, journal: Journal, hostname: str) -> None:
        self._door = door
        self._journal = journal
        self._hostname = hostname

    async def tell(self, group: Sequence[Verdict], relay: str, now: float) -> bool:
        """Notify the sender of one message of some of its recipients.

        Args:
            group: permanent failures, all of the same message; at least one.
            relay: the next hop as the report named it.
            now: seconds since the epoch.

        Returns:
            Whether these recipients are done with: the notification is durable, or there is
            nobody to tell. Otherwise it has to be tried again.
        """
        message = group[0].message
        failures = [
            Failure(each.recipient, each.reply, each.from_peer, relay, each.expired)
            for each in group
        ]
        header = await self._header(message)
        made = bounce(message, failures, header=header, hostname=self._hostname, now=now)
        if made is None:
            self._note(message, "undeliverable, and there is no sender to tell: dropped")
            return True
        return await self._submit(message, made)

    async def _submit(self, message: StoredMessage, made: Bounce) -> bool:
        try:
            queue_id = await self._door.submit(made.envelope, [made.recipient], made.message)
        except Refusal as refusal:
            words = f"sender non-delivery notification was refused: {refusal.reply}"
            self._note(message, words)
            return refusal.reply.is_permanent  # the same notification would be refused for ever
        except Exception as error:  # noqa: BLE001 - a fault elsewhere defers mail, no more
            self._note(message, f"sender non-delivery notification failed: {error!r}")
            return False
        self._journal(Bounced("bounce", message.queue_id, queue_id))
        return True

    async def _header(self, message: StoredMessage) -> bytes:
        content = message.content
        try:
            if is_large(content):
                return await asyncio.to_thread(header_section, content)
            return header_section(content)
        except (OSError, SpoolError) as error:
            self._note(message, f"the content could not be read for a bounce: {error}")
            return b""

    def _note(self, message: StoredMessage, words: str) -> None:
        self._journal(Notice("bounce", f"{message.queue_id}: {words}", Level.WARNING))
