"""Final delivery to the accounts of this server, into their Maildirs.

The transport asks the directory once more who has each address, because an account can go while
its mail waits; aliases were expanded before the message was queued and are not followed here. It
asks where the account's mail lies (`Places`), into which folders this message goes (`Filing`), and
has it written. All recipients of a delivery are stored at the same time, each in its own file with
its own outcome. It knows nothing of files beyond the places of accounts and the errors of the
system.
"""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple, Protocol

from postroad.delivery.belonging import belonging
from postroad.delivery.filing import Filed, Filing, InboxFiling
from postroad.delivery.transport import UNREADABLE, Delivery
from postroad.directory import DirectoryUnavailable, Place, Places, Resolution, account_of
from postroad.mailbox import MaildirLocation, Target, UnsafeName
from postroad.mailbox.maildir import Stored
from postroad.mailbox.owners import OwnerAway, Owners
from postroad.mailbox.quota import OverQuota, Quota, Usage
from postroad.mailbox.rights import PRIVATE, Rights
from postroad.mailbox.settings import MailboxSettings
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

__all__ = [
    "QUOTA_LETTER",
    "Accounts",
    "Copy",
    "Crossing",
    "LocalTransport",
    "MaildirStore",
    "Storing",
    "storage_failure",
]

RELAY = "local"

QUOTA_LETTER = "postroad-quota-letter"
"""The envelope's identifier (RFC 3461 §4.4) of a letter about a mailbox that fills up, and the mark
by which it is let in there after all. Believed only of null-sender mail that was made here."""

_DELIVERED = Reply.of(250, "2.0.0", "delivered to maildir")
_UNAVAILABLE = Reply.of(451, "4.3.0", "the account directory is unavailable")
_FULL = Reply.of(452, "4.2.2", "the mailbox is full")
_FULL_FOR_GOOD = Reply.of(552, "5.2.2", "the mailbox is full")
_NOWHERE = Place()


class Accounts(Protocol):
    """Who knows which account has an address; a directory does."""

    async def resolve(self, address: Address) -> Resolution:
        """Who has the address; may raise `DirectoryUnavailable`."""
        ...


class MaildirStore(Protocol):
    """Who puts a message on stable storage; `MaildirWriter` does."""

    async def deliver(
        self, target: Target, message: StoredMessage, recipient: StoredRecipient
    ) -> Stored:
        """One copy; may raise `OSError`, `UnsafeName` or `SpoolError`."""
        ...


class Copy(NamedTuple):
    """A message in an account's mail.

    Attributes:
        user: the account's canonical name.
        target: where it was to go.
        message: which.
        recipient: whose copy it is.
    """

    user: str
    target: Target
    message: StoredMessage
    recipient: StoredRecipient


@dataclass(frozen=True, slots=True)
class Crossing:
    """An account's mail has grown over one of the thresholds of its quota.

    Attributes:
        user: the account's canonical name.
        percent: the threshold.
        usage: with the message that crossed it.
        quota: what the account may have.
    """

    user: str
    percent: int
    usage: Usage
    quota: Quota


@dataclass(frozen=True, slots=True, kw_only=True)
class Storing:
    """How mail is stored.

    Attributes:
        settings: `[mailbox]`.
        rights: of files and folders.
        owners: as whom mail can be written besides the server itself.
        fault: why nothing can be stored as the operator wants it; empty: it can.
        filing: says into which folders.
        warn: told of each crossing; `None`: nobody is.
        report: takes a line for the log about a file that cannot be written; `None`: nobody does.
        delivered: told of each copy that was stored; `None`: nobody is.
    """

    settings: MailboxSettings = field(default_factory=MailboxSettings)
    rights: Rights = PRIVATE
    owners: Owners = field(default_factory=Owners)
    fault: str = ""
    filing: Filing = field(default_factory=InboxFiling)
    warn: Callable[[Crossing], None] | None = None
    report: Callable[[str], None] | None = None
    delivered: Callable[[Copy], None] | None = None


