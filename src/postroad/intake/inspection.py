"""A draft under examination: what its examiners are shown of it, and what is written of it anew.

Between the entry, which has a draft and an envelope, and the examination, which has a letter and
opinions. It exists for a message only where somebody is to look at that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from postroad.filters.stages import Listening
from postroad.intake.examination import Board, Examination
from postroad.intake.trace import Source
from postroad.model import Disposition, Envelope, Recipient, Reply
from postroad.model.content import Octets
from postroad.model.fields import Fields
from postroad.model.journal import Journal
from postroad.model.letter import Finding, Letter
from postroad.spool import Draft

__all__ = ["Inspected", "Inspection"]

MOST_LINES = 20_000
"""Lines of a header section that is looked at field by field, some 20 ms of work. Its octets
have a limit of their own, but a megabyte of the shortest fields there are would be a second's."""

TOO_MANY_FIELDS = Reply.of(552, "5.3.4", "Error: message header has too many lines")

_UNREAD = Octets(b"")


class Inspected(NamedTuple):
    """What came of it.

    Attributes:
        reply: the refusal, if it is refused.
        wishes: what is to be done with it besides.
        envelope, recipients: as they are to be.
        findings: of all examiners.
        has_new_body: whether its body is not the one that came.
        eight_bit: whether what is new in it has octets of eight bits.
    """

    reply: Reply | None
    wishes: Disposition
    envelope: Envelope
    recipients: Sequence[Recipient]
    findings: tuple[Finding, ...]
    has_new_body: bool
    eight_bit: bool


class Inspection:
    """Of one message."""

    __slots__ = ("_board", "_journal", "_queue_id", "_section", "_trace")

    def __init__(self, board: Board, queue_id: str, journal: Journal) -> None:
        """One that is to come.

        Args:
            board: who examines.
            queue_id: the message's.
            journal: where findings go.
        """
        self._board = board
        self._queue_id = queue_id
        self._journal = journal
        self._section = self._trace = b""

    def keep(self, section: bytes, trace: bytes) -> None:
        """The header section went to the draft.

        Args:
            section: all its field lines.
            trace: that of them which is our Received field.
        """
        self._section, self._trace = section, trace

    @property
    def objection(self) -> Reply | None:
        """The refusal of a message that nobody can be asked to look at."""
        return TOO_MANY_FIELDS if self._section.count(b"\n") > MOST_LINES else None

    def letter(
        self, source: Source, envelope: Envelope, recipients: Sequence[Recipient], arrived: float
    ) -> Letter:
        """The message as examiners are to see it, but for its body.

        Args:
            source: who handed it over.
            envelope: its sender and needs.
            recipients: who gets it.
            arrived: when its transaction began, seconds since the epoch.
        """
        return Letter(
            queue_id=self._queue_id,
            envelope=envelope,
            recipients=tuple(recipients),
            origin=source.origin,
            fields=Fields.of(self._section),
            body=_UNREAD,
            listener=source.listener,
            client=source.client,
            hello=source.hello,
            protocol=source.protocol,
            tls=source.tls,
            login=source.login,
            arrived=arrived,
            trace=self._trace,
        )

    async def run(self, draft: Draft, letter: Letter, listening: Listening | None) -> Inspected:
        """Have it examined, and write what is changed to the draft.

        Args:
            draft: with the whole content.
            letter: as `letter` made it.
            listening: the session's filters; `None`: they are shown the message alone.

        Raises:
            SpoolError: the draft cannot be read, or not be written anew.
        """
        body = await draft.read(len(self._section) + 2)  # behind the blank line
        letter = replace(letter, body=body)
        heard = listening
        if heard is None and self._board.filters is not None:
            heard = self._board.filters.session()
        examination = Examination(self._board, letter, self._trace, self._journal)
        filters = () if heard is None else heard.examiners
        try:
            await examination.run((*self._board.first, *filters, *self._board.last))
        finally:
            if listening is None and heard is not None:
                await heard.close()
        return await self._write(draft, letter, examination)

    async def _write(self, draft: Draft, letter: Letter, examination: Examination) -> Inspected:
        seen, eight_bit = examination.letter, examination.eight_bit
        if seen.fields is not letter.fields or examination.has_new_body:
            section = seen.fields.octets
            eight_bit = eight_bit or not section.isascii()
            changed = section != self._section or examination.has_new_body
            if changed and examination.reply is None and not examination.wishes.discard:
                await draft.replace(section + b"\r\n", seen.body)
        return Inspected(
            examination.reply,
            examination.wishes,
            seen.envelope,
            seen.recipients,
            seen.findings,
            examination.has_new_body,
            eight_bit,
        )
