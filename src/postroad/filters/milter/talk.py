"""A conversation with a milter over one connection: steps told, a message shown, answers read.

What an answer means for a session or a message is `session`'s to know; here it is only known which
answers there can be to which step, and how much may be said. A change that a milter had not asked
to be allowed is made all the same, as Sendmail and Postfix do it: libraries look after that.
"""

from __future__ import annotations

import asyncio

from postroad.filters.milter import steps
from postroad.filters.milter.allowance import Allowance
from postroad.filters.milter.answers import CONTINUE, ChangeKind, Ruling, Verdict, change, verdict
from postroad.filters.milter.changes import Changing, shown_fields
from postroad.filters.milter.connection import MilterConnection
from postroad.filters.milter.macros import Macros
from postroad.filters.milter.negotiation import Agreement, Steps
from postroad.filters.milter.packets import CHUNK, Command, Excess, Garbage, packet
from postroad.filters.milter.steps import Step
from postroad.model import Content
from postroad.model.letter import Letter
from postroad.spool.reading import pieces

__all__ = ["Talk"]

MOST_ADDITIONS = 1_000
"""Things added to one message, but for pieces of a new body. Fields may be changed and removed as
often as there are fields, and as often as this besides: a message makes some milters do so."""

MOST_OCTETS = 1_048_576
"""Octets that fields and addresses which it writes have together, besides as many as came. What may
be stored in the end is far less."""

MOST_PROGRESS = 1_000
"""Times that it may say that it is at work, in place of one answer."""

_BREATH = 32
"""Packets after which others have their turn: a milter may have sent all of them at once."""

_FIELDS_AT_ONCE = 200
"""Fields that are told to a milter which does not answer them, before others have their turn."""