class LocalTransport:
    """Implements `Transport` for our own domains.

    Args:
        accounts: who has an address.
        location: where the Maildir of an account is.
        store: what writes it.
        clock: seconds, for the report.
        places: what the directory says of an account's place; `None`: nothing.
        storing: how mail is stored.
    """

    relays = False

    def __init__(
        self,
        accounts: Accounts,
        location: MaildirLocation,
        store: MaildirStore,
        clock: Callable[[], float],
        *,
        places: Places | None = None,
        storing: Storing | None = None,
    ) -> None:
        self._accounts = accounts
        self._location = location
        self._store = store
        self._clock = clock
        self._places = places
        self._storing = storing or Storing()

    async def deliver(self, delivery: Delivery) -> Report:
        """Store the message once for each recipient; the next hop does not matter."""
        started = self._clock()
        attempts = [self._attempt(delivery.message, one) for one in delivery.recipients]
        # One recipient is the usual case; it needs no task of its own.
        outcomes = [await attempts[0]] if len(attempts) == 1 else await asyncio.gather(*attempts)
        return Report(tuple(outcomes), RELAY, transfer=self._clock() - started)

    async def _attempt(self, message: StoredMessage, recipient: StoredRecipient) -> Outcome:
        aside = ""
        try:
            answer = await self._accounts.resolve(recipient.address)
            user = account_of(answer)  # one that forwards its mail may keep a copy
            if not user:
                return _unknown(recipient)
            reply, aside = await self._file(user, message, recipient)
        except DirectoryUnavailable:
            reply = _UNAVAILABLE
        except UnsafeName as error:
            reply = Reply.of(451, "4.3.5", str(error))
        except OverQuota:
            return self._full(recipient)
        except OwnerAway as error:
            self._tell(f"mail for {recipient.address} waits: {error}")
            reply = Reply.of(451, "4.3.0", f"the mailbox cannot be written now: {error}")
        except OSError as error:
            self._tell_of(error, recipient)
            reply = storage_failure(error)
        except SpoolError:
            reply = UNREADABLE
        status = Status.SENT if reply.is_positive else Status.DEFERRED
        return Outcome(recipient.id, status, reply, aside=aside)

    async def _file(
        self, user: str, message: StoredMessage, recipient: StoredRecipient
    ) -> tuple[Reply, str]:
        """Store every copy of one recipient; a repeat finds those that are there already.

        Returns:
            The reply, and what the log says beside it.
        """
        storing = self._storing
        # A second question about the account, which directories remember since the first: 1 µs of
        # the embedded one, some 12 µs of others (`recalled`), beside the milliseconds of the disk.
        place = _NOWHERE if self._places is None else await self._places.place(user)
        found = storing.fault or belonging(storing.rights, storing.owners, user, place)
        if isinstance(found, str):
            words = f"the mailbox cannot be written as it has to be: {found}"
            return Reply.of(451, "4.3.5", words), ""
        rights, owner = found
        where = self._location.find(user, place.home, place.mail)
        quota = storing.settings.quota_of(place.quota_bytes, place.quota_messages)
        if _is_quota_letter(message):
            quota = replace(quota, is_enforced=False)
        folders = await storing.filing.file(user, recipient, message)
        for number, filed in enumerate(folders):
            target = Target(where, filed.folder, filed.create, number, quota, rights, owner)
            stored = await self._store.deliver(target, message, recipient)
            if stored.fault is not None:
                self._tell_of(stored.fault, recipient, "is delivered, and not counted")
            self._watch(user, quota, stored)
            if storing.delivered is not None:
                storing.delivered(Copy(user, target, message, recipient))
        return _DELIVERED, _aside(folders)

    def _watch(self, user: str, quota: Quota, stored: Stored) -> None:
        """Tell of a threshold that this message has crossed."""
        storing = self._storing
        if storing.warn is None or not quota or not stored.written:
            return
        thresholds = storing.settings.quota_warnings
        percent = quota.crossed(stored.before, stored.after, thresholds)
        if percent:
            storing.warn(Crossing(user, percent, stored.after, quota))

    def _tell_of(self, error: OSError, recipient: StoredRecipient, what: str = "") -> None:
        """The path is for the operator: notices and replies, which others read, have none."""
        path = error.filename
        if path is None:
            return
        words = os.strerror(error.errno) if error.errno else str(error)
        outcome = f" {what}" if what else ""
        self._tell(f"mail for {recipient.address}{outcome}: {os.fsdecode(path)}: {words}")

    def _tell(self, words: str) -> None:
        if self._storing.report is not None:
            self._storing.report(words)

    def _full(self, recipient: StoredRecipient) -> Outcome:
        if self._storing.settings.quota_full == "bounce":
            return Outcome(recipient.id, Status.BOUNCED, _FULL_FOR_GOOD)
        return Outcome(recipient.id, Status.DEFERRED, _FULL)


def _aside(folders: Sequence[Filed]) -> str:
    """Which folders are not the usual ones, and why."""
    return ", ".join([f"{each.folder}: {each.why}" for each in folders if each.why])


def _is_quota_letter(message: StoredMessage) -> bool:
    envelope, waybill = message.envelope, message.waybill
    if envelope.envid != QUOTA_LETTER or envelope.sender is not None:
        return False
    # What clients bring has a listener, and what programs of this machine leave has a user.
    return not (waybill.listener or waybill.login or waybill.client)


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
