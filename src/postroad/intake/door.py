"""The one door: every message enters the queue through here, from whatever side it comes.

Theory of operation. `Door.open` takes an envelope and gives an `Entry`, which streams the content
into a draft of the spool. Only the header section passes through memory as a whole: it is needed
to count hops and to find missing fields, and it has a bound, as all that are still coming have one
together. When the content is complete, `Entry.commit` follows aliases, makes the draft durable,
and only then answers `250`. A fault on the way (too many hops, no space) is remembered, the rest
of the content is thrown away as it comes, and the fault is the answer. Whatever happens, an entry
ends in exactly one of `commit` and `discard`, and a draft that was not committed leaves nothing
behind.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from postroad.directory import DirectoryUnavailable
from postroad.intake.aliases import AliasLimitError, Resolving, expand
from postroad.intake.header import HeaderSection, HeaderTooLarge
from postroad.intake.settings import IntakeSettings
from postroad.intake.trace import (
    Source,
    date_field,
    message_id_field,
    received_field,
    timestamp,
)
from postroad.model import Address, BodyType, Envelope, Recipient, Reply
from postroad.model.journal import Journal, Level, MessageId, Notice, Queued
from postroad.spool import Claimed, Draft, SpoolError

__all__ = ["NO_STORAGE", "Door", "Entry", "Refusal", "Source"]

HEADERS_AT_ONCE = 67_108_864
"""Octets of unfinished header sections that the entries of a door hold together. Most headers come
in one piece and are never counted; a thousand slow ones of 64 KiB have room, and strangers who
begin long ones and fall silent cannot fill the memory of the machine with them."""

NO_STORAGE = Reply.of(452, "4.3.1", "Insufficient system storage")


class Refusal(Exception):
    """Mail made here was not taken; `reply` says why."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(str(reply))
        self.reply = reply


class Door:
    """Opens entries into one spool shard."""

    def __init__(
        self,
        *,
        hostname: str,
        settings: IntakeSettings,
        begin: Callable[[], Draft],
        directory: Resolving,
        queued: Callable[[Claimed], None],
        journal: Journal,
        clock: Callable[[], float],
    ) -> None:
        """A door.

        Args:
            hostname: our name, for trace lines.
            settings: bounds on the header.
            begin: starts a draft in the spool.
            directory: knows our addresses and aliases.
            queued: told of each message the moment it is durable.
            journal: where events go.
            clock: seconds since the epoch.
        """
        self.hostname = hostname
        self.settings = settings
        self.begin = begin
        self.directory = directory
        self.queued = queued
        self.journal = journal
        self.clock = clock
        self.headers_held = 0
        """Octets of unfinished header sections, of all entries."""

    def open(
        self, source: Source, envelope: Envelope, recipients: Sequence[Recipient], arrived: float
    ) -> Entry:
        """Begin to take a message.

        Args:
            source: who hands it over.
            envelope: its sender and needs.
            recipients: at least one, each already allowed by policy.
            arrived: when its transaction began, seconds since the epoch.

        Raises:
            SpoolError: the spool takes nothing now.
        """
        return Entry(self, source, envelope, recipients, arrived)

    async def submit(
        self, envelope: Envelope, recipients: Sequence[Address], message: bytes
    ) -> str:
        """Take a whole message that was made here: a bounce, a report.

        Args:
            envelope: its sender and needs.
            recipients: where it goes.
            message: header and body, lines ended by CRLF.

        Returns:
            Its queue ID, once durable.

        Raises:
            Refusal: it could not be taken.
        """
        try:
            named = [Recipient(address) for address in recipients]
            entry = self.open(Source("bounce"), envelope, named, self.clock())
        except SpoolError:
            raise Refusal(NO_STORAGE) from None
        try:
            if (written := entry.write(message)) is not None:
                await written
            reply = await entry.commit()
        finally:
            entry.discard()
        if not reply.is_positive:
            raise Refusal(reply)
        return entry.queue_id


