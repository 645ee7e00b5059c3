"""A message shown to the programs of a filter, one after the other, and what comes of it.

Each sees the message as those before it left it. The first that refuses ends it; what a program
that failed had changed is dropped.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace

from postroad.filters.python.answers import Answer, Verdict
from postroad.filters.python.calling import Failure
from postroad.filters.python.message import Message, Points
from postroad.filters.python.program import Program
from postroad.filters.python.running import LOGGED, RunningPrograms
from postroad.filters.python.session import Session
from postroad.model import Reply
from postroad.model.letter import NO_OPINION, Finding, Letter, Opinion
from postroad.model.printable import printable

__all__ = ["DESERTED", "Showing"]

DESERTED = Reply.of(550, "5.7.1", "Message refused: nobody is left to get it")
"""There is no throwing away: whoever sent it is to learn that it did not arrive."""


class Showing:
    """Of one message."""

    __slots__ = ("_came", "_findings", "_hold", "_letter", "_points", "_programs", "_session")

    def __init__(
        self, programs: RunningPrograms, session: Session | None, letter: Letter, hold: str
    ) -> None:
        """It was shown to nobody yet.

        Args:
            programs: to whom it is to be shown.
            session: by which it came; `None`: by none.
            letter: as it came.
            hold: why it is to be held, by what was said before it was complete.
        """
        self._programs = programs
        self._session = session
        self._came = self._letter = letter
        self._hold = hold
        self._findings: list[Finding] = []
        self._points: list[Points] = []

    async def run(self) -> Opinion:
        """Show it to all of them, until one has the last word."""
        programs = self._programs
        fault = await programs.ready()
        if fault is not None:
            return programs.failed(fault.words)
        clock = asyncio.get_running_loop().time
        end = clock() + programs.seconds
        for program in programs.programs:
            if "on_message" not in program.hooks:
                continue
            answer = await self._show(program, max(end - clock(), 0.001))
            if isinstance(answer, Opinion):
                return answer
            if answer is not None and answer.verdict is Verdict.ACCEPT:
                break
        return self._opinion()

    async def _show(self, program: Program, seconds: float) -> Opinion | Answer | None:
        """Show it to one of them, as it is by now; the opinion, if that ends it."""
        programs, name = self._programs, self._programs.name
        message = Message(self._letter, self._session, programs.tell)
        hook = program.hooks["on_message"]
        outcome = await programs.calls.call(hook, message, seconds=seconds)
        if isinstance(outcome, Failure):
            return self._failed(outcome)
        self._letter = message.letter
        self._points.extend(message.points)
        if message.changes:
            words = f"{program.path.name}: {printable(', '.join(message.changes))[:LOGGED]}"
            self._findings.append(Finding(name, "changed", words))
        if outcome is None or outcome.verdict is Verdict.ACCEPT:
            return outcome
        result = outcome.verdict.value
        if outcome.verdict is Verdict.HOLD:
            self._hold = self._hold or f"{name}: {outcome.why}"
            self._findings.append(Finding(name, result, f"{program.path.name}: {outcome.why}"))
            return None
        last = Finding(name, result, f"{program.path.name}: {outcome.reply}")
        return Opinion(reply=outcome.reply, findings=(*self._findings, *self._scored(), last))

    def _failed(self, failure: Failure) -> Opinion | None:
        opinion = self._programs.failed(failure.words)
        self._findings.extend(opinion.findings)
        self._hold = self._hold or opinion.hold
        if opinion.reply is None:
            return None
        return replace(opinion, findings=tuple(self._findings))

    def _opinion(self) -> Opinion:
        came, now = self._came, self._letter
        findings = (*self._findings, *self._scored())
        if not now.recipients:
            words = "its programs left no recipient"
            refused = Finding(self._programs.name, Verdict.REJECT.value, words)
            return Opinion(reply=DESERTED, findings=(*findings, refused))
        if now is came and not findings and not self._hold:
            return NO_OPINION
        return Opinion(
            hold=self._hold,
            fields=now.fields if now.fields is not came.fields else None,
            body=now.body if now.body is not came.body else None,
            envelope=now.envelope if now.envelope is not came.envelope else None,
            recipients=now.recipients if now.recipients is not came.recipients else None,
            findings=findings,
        )

    def _scored(self) -> tuple[Finding, ...]:
        if not self._points:
            return ()
        total = f"{sum(each.points for each in self._points):.2f}".rstrip("0").rstrip(".")
        words = ", ".join(f"{printable(each.name)} {each.points:g}" for each in self._points)
        return (Finding(self._programs.name, total, words[:LOGGED], {"score": total}),)
