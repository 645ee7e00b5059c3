"""One message on its way in: its content streams into a draft of the spool.

Theory of operation. Only the header section passes through memory as a whole: it is needed to
count hops and to find missing fields, and it has a bound, as all that are still coming have one
together. When the content is complete, `Entry.commit` follows aliases, makes the draft durable,
and only then answers `250`. A fault on the way (too many hops, no space) is remembered, the rest
of the content is thrown away as it comes, and the fault is the answer. Whatever happens, an entry
ends in exactly one of `commit` and `discard`, and a draft that was not committed leaves nothing
behind.

What policy wants done with the message (`Disposition`) is known when the content is complete, but
for the fields before its header, which go out with the first octets.

Where somebody is to look at the content (`examination`), the header section is kept until then. The
draft is read, and is written anew if they want it changed: all of it at once, or nothing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from postroad.directory import DirectoryUnavailable
from postroad.filters.stages import Listening
from postroad.intake.aliases import AliasLimitError, ForwardingLoop
from postroad.intake.ends import Transit
from postroad.intake.examination import Board
from postroad.intake.forwarding import passed
from postroad.intake.handling import addressees, waybill
from postroad.intake.header import HeaderSection, HeaderTooLarge
from postroad.intake.inspection import Inspection
from postroad.intake.prepended import prepended
from postroad.intake.receipt import receipt
from postroad.intake.reception import HEADERS_AT_ONCE, NO_STORAGE, Reception
from postroad.intake.srs_keys import KeysUnavailable
from postroad.intake.trace import (
    Source,
    date_field,
    message_id_field,
    received_field,
)
from postroad.model import (
    PLAIN,
    BodyType,
    Disposition,
    Envelope,
    Recipient,
    Reply,
    parse_filter,
)
from postroad.model.authors import authors, from_fields
from postroad.model.journal import Level, Notice
from postroad.model.letter import Finding
from postroad.model.message_events import MessageId
from postroad.spool import SpoolError

__all__ = ["NO_STORAGE", "Entry"]

MISTAKEN = Reply.of(451, "4.3.5", "Server configuration error")
"""Postfix's words for a result of an access table that means nothing."""

BARE_IN_HEADER = Reply.of(550, "5.5.2", "Error: bare <CR> or <LF> in the message header")
"""RFC 3030 §3 frees the body of BODY=BINARYMIME from line ends, not the header section. All other
content is looked at for them before it comes here."""


