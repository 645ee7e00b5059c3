"""A conversation with a milter over one connection: steps told, a message shown, answers read.

What an answer means for a session or a message is `session`'s to know; here it is only known which
answers there can be to which step, and how much may be said.
"""

from __future__ import annotations

import asyncio

from postroad.filters.milter import steps
from postroad.filters.milter.answers import CONTINUE, ChangeKind, Ruling, Verdict, change, verdict
from postroad.filters.milter.changes import Changing, shown_fields
from postroad.filters.milter.connection import MilterConnection
from postroad.filters.milter.macros import Macros
from postroad.filters.milter.negotiation import Actions, Agreement, Steps
from postroad.filters.milter.packets import CHUNK, Command, Excess, Garbage, packet
from postroad.filters.milter.permissions import ACTION_OF
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

_BREATH = 64
"""Changes after which others have their turn: a milter may have sent all of them at once."""


class Talk:
    """One, from the negotiation on.

    Attributes:
        agreement: what was negotiated.
    """

    __slots__ = ("_connection", "_largest_body", "_macros", "agreement")

    def __init__(
        self,
        connection: MilterConnection,
        agreement: Agreement,
        macros: Macros,
        largest_body: int,
    ) -> None:
        """A conversation.

        Args:
            connection: an open one.
            agreement: what was negotiated.
            macros: of the session.
            largest_body: octets of a body that it may put in place of another.
        """
        self._connection = connection
        self.agreement = agreement
        self._macros = macros
        self._largest_body = largest_body

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
        told = b""
        if step.macros and (macros := self._macros.at(step.macros)):
            told = packet(Command.MACRO, step.command.value + macros)
        if agreement.silent(step.untold):  # Postfix tells the macros none the less
            if told:
                self._say(told)
            return CONTINUE
        self._say(told + packet(step.command, data))
        if agreement.silent(step.silent):
            return CONTINUE
        return await self._answer(connection, time)

    def _say(self, octets: bytes) -> None:
        """Send it something, unless it said more than it was asked: that would be the answer."""
        if self._connection.has_more:
            raise Garbage("it answered what it was not asked")
        self._connection.send(octets)

    async def _answer(self, connection: MilterConnection, time: float) -> Verdict:
        await connection.flush(time)
        for _ in range(MOST_PROGRESS + 1):
            came = await connection.receive(time)
            found = verdict(came)
            if found is None:
                raise Garbage(f"it answered with {came.kind!r}")
            if found.ruling is not Ruling.PROGRESS:
                return found
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
            SpoolError: the message cannot be read.
        """
        found = await self._show_fields(letter, time)
        if found is CONTINUE:
            found = await self.tell(steps.END_OF_HEADER, b"", time)
        if found is CONTINUE:
            found = await self._show_body(letter.body, time)
        if found is not CONTINUE:
            if found.ruling is Ruling.SKIP:
                raise Garbage("it said SKIP before the body")
            return found
        return await self._end(letter, changing, time)

    async def _show_fields(self, letter: Letter, time: float) -> Verdict:
        connection, agreement = self._connection, self.agreement
        if agreement.silent(Steps.NO_HEADER):
            return CONTINUE
        leading = agreement.silent(Steps.LEADING_BLANK)
        told = [
            packet(Command.HEADER, steps.of_field(field, leading_blank=leading))
            for field in shown_fields(letter)
        ]
        if agreement.silent(Steps.NR_HEADER):
            self._say(b"".join(told))
            await connection.flush(time)
            return CONTINUE
        for octets in told:
            self._say(octets)
            found = await self._answer(connection, time)
            if found is not CONTINUE:
                return found
        return CONTINUE

    async def _show_body(self, body: Content, time: float) -> Verdict:
        if self.agreement.silent(Steps.NO_BODY):
            return CONTINUE
        kept = bytearray()
        async for piece in pieces(body):
            kept += piece
            while len(kept) >= CHUNK:
                found = await self._show_chunk(bytes(kept[:CHUNK]), time)
                del kept[:CHUNK]
                if found is not CONTINUE:
                    return _unless_skipped(found)
        return _unless_skipped(await self._show_chunk(bytes(kept), time)) if kept else CONTINUE

    async def _show_chunk(self, octets: bytes, time: float) -> Verdict:
        found = await self.tell(steps.BODY, octets, time)
        if self.agreement.silent(Steps.NR_BODY):
            await self._connection.flush(time)
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
        self._say(macros + packet(Command.END_OF_MESSAGE))
        await connection.flush(time)
        added = altered = octets = body = waits = 0
        while True:
            came = await connection.receive(time)
            wanted = change(came)
            if wanted is None:
                found = verdict(came)
                if found is None or found.ruling is Ruling.SKIP:
                    raise Garbage(f"it answered the end of a message with {came.kind!r}")
                if found.ruling is not Ruling.PROGRESS:
                    return found
                waits += 1
                if waits > MOST_PROGRESS:
                    raise Garbage(f"it said {waits:,} times that it is at work")
                continue
            action = ACTION_OF[wanted.kind]
            if not action & self.agreement.actions:
                raise Garbage(f"it wants {wanted.kind.name}, which it had not asked for")
            if action is Actions.CHANGE_BODY:
                body += wanted.size
            else:
                if wanted.kind is ChangeKind.CHANGE_FIELD:
                    altered += 1
                else:
                    added += 1
                if not wanted.removes:
                    octets += wanted.size
            if added > MOST_ADDITIONS or altered > most_altered:
                raise Excess("more changes than there may be")
            if octets > most_octets or body > self._largest_body:
                raise Excess("larger changes than there may be")
            changing.make(wanted)
            if not (added + altered) % _BREATH:
                await asyncio.sleep(0)


def _unless_skipped(found: Verdict) -> Verdict:
    return CONTINUE if found.ruling is Ruling.SKIP else found