class Talk:
    """One, from the negotiation on.

    Attributes:
        agreement: what was negotiated.
    """

    __slots__ = (
        "_allowance",
        "_connection",
        "_held",
        "_largest_body",
        "_macros",
        "_skipped",
        "agreement",
    )

    def __init__(
        self,
        connection: MilterConnection,
        agreement: Agreement,
        macros: Macros,
        largest_body: int,
        allowance: Allowance,
    ) -> None:
        """A conversation.

        Args:
            connection: an open one.
            agreement: what was negotiated.
            macros: of the session.
            largest_body: octets of a body that it may put in place of another.
            allowance: memory for changes to all messages.
        """
        self._connection = connection
        self.agreement = agreement
        self._macros = macros
        self._largest_body = largest_body
        self._allowance = allowance
        self._held = 0  # of the allowance
        self._skipped: Step | None = None  # what it wants to hear no more of, until another comes

    async def tell(self, step: Step, data: bytes, time: float) -> Verdict:
        """Tell it of a step; what it says to that.

        Args:
            step: which one.
            data: of its packet.
            time: seconds for the answer.

        Raises:
            Away: no answer comes.
            Garbage: what comes is none.
        """
        connection, agreement = self._connection, self.agreement
        if agreement.version < step.since:
            return CONTINUE
        if step.macros:  # also where none has a value: libraries keep those of the message before
            macros = self._macros.at(step.macros)
            connection.put(packet(Command.MACRO, step.command.value + macros))
        if agreement.silent(step.untold) or step is self._skipped:
            return CONTINUE  # Postfix tells the macros none the less
        self._skipped = None
        connection.put(packet(step.command, data))
        if agreement.silent(step.silent):
            return CONTINUE
        found = await self._answer(time)
        if found.ruling is Ruling.SKIP:
            self._skipped = step
            return CONTINUE
        return found

    def _check(self) -> None:
        """Before anything is sent: what it says unasked would be taken for the answer to that."""
        if self._connection.has_more:
            raise Garbage("it answered what it was not asked")

    async def _send(self, time: float) -> None:
        """Send what was gathered, and wait until it has taken most of it."""
        self._check()
        self._connection.push()
        await self._connection.flush(time)

    async def _answer(self, time: float) -> Verdict:
        self._check()
        for said in range(1, MOST_PROGRESS + 2):
            came = await self._connection.receive(time)
            found = verdict(came)
            if found is None:
                raise Garbage(f"it answered with {came.kind!r}")
            if found.ruling is not Ruling.PROGRESS:
                return found
            if not said % _BREATH:
                await asyncio.sleep(0)
        raise Garbage(f"it said {MOST_PROGRESS + 1:,} times that it is at work")

    async def content(self, letter: Letter, changing: Changing, time: float) -> Verdict:
        """Show it header section and body; its last word, with the changes made.

        Args:
            letter: the message.
            changing: where its changes go.
            time: seconds for each answer.

        Raises:
            Away, Garbage: as `tell`.
            Excess: it wants more changed than there may be.
            SpoolError: the message cannot be read, or a new body not be kept.
        """
        found = await self._show_fields(letter, time)
        if found is CONTINUE:
            found = await self.tell(steps.END_OF_HEADER, b"", time)
        if found is CONTINUE:
            found = await self._show_body(letter.body, time)
        if found is not CONTINUE:
            return found
        self._skipped = None
        return await self._end(letter, changing, time)

    async def _show_fields(self, letter: Letter, time: float) -> Verdict:
        connection, agreement = self._connection, self.agreement
        if agreement.silent(Steps.NO_HEADER):
            return CONTINUE
        leading = agreement.silent(Steps.LEADING_BLANK)
        is_silent = agreement.silent(Steps.NR_HEADER)
        for number, field in enumerate(shown_fields(letter), 1):
            connection.put(packet(Command.HEADER, steps.of_field(field, leading_blank=leading)))
            if is_silent:
                if not number % _FIELDS_AT_ONCE:
                    await self._send(time)
                    await asyncio.sleep(0)
                continue
            found = await self._answer(time)
            if found.ruling is Ruling.SKIP:
                break
            if found is not CONTINUE:
                return found
        return CONTINUE

    async def _show_body(self, body: Content, time: float) -> Verdict:
        if self.agreement.silent(Steps.NO_BODY):
            return CONTINUE
        kept = b""
        async for piece in pieces(body):
            octets, at = kept + piece if kept else piece, 0
            while len(octets) - at > CHUNK:
                found = await self._show_chunk(octets[at : at + CHUNK], time)
                at += CHUNK
                if found is not CONTINUE or self._skipped is steps.BODY:
                    return found
            kept = octets[at:] if at else octets
        return await self.tell(steps.BODY, kept, time) if kept else CONTINUE

    async def _show_chunk(self, octets: bytes, time: float) -> Verdict:
        found = await self.tell(steps.BODY, octets, time)
        if self.agreement.silent(Steps.NR_BODY):
            await self._send(time)
        return found

    async def _end(self, letter: Letter, changing: Changing, time: float) -> Verdict:
        """The end of the message, and what it wants changed until its last word."""
        connection = self._connection
        most_octets = MOST_OCTETS + letter.size - letter.body.size
        most_altered = MOST_ADDITIONS + len(letter.fields)
        macros = packet(
            Command.MACRO,
            Command.END_OF_MESSAGE.value + self._macros.at("end_of_message"),
        )
        connection.put(macros)
        connection.put(packet(Command.END_OF_MESSAGE))
        self._check()
        added = altered = octets = body = waits = came_in = 0
        while True:
            came = await connection.receive(time)
            came_in += 1
            if not came_in % _BREATH:
                await asyncio.sleep(0)
            wanted = change(came)
            if wanted is None:
                found = verdict(came)
                if found is None:
                    raise Garbage(f"it answered the end of a message with {came.kind!r}")
                if found.ruling is Ruling.SKIP:
                    return CONTINUE  # as Postfix has it: there is nothing left to skip
                if found.ruling is not Ruling.PROGRESS:
                    return found
                waits += 1
                if waits > MOST_PROGRESS:
                    raise Garbage(f"it said {waits:,} times that it is at work")
                continue
            if wanted.kind is ChangeKind.REPLACE_BODY:
                body += wanted.size
            else:
                if wanted.kind is ChangeKind.CHANGE_FIELD:
                    altered += 1
                else:
                    added += 1
                if not wanted.removes:
                    octets += wanted.size
                    self._hold(wanted.size)
            if added > MOST_ADDITIONS or altered > most_altered:
                raise Excess("more changes than there may be")
            if octets > most_octets or body > self._largest_body:
                raise Excess("larger changes than there may be")
            changing.make(wanted)
            if changing.is_large:
                await changing.put_away()

    def _hold(self, octets: int) -> None:
        if not self._allowance.take(octets):
            raise Excess("with others, it wants more changed at once than there may be")
        self._held += octets

    def let_go(self) -> None:
        """What it wanted changed is not kept any more; of the next message it is told all."""
        self._skipped = None
        if self._held:
            self._allowance.give(self._held)
            self._held = 0