class Entry:
    """One message on its way in.

    Attributes:
        findings: what was found out about it, once it was examined.
    """

    __slots__ = (
        "_arrived",
        "_authors",
        "_draft",
        "_eight_bit",
        "_envelope",
        "_fault",
        "_header",
        "_held",
        "_inspection",
        "_keeps_authors",
        "_passed",
        "_prepend",
        "_reception",
        "_recipients",
        "_source",
        "_wishes",
        "findings",
    )

    def __init__(
        self,
        reception: Reception,
        source: Source,
        envelope: Envelope,
        recipients: Sequence[Recipient],
        arrived: float,
        *,
        prepend: Sequence[str],
        keep_authors: bool,
        board: Board,
    ) -> None:
        """Private: use `Door.open`."""
        self._reception = reception
        self._source = source
        self._envelope = envelope
        self._recipients = recipients
        self._arrived = arrived
        self._prepend = prepend
        self._keeps_authors = keep_authors
        self._authors: tuple[bytes, ...] = ()
        self._draft = reception.begin()
        self._header: HeaderSection | None = HeaderSection(reception.settings.header_size)
        self._held = 0  # octets of it that count among those of all
        self._inspection = (
            None
            if board.is_idle(source)
            else Inspection(board, self._draft.queue_id, reception.journal)
        )
        self._wishes = PLAIN  # of examiners
        self._passed: frozenset[str] = frozenset()
        self._eight_bit = False
        self._fault: Reply | None = None
        self.findings: tuple[Finding, ...] = ()

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

    def refuse(self, reply: Reply) -> None:
        """Take no more of it: what still comes is thrown away, and this is the answer."""
        if self._fault is None:
            self._fail(reply)

    @property
    def authors(self) -> tuple[str, ...]:
        """The addresses in the message's From fields; see `authors.authors`.

        To be asked for when the content is complete, before `commit`, and only where `keep_authors`
        was given to `Door.open`. Empty also where the message will be refused.
        """
        assert self._keeps_authors, "the door was told that nobody would ask"
        self._finish_header()
        return authors(self._authors)

    async def examine(self, listening: Listening | None = None) -> Reply | None:
        """Have everybody look at the message who is to look at it, and make of it what they say.

        `commit` does so too, where it was not done before; the filters that have been listening to
        a session must be told here.

        Args:
            listening: those filters; left out: there is no session, and they are shown the message
                alone.

        Returns:
            The refusal, after which nothing of the message remains here.
        """
        self._finish_header()
        inspection, self._inspection = self._inspection, None
        if inspection is None or self._fault is not None:
            return self._fault
        if (objection := inspection.objection) is not None:
            self._fail(objection)
            return objection
        letter = inspection.letter(
            self._source, self._truthful(self._envelope), self._recipients, self._arrived
        )
        try:
            found = await inspection.run(self._draft, letter, listening)
        except SpoolError as error:
            self._fail_spool(error)
        except BaseException:
            self.discard()
            raise
        else:
            self.findings, self._wishes = found.findings, found.wishes
            self._envelope, self._recipients = found.envelope, found.recipients
            self._eight_bit = found.eight_bit or (self._eight_bit and not found.has_new_body)
            if found.reply is not None:
                self._fail(found.reply)
        return self._fault

    def _truthful(self, envelope: Envelope) -> Envelope:
        """The client promised seven bits and sent eight; the next hop must hear the truth."""
        if self._eight_bit and envelope.body is BodyType.SEVEN_BIT:
            return replace(envelope, body=BodyType.EIGHT_BIT_MIME)
        return envelope

    async def commit(
        self, disposition: Disposition = PLAIN, veto: Callable[[], Reply | None] | None = None
    ) -> Reply:
        """Make the message durable and hand it to the queue.

        Args:
            disposition: what policy wants done with it. What it puts before the header was given to
                `Door.open`; it is too late for more.
            veto: asked as the last thing before the message goes to the spool; the refusal, if it
                may not.

        Returns:
            `250 2.0.0 Ok: queued as ID`, only after everything is on stable storage, or for a
            message that is to be discarded; or the refusal, after which nothing of the message
            remains here.
        """
        if self._inspection is not None and not disposition.discard:
            await self.examine()
            if self._reception.remember is not None and self.findings:
                self._reception.remember(self.queue_id, self.findings)
        self._finish_header()
        if self._wishes is not PLAIN:
            disposition = disposition.merged(self._wishes)
        if self._fault is None and disposition is not PLAIN:
            self._look_at(disposition)
        if self._fault is not None:
            return self._fault
        if disposition.discard:
            return self._throw_away(disposition.discard)
        return await self._commit(disposition, veto)

    def discard(self) -> None:
        """Give the message up."""
        self._let_go_of_header()
        if self._fault is None:
            self._draft.discard()

    async def _commit(
        self, disposition: Disposition, veto: Callable[[], Reply | None] | None
    ) -> Reply:
        reception, envelope = self._reception, self._truthful(self._envelope)
        try:
            recipients = await addressees(
                self._recipients, disposition, reception.directory, self._transit(envelope)
            )
            refusal = None if veto is None else veto()
            if refusal is not None:
                self._fail(refusal)
                return refusal
            claimed = await self._draft.commit(
                envelope, recipients, self._arrived, waybill(self._source, disposition)
            )
        except AliasLimitError as error:
            self._notice(f"{error}; the message is not accepted now")
            self._fail(Reply.of(451, "4.3.5", "Error: alias expansion error"))
        except ForwardingLoop as loop:
            self._fail(Reply.of(554, "5.4.6", f"mail forwarding loop for {loop.alias}"))
        except KeysUnavailable as error:
            self._notice(f"the sender cannot be rewritten: {error}")
            self._fail(Reply.of(451, "4.3.0", "Error: temporary lookup failure"))
        except DirectoryUnavailable as error:
            self._notice(f"the directory is not available: {error}")
            self._fail(Reply.of(451, "4.3.0", "Error: temporary lookup failure"))
        except SpoolError as error:
            self._fail_spool(error)
        except BaseException:
            self._draft.discard()
            raise
        else:
            for event in receipt(claimed, recipients, self._recipients):
                reception.journal(event)
            reception.queued(claimed)
            return self._taken()
        assert self._fault is not None
        return self._fault

    def _transit(self, envelope: Envelope) -> Transit:
        reception = self._reception
        return Transit(
            sender=envelope.sender,
            now=self._arrived,
            forwarding=reception.onward,
            extensions=reception.forwarding.extensions,
            passed=self._passed,
        )

    def _look_at(self, disposition: Disposition) -> None:
        """What policy wants and cannot have."""
        if len(disposition.prepend) > len(self._prepend):
            self._notice("header fields are prepended before the content comes, or not at all")
        if disposition.discard or not disposition.content_filter:
            return
        mistake = parse_filter(disposition.content_filter, None)
        if isinstance(mistake, str):
            self._notice(mistake)
            self._fail(MISTAKEN)

    def _throw_away(self, reason: str) -> Reply:
        """Claim success and keep nothing (access(5), DISCARD)."""
        self._draft.discard()
        sender, count = self._envelope.sender_text, len(self._recipients)
        words = f"{self.queue_id}: discard: {reason}; from=<{sender}>, nrcpt={count}"
        self._reception.journal(Notice("cleanup", words))
        return self._taken()

    def _taken(self) -> Reply:
        return Reply.of(250, "2.0.0", f"Ok: queued as {self.queue_id}")

    def _finish_header(self) -> None:
        """The content is complete; so is its header section, if it was not before."""
        if self._header is None or self._fault is not None:
            return
        self._header.finish()
        try:
            self._pass_header(self._header)
        except SpoolError as error:
            self._fail_spool(error)

    def _pass_header(self, header: HeaderSection) -> Awaitable[None] | None:
        """Write our lines and the header section to the draft, and look at the latter."""
        reception, now = self._reception, self._reception.clock()
        self._let_go_of_header()
        if header.is_broken and self._envelope.body is BodyType.BINARY_MIME:
            self._fail(BARE_IN_HEADER)
            return None
        limit = reception.settings.hop_limit
        if limit and header.hops > limit:
            self._fail(Reply.of(554, "5.4.6", "Error: too many hops"))
            return None
        if reception.forwarding.loops:
            self._passed = passed(header.fields, reception.hostname)
        if self._keeps_authors:
            self._authors = from_fields(header.fields)
        only = self._recipients[0].address if len(self._recipients) == 1 else None
        trace = received_field(
            self._source,
            reception.hostname,
            self.queue_id,
            only,
            now,
            priority=self._envelope.priority,
        )
        parts = [*self._prepended(), trace, header.fields]
        message_id = header.message_id
        if self._source.submission:
            if message_id is None:
                message_id, field = message_id_field(self.queue_id, reception.hostname, now)
                parts.append(field)
            if not header.has_date:
                parts.append(date_field(now))
        if self._inspection is not None:
            self._inspection.keep(b"".join(parts), trace)
        parts.append(header.rest)
        written = self._draft.write(b"".join(parts))
        reception.journal(MessageId("cleanup", self.queue_id, message_id or "<>"))
        return written

    def _prepended(self) -> tuple[bytes, ...]:
        """Policy's fields; they go above ours, as in Postfix."""
        if not self._prepend:
            return ()
        octets, left_out = prepended(self._prepend)
        for field in left_out:
            self._notice(f"not prepended, as it is no header field or one too many: {field[:80]}")
        if not octets.isascii():
            self._eight_bit = True
        return (octets,)

    def _hold(self, octets: int) -> None:
        """Keep a part of the header section, as long as there is room for those of all."""
        reception = self._reception
        self._held += octets
        reception.headers_held += octets
        if reception.headers_held > HEADERS_AT_ONCE:
            self._notice(f"unfinished headers of all messages exceed {HEADERS_AT_ONCE} octets")
            self._fail(NO_STORAGE)

    def _let_go_of_header(self) -> None:
        self._header = None
        self._reception.headers_held -= self._held
        self._held = 0

    def _fail(self, reply: Reply) -> None:
        self._fault = reply
        self._let_go_of_header()
        self._draft.discard()

    def _fail_spool(self, error: SpoolError) -> None:
        self._notice(f"the message could not be stored: {error}")
        self._fail(NO_STORAGE)

    def _notice(self, words: str) -> None:
        self._reception.journal(Notice("cleanup", f"{self.queue_id}: {words}", Level.WARNING))
