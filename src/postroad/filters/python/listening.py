"""The programs of a filter in one session: what they hear of it, and what they answer.

The programs are asked in order. The first that refuses ends it. One that fails does what the
filter's `on_failure` says, with its file, line and error in one line of the log.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from postroad.filters.python.answers import Answer, Verdict
from postroad.filters.python.calling import Failure
from postroad.filters.python.running import LOGGED, RunningPrograms
from postroad.filters.python.session import Session
from postroad.filters.python.showing import Showing
from postroad.filters.stages import (
    Began,
    Connected,
    Denied,
    Greeted,
    Misspoke,
    Named,
    Stage,
    Started,
)
from postroad.model import Reply
from postroad.model.journal import Level
from postroad.model.letter import NO_OPINION, Examiner, Letter, Opinion

__all__ = ["ProgramsListening"]

_OF_THE_SESSION = ("on_connect", "on_helo")
"""What is answered there holds for every message of the session."""


class ProgramsListening:
    """Implements `Listening` and `Examiner`."""

    __slots__ = (
        "_filter",
        "_hold",
        "_hold_always",
        "_is_excused",
        "_is_excused_here",
        "_refusal",
        "_session",
    )

    def __init__(self, owner: RunningPrograms) -> None:
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
            case Denied() | Misspoke():
                return None  # no program is asked about what is refused already

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
        return await Showing(self._filter, self._session, letter, self._holding()).run()

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
