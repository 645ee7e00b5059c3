"""Tells a message's sender what became of it: brings the notification to the door.

It knows verdicts, not deliveries or the spool's results; its answer says whether the sender counts
as told. The notification takes the same road as any other mail, also to a sender of ours. Mail
that has no sender is never answered (RFC 5321 §6.1), so two servers cannot bounce at each other.
The postmaster may be told of it, and of mail whose sender cannot be told, once: a notice has a
sender of its own, by which it is known when it comes back, and dropped.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from typing import Protocol

from postroad.delivery.reading import is_large
from postroad.intake.door import Refusal
from postroad.model import Action, Address, Envelope, Reply, Status, StoredMessage
from postroad.model.journal import Journal, Level, Notice
from postroad.model.message_events import Bounced
from postroad.queue.attempt import Verdict
from postroad.queue.cancellation import is_ours
from postroad.queue.notification import Notification, double_bounce, notification
from postroad.queue.recipient_status import RecipientStatus
from postroad.queue.returned import Returned, returned
from postroad.queue.schedule import Schedule
from postroad.queue.settings import QueueSettings
from postroad.spool import SpoolError

__all__ = ["Door", "Notifier"]

_KINDS = {Action.FAILED: "non-delivery", Action.DELAYED: "delay"}
_SUCCESS = "delivery status"
"""What Postfix's log calls them."""

_POSTMASTER = "postmaster non-delivery"
"""What the log calls a notice about mail that has no sender."""


class Door(Protocol):
    """Where notifications enter."""

    async def submit(
        self, envelope: Envelope, recipients: Sequence[Address], message: bytes
    ) -> str:
        """Take a message; returns its queue id once it is durable. Raises `Refusal`."""
        ...


class Notifier:
    """Sends notifications."""

    def __init__(
        self,
        door: Door,
        journal: Journal,
        hostname: str,
        settings: QueueSettings,
        schedule: Schedule,
    ) -> None:
        """Take what it needs.

        Args:
            door: takes notifications.
            journal: where events go.
            hostname: our name.
            settings: how much of a message returns.
            schedule: knows how long attempts go on.
        """
        self._door = door
        self._journal = journal
        self._hostname = hostname
        self._limit = settings.bounce_size_limit
        self._schedule = schedule
        told = settings.double_bounce_to
        self._postmaster = Address.parse(told) if told else None
        self._double_bounce = double_bounce(hostname).key

    async def tell(self, action: Action, group: Sequence[Verdict], relay: str, now: float) -> bool:
        """Notify the sender of one message of some of its recipients.

        Args:
            action: what is told.
            group: verdicts on recipients of the same message; at least one.
            relay: the next hop as the report named it.
            now: seconds since the epoch.

        Returns:
            Whether the sender counts as told: the notification is durable, or there is nobody to
            tell, or it is refused for good and the postmaster was told instead. Otherwise it has to
            be tried again.
        """
        message, kind = group[0].message, _KINDS.get(action, _SUCCESS)
        sender = message.envelope.sender
        if sender is not None and sender.key == self._double_bounce:
            if action is Action.FAILED:
                self._note(message, "undeliverable postmaster notification discarded")
            return True
        if sender is None:
            kind = _POSTMASTER
        try:
            made = await self._made(action, group, relay, now)
            if made is not None:
                refusal = await self._submit(message, made, kind)
                if refusal is None or not refusal.is_permanent:
                    return refusal is None
                # The same notification would be refused for ever.
                if action is not Action.FAILED or kind == _POSTMASTER or self._postmaster is None:
                    return True
                made = await self._made(action, group, relay, now, is_double=True)
                assert made is not None
                refusal = await self._submit(message, made, _POSTMASTER)
                return refusal is None or refusal.is_permanent
        except asyncio.CancelledError as error:
            if is_ours():
                raise
            self._note(message, f"{_whose(kind)} notification failed: {error!r}")
            return False
        except Exception as error:  # noqa: BLE001 - a fault elsewhere defers mail, no more
            self._note(message, f"{_whose(kind)} notification failed: {error!r}")
            return False
        if action is Action.FAILED:
            self._note(message, "undeliverable, and there is no sender to tell: dropped")
        return True

    async def _made(
        self,
        action: Action,
        group: Sequence[Verdict],
        relay: str,
        now: float,
        *,
        is_double: bool = False,
    ) -> Notification | None:
        message = group[0].message
        return notification(
            message,
            [self._status(action, each, relay, now) for each in group],
            returned=await self._returned(message, action),
            hostname=self._hostname,
            now=now,
            postmaster=self._postmaster if action is Action.FAILED else None,
            is_double=is_double,
        )

    def _status(self, action: Action, verdict: Verdict, relay: str, now: float) -> RecipientStatus:
        until = self._schedule.until(verdict.message) if action is Action.DELAYED else math.inf
        by = verdict.message.envelope.deliver_by
        overdue = verdict.status is Status.DEFERRED and by is not None and now >= by.deadline
        return RecipientStatus(
            verdict.recipient,
            action,
            verdict.reply,
            verdict.from_peer,
            verdict.relay or relay,
            expired=verdict.expired,
            late=verdict.late or overdue,
            attempted=now if verdict.tried else None,
            until=until if math.isfinite(until) else None,
        )

    async def _submit(self, message: StoredMessage, made: Notification, kind: str) -> Reply | None:
        """Bring it to the door; the reply with which it was refused."""
        try:
            queue_id = await self._door.submit(made.envelope, [made.recipient], made.message)
        except Refusal as refusal:
            self._note(message, f"{_whose(kind)} notification was refused: {refusal.reply}")
            return refusal.reply
        self._journal(Bounced("bounce", message.queue_id, queue_id, kind))
        return None

    async def _returned(self, message: StoredMessage, action: Action) -> Returned:
        try:
            if is_large(message.content):
                return await asyncio.to_thread(returned, message, action, self._limit)
            return returned(message, action, self._limit)
        except (OSError, SpoolError) as error:
            self._note(message, f"the content could not be read for a notification: {error}")
            return Returned()

    def _note(self, message: StoredMessage, words: str) -> None:
        self._journal(Notice("bounce", f"{message.queue_id}: {words}", Level.WARNING))


def _whose(kind: str) -> str:
    return kind if kind == _POSTMASTER else f"sender {kind}"