class Entry:
    """One message on its way in."""

    __slots__ = (
        "_arrived",
        "_door",
        "_draft",
        "_eight_bit",
        "_envelope",
        "_fault",
        "_header",
        "_held",
        "_recipients",
        "_source",
    )

    def __init__(
        self,
        door: Door,
        source: Source,
        envelope: Envelope,
        recipients: Sequence[Recipient],
        arrived: float,
    ) -> None:
        self._door = door
        self._source = source
        self._envelope = envelope
        self._recipients = recipients
        self._arrived = arrived
        self._draft = door.begin()
        self._header: HeaderSection | None = HeaderSection(door.settings.header_size)
        self._held = 0  # octets of it that count among the door's
        self._eight_bit = False
        self._fault: Reply | None = None

    @property
    def queue_id(self) -> str:
        """The message's identity in queue and log."""
        return self._draft.queue_id

    def write(self, chunk: bytes) -> Awaitable[None] | None:
        """Take the next octets of content: lines ended by CRLF, dots unstuffed.

        Returns:
            What to wait for before more is written, so that memory holds; it raises nothing.
            `None`, and always for a small message: nothing.
        """
        if self._fault is not None:
            return None
        if not self._eight_bit and not chunk.isascii():
            self._eight_bit = True
        try:
            if self._header is None:
                return self._draft.write(chunk)
            if self._header.feed(chunk):
                return self._pass_header(self._header)
            self._hold(len(chunk))
        except HeaderTooLarge:
            self._fail(Reply.of(552, "5.3.4", "Error: message header size exceeds limit"))
        except SpoolError as error:
            self._fail_spool(error)
        return None

    async def commit(self) -> Reply:
        """Make the message durable and hand it to the queue.

        Returns:
            `250 2.0.0 Ok: queued as ID`, only after everything is on stable storage; or the
            refusal, after which nothing of the message remains here.
        """
        if self._header is not None and self._fault is None:
            self._header.finish()
            try:
                self._pass_header(self._header)
            except SpoolError as error:
                self._fail_spool(error)
        if self._fault is not None:
            return self._fault
        return await self._commit()

    def discard(self) -> None:
        """Give the message up."""
        self._let_go_of_header()
        if self._fault is None:
            self._draft.discard()

    async def _commit(self) -> Reply:
        door, envelope = self._door, self._envelope
        if self._eight_bit and envelope.body is BodyType.SEVEN_BIT:
            # The client promised seven bits and sent eight; the next hop must hear the truth.
            envelope = replace(envelope, body=BodyType.EIGHT_BIT_MIME)
        try:
            recipients = await expand(self._recipients, door.directory)
            claimed = await self._draft.commit(envelope, recipients, self._arrived)
        except AliasLimitError:
            self._fail(Reply.of(554, "5.4.6", "Error: alias expansion exceeds limits"))
        except DirectoryUnavailable as error:
            self._notice(f"the directory is not available: {error}")
            self._fail(Reply.of(451, "4.3.0", "Error: temporary lookup failure"))
        except SpoolError as error:
            self._fail_spool(error)
        except BaseException:
            self._draft.discard()
            raise
        else:
            size = claimed.message.content.size
            count = sum([one.owed is None for one in recipients])
            door.journal(Queued("qmgr", self.queue_id, envelope.sender_text, size, count))
            if not claimed.recipients:
                self._note_hold(envelope)
            door.queued(claimed)
            return Reply.of(250, "2.0.0", f"Ok: queued as {self.queue_id}")
        assert self._fault is not None
        return self._fault

    def _pass_header(self, header: HeaderSection) -> Awaitable[None] | None:
        """Write our lines and the header section to the draft, and look at the latter."""
        door, now = self._door, self._door.clock()
        self._let_go_of_header()
        limit = door.settings.hop_limit
        if limit and header.hops > limit:
            self._fail(Reply.of(554, "5.4.6", "Error: too many hops"))
            return None
        only = self._recipients[0].address if len(self._recipients) == 1 else None
        parts = [
            received_field(
                self._source,
                door.hostname,
                self.queue_id,
                only,
                now,
                priority=self._envelope.priority,
            ),
            header.fields,
        ]
        message_id = header.message_id
        if self._source.submission:
            if message_id is None:
                message_id, field = message_id_field(self.queue_id, door.hostname, now)
                parts.append(field)
            if not header.has_date:
                parts.append(date_field(now))
        parts.append(header.rest)
        written = self._draft.write(b"".join(parts))
        door.journal(MessageId("cleanup", self.queue_id, message_id or "<>"))
        return written

    def _hold(self, octets: int) -> None:
        """Keep a part of the header section, as long as there is room for those of all."""
        door = self._door
        self._held += octets
        door.headers_held += octets
        if door.headers_held > HEADERS_AT_ONCE:
            self._notice(f"unfinished headers of all messages exceed {HEADERS_AT_ONCE} octets")
            self._fail(NO_STORAGE)

    def _let_go_of_header(self) -> None:
        self._header = None
        self._door.headers_held -= self._held
        self._held = 0

    def _fail(self, reply: Reply) -> None:
        self._fault = reply
        self._let_go_of_header()
        self._draft.discard()

    def _fail_spool(self, error: SpoolError) -> None:
        self._notice(f"the message could not be stored: {error}")
        self._fail(NO_STORAGE)

    def _note_hold(self, envelope: Envelope) -> None:
        words = f"{self.queue_id}: held until {timestamp(envelope.hold_until or 0.0)}"
        self._door.journal(Notice("qmgr", f"{words}, as its sender asked"))

    def _notice(self, words: str) -> None:
        self._door.journal(Notice("cleanup", f"{self.queue_id}: {words}", Level.WARNING))
