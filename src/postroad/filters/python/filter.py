"""Programs of the operator's as a filter: what they answer, and what becomes of it.

The programs of a folder are asked in the order of their names. The first that refuses ends it. A
program that fails does what the filter's `on_failure` says, with its file, line and error in one
line of the log; what it had changed by then is dropped.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from postroad.filters.failure import failed, refusal
from postroad.filters.python.answers import Answer, Verdict
from postroad.filters.python.calling import Calls, Failure
from postroad.filters.python.message import Message, Points
from postroad.filters.python.program import Program
from postroad.filters.python.session import Session
from postroad.filters.settings import FilterSettings
from postroad.filters.stages import Began, Connected, Greeted, Named, Stage, Started
from postroad.model import Reply
from postroad.model.journal import Journal, Level, Notice, printable
from postroad.model.letter import NO_OPINION, Examiner, Finding, Letter, Opinion

__all__ = ["BROKEN", "DESERTED", "PythonFilter"]

DESERTED = Reply.of(550, "5.7.1", "Message refused: nobody is left to get it")
"""There is no throwing away: whoever sent it is to learn that it did not arrive."""

BROKEN = Reply.of(451, "4.3.0", "Error: internal error in a filter")
"""Whoever mends the program finds the mail still to come."""

LOGGED = 500
"""Characters of a line that a program writes into the log."""

_EARLY = 0.9
"""Of the filter's time, what programs have: who of them used it up is to be said, before the frame
around all filters says only that the filter is late."""


_OF_THE_SESSION = ("on_connect", "on_helo")
"""What is answered there holds for every message of the session."""


class PythonFilter:
    """Implements `Filter`."""

    def __init__(
        self,
        name: str,
        settings: FilterSettings,
        programs: Sequence[Program],
        journal: Journal,
        *,
        trouble: str = "",
    ) -> None:
        """A filter.

        Args:
            name: how configuration and log name it.
            settings: its settings.
            programs: in the order in which they are asked.
            journal: where events go.
            trouble: why they could not be loaded; all mail fails until they can.
        """
        self.name = name
        self.settings = settings
        self.programs = tuple(programs)
        self.trouble = trouble
        self.calls = Calls(lambda words: self.tell(words, Level.WARNING))
        self._journal = journal
        self._starting = asyncio.Lock()
        self._started: set[Path] = set()

    def session(self) -> _Listening:
        """Begin to listen to a session."""
        return _Listening(self)

    @property
    def seconds(self) -> float:
        """What programs may take for a step, and for a message."""
        return self.settings.timeout * _EARLY

    async def ready(self) -> Failure | None:
        """Have every program's `start` done, once; why it is not."""
        if self.trouble:
            return Failure(self.trouble)
        if len(self._started) == len(self.programs):
            return None
        async with self._starting:
            for program in self.programs:
                if program.path in self._started:
                    continue
                hook = program.hooks.get("start")
                if hook is not None:
                    outcome = await self.calls.call(hook, seconds=self.seconds)
                    if isinstance(outcome, Failure):
                        return outcome
                self._started.add(program.path)
        return None

    async def close(self) -> None:
        """Have `stop` done in those that were started."""
        for program in self.programs:
            hook = program.hooks.get("stop")
            if hook is not None and program.path in self._started:
                outcome = await self.calls.call(hook, seconds=self.seconds)
                if isinstance(outcome, Failure):
                    self.tell(outcome.words, Level.WARNING)
        self._started.clear()

    def tell(self, words: str, level: Level = Level.INFO) -> None:
        """Write a line of the log."""
        line = printable(" ".join(words.split()))
        self._journal(Notice(f"filters/{self.name}", line[:LOGGED], level))

    def refusal(self) -> Reply | None:
        """What a client is told at a step where a program failed."""
        on_failure = self.settings.on_failure
        return BROKEN if on_failure == "defer" else refusal(on_failure)

    def failed(self, words: str) -> Opinion:
        """What becomes of a message that a program failed at."""
        opinion = failed(self.name, self.settings.on_failure, words)
        return replace(opinion, reply=BROKEN) if self.settings.on_failure == "defer" else opinion


