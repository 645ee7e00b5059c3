"""A conversation with a milter over one connection: steps told, a message shown, answers read.

What an answer means for a session or a message is `session`'s to know; here it is only known which
answers there can be to which step, and how much may be said.
"""

from __future__ import annotations

from postroad.filters.milter import steps
from postroad.filters.milter.answers import CONTINUE, Ruling, Verdict, change, verdict
from postroad.filters.milter.changes import Changing, shown_fields
from postroad.filters.milter.connection import MilterConnection
from postroad.filters.milter.macros import Macros
from postroad.filters.milter.negotiation import Actions, Agreement, Steps
from postroad.filters.milter.packets import CHUNK, Command, Garbage, packet
from postroad.filters.milter.permissions import ACTION_OF
from postroad.filters.milter.steps import Step
from postroad.model import Content
from postroad.model.letter import Letter
from postroad.spool.reading import pieces

__all__ = ["Talk"]

MOST_CHANGES = 1_000
"""Changes to one message, but for pieces of a new body."""

MOST_OCTETS = 1_048_576
"""Octets that these have together. What may be stored in the end is far less."""


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
                connection.send(told)
            return CONTINUE
        connection.send(told + packet(step.command, data))
        if agreement.silent(step.silent):
            return CONTINUE
        return await self._answer(connection, time)

    async def _answer(self, connection: MilterConnection, time: float) -> Verdict:
        await connection.flush(time)
        while True:
            came = await connection.receive(time)
            found = verdict(came)
            if found is None:
                raise Garbage(f"it answered with {came.kind!r}")
            if found.ruling is not Ruling.PROGRESS:
                return found

    async def content(self, letter: Letter, changing: Changing, time: float) -> Verdict:
        """Show it header section and body; its last word, with the changes made.

        Args:
            letter: the message.
            changing: where its changes go.
            time: seconds for each answer.

        Raises:
            Away, Garbage: as `tell`.
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
        return await self._end(changing, time)

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
            connection.send(b"".join(told))
            await connection.flush(time)
            return CONTINUE
        for octets in told:
            connection.send(octets)
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

    async def _end(self, changing: Changing, time: float) -> Verdict:
        """The end of the message, and what it wants changed until its last word."""
        connection = self._connection
        macros = packet(
            Command.MACRO,
            Command.END_OF_MESSAGE.value + self._macros.at("end_of_message"),
        )
        connection.send(macros + packet(Command.END_OF_MESSAGE))
        await connection.flush(time)
        count = octets = body = 0
        while True:
            came = await connection.receive(time)
            wanted = change(came)
            if wanted is None:
                found = verdict(came)
                if found is None or found.ruling is Ruling.SKIP:
                    raise Garbage(f"it answered the end of a message with {came.kind!r}")
                if found.ruling is Ruling.PROGRESS:
                    continue
                return found
            action = ACTION_OF[wanted.kind]
            if not action & self.agreement.actions:
                raise Garbage(f"it wants {wanted.kind.name}, which it had not asked for")
            if action is Actions.CHANGE_BODY:
                body += wanted.size
            else:
                count, octets = count + 1, octets + wanted.size
            if count > MOST_CHANGES or octets > MOST_OCTETS or body > self._largest_body:
                raise Garbage("more changes than there may be")
            changing.make(wanted)


def _unless_skipped(found: Verdict) -> Verdict:
    return CONTINUE if found.ruling is Ruling.SKIP else found