@dataclass(slots=True)
class _Examined:
    """What the programs asked so far made of a message."""

    letter: Letter
    findings: list[Finding]
    points: list[Points]
    hold: str = ""


class _Listening:
    """The programs in one session; implements `Listening` and `Examiner`."""

    __slots__ = (
        "_filter",
        "_hold",
        "_hold_always",
        "_is_excused",
        "_is_excused_here",
        "_refusal",
        "_session",
    )

    def __init__(self, owner: PythonFilter) -> None:
        self._filter = owner
        self._session: Session | None = None
        self._is_excused = self._is_excused_here = False
        self._hold = ""
        self._refusal: Reply | None = None  # of the connection: EHLO and MAIL have it too
        self._hold_always = ""  # said of the session, so of each of its messages

    async def heard(self, stage: Stage) -> Reply | None:
        """Tell the programs of a step."""
        match stage:
            case Connected(client, server, listener, trusted):
                self._session = Session(
                    client=client,
                    server=server,
                    listener=listener,
                    trusted=trusted,
                    journal=self._filter.tell,
                )
                self._is_excused = False
                self._refusal = await self._asked("on_connect")
                return self._refusal
            case Greeted(hello, tls, esmtp):
                self._note(hello=hello, tls=tls, esmtp=esmtp)
                return self._refusal or await self._asked("on_helo", hello)
            case Began(envelope, login, size):
                user = login.user if login is not None else ""
                self._note(login=user, size=size, sender=envelope.sender_text, recipients=())
                return self._refusal or await self._asked("on_mail", envelope.sender_text)
            case Named(recipient):
                return await self._recipient(str(recipient.address))
            case Started(queue_id):
                self._note(queue_id=queue_id)
                return await self._asked("on_data")

    @property
    def examiners(self) -> Sequence[Examiner]:
        """Who looks at the message."""
        return (self,)

    def forget(self) -> None:
        """The transaction is over."""
        self._note(sender="", recipients=(), size=0, queue_id="")
        self._is_excused_here = False
        self._hold = ""

    async def close(self) -> None:
        """The session is over."""

    async def examine(self, letter: Letter) -> Opinion:
        """Show them the message."""
        if self._excused():
            return self._held()
        state = _Examined(letter, [], [], self._holding())
        fault = await self._filter.ready()
        if fault is not None:
            return self._filter.failed(fault.words)
        clock = asyncio.get_running_loop().time
        end = clock() + self._filter.seconds
        for program in self._filter.programs:
            if "on_message" not in program.hooks:
                continue
            ending = await self._shown(program, state, max(end - clock(), 0.001))
            if ending is not None:
                return ending
            if self._excused():
                break
        return self._opinion(letter, state)

    async def _shown(self, program: Program, state: _Examined, seconds: float) -> Opinion | None:
        """Show one of them the message as it is by now; the opinion, if that ends it."""
        owner = self._filter
        message = Message(state.letter, self._session, owner.tell)
        hook = program.hooks["on_message"]
        outcome = await owner.calls.call(hook, message, seconds=seconds)
        if isinstance(outcome, Failure):
            opinion = owner.failed(outcome.words)
            state.findings.extend(opinion.findings)
            state.hold = state.hold or opinion.hold
            return (
                None if opinion.reply is None else replace(opinion, findings=tuple(state.findings))
            )
        state.letter = message.letter
        state.points.extend(message.points)
        if message.changes:
            words = f"{program.path.name}: {printable(', '.join(message.changes))[:LOGGED]}"
            state.findings.append(Finding(owner.name, "changed", words))
        if outcome is None:
            return None
        return self._ended(program, outcome, state)

    def _ended(self, program: Program, answer: Answer, state: _Examined) -> Opinion | None:
        name, file = self._filter.name, program.path.name
        if answer.verdict is Verdict.ACCEPT:
            self._is_excused_here = True
        elif answer.verdict is Verdict.HOLD:
            state.hold = state.hold or f"{name}: {answer.why}"
            state.findings.append(Finding(name, answer.verdict.value, f"{file}: {answer.why}"))
        else:
            words = f"{file}: {answer.reply}"
            findings = (*state.findings, *self._scored(state), _finding(name, answer, words))
            return Opinion(reply=answer.reply, findings=findings)
        return None

    def _opinion(self, letter: Letter, state: _Examined) -> Opinion:
        now = state.letter
        findings = (*state.findings, *self._scored(state))
        if not now.recipients:
            words = "its programs left no recipient"
            refused = Finding(self._filter.name, Verdict.REJECT.value, words)
            return Opinion(reply=DESERTED, findings=(*findings, refused))
        if now is letter and not findings and not state.hold:
            return NO_OPINION
        return Opinion(
            hold=state.hold,
            fields=now.fields if now.fields is not letter.fields else None,
            body=now.body if now.body is not letter.body else None,
            envelope=now.envelope if now.envelope is not letter.envelope else None,
            recipients=now.recipients if now.recipients is not letter.recipients else None,
            findings=findings,
        )

    def _scored(self, state: _Examined) -> tuple[Finding, ...]:
        if not state.points:
            return ()
        total = f"{sum(each.points for each in state.points):.2f}".rstrip("0").rstrip(".")
        words = ", ".join(f"{printable(each.name)} {each.points:g}" for each in state.points)
        return (Finding(self._filter.name, total, words[:LOGGED], {"score": total}),)

    def _excused(self) -> bool:
        """Whether a program wants nobody of this filter asked any more."""
        return self._is_excused or self._is_excused_here

    def _held(self) -> Opinion:
        hold = self._holding()
        return Opinion(hold=hold) if hold else NO_OPINION

    def _holding(self) -> str:
        """Why the message waits, as far as it was said before it was complete."""
        return self._hold_always or self._hold

    def _keep(self, step: str, why: str) -> None:
        """Note why to hold: this message, or all of the session."""
        if step in _OF_THE_SESSION:
            self._hold_always = self._hold_always or why
        else:
            self._hold = self._hold or why

    async def _recipient(self, address: str) -> Reply | None:
        reply = await self._asked("on_rcpt", address)
        if reply is None and self._session is not None:
            self._note(recipients=(*self._session.recipients, address))
        return reply

    async def _asked(self, name: str, *arguments: str) -> Reply | None:
        """Ask those that have a hook; the refusal of the first that refuses."""
        owner = self._filter
        hooks = [each.hooks[name] for each in owner.programs if name in each.hooks]
        if self._excused() or not (hooks or owner.trouble):
            return None
        fault = await owner.ready()
        if fault is not None:
            return self._failed(name, fault.words)
        clock = asyncio.get_running_loop().time
        end = clock() + owner.seconds
        for hook in hooks:
            seconds = max(end - clock(), 0.001)
            outcome = await owner.calls.call(hook, self._session, *arguments, seconds=seconds)
            reply = None
            if isinstance(outcome, Failure):
                reply = self._failed(name, outcome.words)
            elif outcome is not None:
                reply = self._answered(name, outcome)
            is_enough = isinstance(outcome, Answer) and outcome.verdict is Verdict.ACCEPT
            if reply is not None or is_enough:
                return reply
        return None

    def _answered(self, name: str, answer: Answer) -> Reply | None:
        if answer.verdict is Verdict.ACCEPT:
            if name in _OF_THE_SESSION:
                self._is_excused = True
            elif name != "on_rcpt":  # there it is said of one recipient, and asked no further
                self._is_excused_here = True
        elif answer.verdict is Verdict.HOLD:
            self._keep(name, f"{self._filter.name}: {answer.why}")
        return answer.reply

    def _failed(self, step: str, words: str) -> Reply | None:
        self._filter.tell(words, Level.WARNING)
        if self._filter.settings.on_failure == "hold":
            self._keep(step, f"{self._filter.name}: {words}"[:LOGGED])
        return self._filter.refusal()

    def _note(self, **known: object) -> None:
        if self._session is not None:
            self._session = replace(self._session, **known)  # type: ignore[arg-type]


def _finding(name: str, answer: Answer, words: str) -> Finding:
    return Finding(name, answer.verdict.value, words)
