"""A session as one milter hears of it, and the messages in it as that milter examines them.

There is a connection to the milter for each session, as its library keeps what it knows by
connection. It is opened at the first step. Once something went wrong with it, it stays closed, and
whatever comes in the session is answered by `on_failure`, as Postfix does it: a milter that missed
a step must not be asked about the rest.

    state     | told of                     | left by
    NEW       | connection                  | the connection: READY
    READY     | HELO, MAIL                  | MAIL: MESSAGE
    MESSAGE   | HELO, RCPT, DATA, content   | the end of the message: READY
    DECIDED   | HELO                        | the end of the message: READY
    ACCEPTED  | nothing: it may pass        | -
    REFUSED   | nothing: the refusal stays  | -
    FAILED    | nothing: `on_failure`       | -

Mail that comes in by no session is told as one of this machine's: from localhost, by HELO, MAIL,
RCPT and DATA.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from enum import Enum, auto

from postroad.filters.failure import at_greeting, failed, refusal
from postroad.filters.milter import steps
from postroad.filters.milter.answers import CONTINUE, Ruling, Verdict
from postroad.filters.milter.changes import Changing
from postroad.filters.milter.connection import Away, MilterConnection
from postroad.filters.milter.macros import NO_WAY, Macros
from postroad.filters.milter.negotiation import Steps, agreed, offer
from postroad.filters.milter.packets import Command, Excess, Garbage, packet
from postroad.filters.milter.setup import Setup
from postroad.filters.milter.steps import Step
from postroad.filters.milter.talk import Talk
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
from postroad.model import Address, Client, Endpoint, Reply
from postroad.model.journal import Level, Notice
from postroad.model.letter import Examiner, Finding, Letter, Opinion
from postroad.spool import SpoolError

__all__ = ["MilterSession"]

_LOCALHOST = Client("127.0.0.1", 0, "localhost", "localhost")

_NO_SUCH_RECIPIENT_HERE = Reply.of(451, "4.7.1", "Service unavailable - try again later")


class State(Enum):
    """How far a session is, for its milter."""

    NEW = auto()
    READY = auto()
    MESSAGE = auto()
    DECIDED = auto()
    ACCEPTED = auto()
    REFUSED = auto()
    FAILED = auto()


class MilterSession:
    """Implements `Listening` and `Examiner`."""

    __slots__ = (
        "_connection",
        "_discards",
        "_macros",
        "_problem",
        "_reply",
        "_setup",
        "_state",
        "_talk",
    )

    def __init__(self, setup: Setup) -> None:
        """Nothing is connected yet."""
        self._setup = setup
        self._state = State.NEW
        self._connection: MilterConnection | None = None
        self._talk: Talk | None = None
        settings = setup.settings
        self._macros = Macros(setup.hostname, setup.version, settings.macros, settings.macro_values)
        self._reply: Reply | None = None
        self._problem = ""
        self._discards = False

    @property
    def examiners(self) -> Sequence[Examiner]:
        """The milter itself."""
        return (self,)

    # What the session calls ------------------------------------------------------------------

    async def heard(self, stage: Stage) -> Reply | None:
        """Tell it of a step; the refusal if it refuses it."""
        try:
            return await self._heard(stage)
        except (Away, Garbage) as error:
            self._fail(str(error), type(stage).__name__)
        except asyncio.CancelledError:
            self._fail_quietly("its time was over")
            raise
        reply = refusal(self._setup.settings.on_failure)
        return at_greeting(reply) if isinstance(stage, Connected) else reply

    async def examine(self, letter: Letter) -> Opinion:
        """Show it a message."""
        try:
            return await self._examined(letter)
        except (Away, Garbage) as error:
            self._fail_quietly(str(error))
            on_failure = self._setup.settings.on_failure
            if on_failure == "accept" and isinstance(error, Excess):
                on_failure = "defer"  # else whoever writes a message could have it pass unseen
            return failed(self._setup.name, on_failure, self._problem)
        except SpoolError:
            self._fail_quietly("the message could not be read, or a new body not be kept")
            raise
        except asyncio.CancelledError:
            self._fail_quietly("its time was over")
            raise

    def forget(self) -> None:
        """The transaction is over or given up."""
        if self._talk is not None:
            self._talk.let_go()
        if self._connection is not None and self._state in (State.MESSAGE, State.DECIDED):
            self._connection.send(packet(Command.ABORT))
            self._state = State.READY
        self._discards = False

    async def close(self) -> None:
        """The session is over."""
        connection = self._parted()
        self._state = State.FAILED
        if connection is not None:
            connection.send(packet(Command.QUIT))
            await connection.close()

    # Steps -----------------------------------------------------------------------------------

    async def _heard(self, stage: Stage) -> Reply | None:
        state = self._state
        if state is State.FAILED:
            return refusal(self._setup.settings.on_failure)
        if state is State.REFUSED:
            return self._reply
        if state is State.ACCEPTED:
            return None
        if isinstance(stage, Connected):
            return at_greeting(await self._connect(stage))
        if isinstance(stage, Greeted):
            return await self._greet(stage)
        if isinstance(stage, Began):
            return await self._begin(stage)
        if isinstance(stage, Misspoke):
            await self._step(steps.UNKNOWN, steps.text(stage.word))
            return None
        if isinstance(stage, Started):
            self._macros.started(stage.queue_id)
        if self._state is not State.MESSAGE:
            return None
        if isinstance(stage, Denied):
            await self._deny(stage)
            return None
        if isinstance(stage, Named):
            address = stage.recipient.address
            self._macros.named(stage.recipient, await self._way("rcpt", address))
            found = await self._step(steps.RCPT, steps.of_recipient(stage.recipient))
        else:
            found = await self._step(steps.DATA)
        return self._of_message(found)

    async def _connect(self, stage: Connected) -> Reply | None:
        settings = self._setup.settings
        allowance = self._setup.allowance
        opened = await MilterConnection.open(self._setup.place, settings.connect_timeout, allowance)
        self._connection = opened
        opened.send(offer(settings.protocol))
        answer = await opened.receive(settings.connect_timeout)
        if answer.kind != Command.NEGOTIATE.value:
            raise Garbage(f"it answered the negotiation with {answer.kind!r}")
        agreement = agreed(answer.data, settings.protocol)
        self._macros.choose(agreement.macros)
        self._talk = Talk(opened, agreement, self._macros, self._setup.largest_body, allowance)
        self._macros.connected(stage)
        self._state = State.READY
        return self._of_session(await self._step(steps.CONNECT, steps.of_client(stage)))

    async def _greet(self, stage: Greeted) -> Reply | None:
        self._macros.greeted(stage)
        return self._of_session(await self._step(steps.HELO, steps.text(stage.hello)))

    async def _begin(self, stage: Began) -> Reply | None:
        self.forget()
        self._macros.began(stage, await self._way("mail", stage.envelope.sender))
        self._state = State.MESSAGE
        return self._of_message(await self._step(steps.MAIL, steps.of_mail(stage)))

    async def _deny(self, stage: Denied) -> None:
        """Tell of a recipient that was refused whoever wants to hear it; it changes nothing."""
        talk = self._talk
        if talk is not None and talk.agreement.silent(Steps.REFUSED_RECIPIENTS):
            self._macros.denied(stage.reply)
            self._of_message(await self._step(steps.RCPT, steps.of_recipient(stage.recipient)))

    async def _way(self, kind: str, address: Address | None) -> tuple[str, str]:
        """Transport and next hop, for a milter that is told them."""
        way = self._setup.way
        if way is None or address is None or not self._macros.wants_way(kind):
            return NO_WAY
        return await way(address)

    async def _step(self, step: Step, data: bytes = b"") -> Verdict:
        """Tell it of a step that comes before the content, with what it says."""
        if self._talk is None:
            raise Away(self._problem or "it is not connected")
        return await self._talk.tell(step, data, self._setup.settings.command_timeout)

    def _of_session(self, found: Verdict) -> Reply | None:
        """What becomes of a client by an answer to its connection or HELO."""
        if found.ruling is Ruling.ACCEPT:
            self._state = State.ACCEPTED
        elif found.ruling is Ruling.REFUSE:
            self._state, self._reply = State.REFUSED, found.reply
            return found.reply
        elif found is not CONTINUE:
            raise Garbage(f"it said {found.ruling.name} to a connection")
        return None

    def _of_message(self, found: Verdict) -> Reply | None:
        """What becomes of a message by an answer to MAIL, RCPT or DATA."""
        if found.ruling is Ruling.REFUSE:
            return found.reply
        if found.ruling in (Ruling.ACCEPT, Ruling.DISCARD):
            self._state = State.DECIDED
            self._discards = found.ruling is Ruling.DISCARD
        elif found is not CONTINUE:
            raise Garbage(f"it said {found.ruling.name} before the content")
        return None

    # The message -----------------------------------------------------------------------------

    async def _examined(self, letter: Letter) -> Opinion:
        if self._state in (State.NEW, State.READY):
            reply = await self._told_of(letter)
            if reply is not None:
                return self._refused(reply)
        name, state = self._setup.name, self._state
        if state is State.FAILED:
            return failed(name, self._setup.settings.on_failure, self._problem)
        if state is State.REFUSED and self._reply is not None:
            return self._refused(self._reply)
        if state is State.MESSAGE and (talk := self._talk) is not None:
            changing = Changing(
                letter,
                self._setup.origin,
                leading_blank=talk.agreement.silent(Steps.LEADING_BLANK),
                aside=self._setup.aside,
            )
            found = await talk.content(letter, changing, self._setup.settings.timeout)
            self._state = State.READY
            return await self._opinion(found, changing)
        if self._discards:
            return self._discarded()
        return Opinion(findings=(Finding(name, "accept", "before the content came"),))

    async def _opinion(self, found: Verdict, changing: Changing) -> Opinion:
        if found.ruling is Ruling.DISCARD:
            return self._discarded()
        if found.reply is not None:
            return self._refused(found.reply)
        words = changing.words
        finding = Finding(self._setup.name, "changed" if words else "pass", words)
        return replace(await changing.opinion(), findings=(finding,))

    def _refused(self, reply: Reply) -> Opinion:
        result = "reject" if reply.is_permanent else "tempfail"
        return Opinion(reply=reply, findings=(Finding(self._setup.name, result, str(reply)),))

    def _discarded(self) -> Opinion:
        name = self._setup.name
        words = f"{name} wants it thrown away"
        return Opinion(discard=words, findings=(Finding(name, "discard", ""),))

    async def _told_of(self, letter: Letter) -> Reply | None:
        """Tell it of the session and the envelope of a message that it was not told of.

        Mail of this machine has no session; then there is one from localhost, as Postfix has it.
        """
        client = letter.client or _LOCALHOST
        login = None if letter.client is None else letter.login  # a system user is no login
        stages: list[Stage] = []
        if self._state is State.NEW:
            connected = Connected(client, Endpoint(client.network_address, 0), "", trusted=True)
            stages += [connected, Greeted(letter.hello or client.name, letter.tls)]
        stages.append(Began(letter.envelope, login, letter.size))
        for stage in stages:
            reply = await self._heard(stage)
            if reply is not None:
                return reply
        for recipient in letter.recipients:
            if await self._heard(Named(recipient)) is not None:
                # One of several cannot be refused here: whoever wrote it has gone.
                return _NO_SUCH_RECIPIENT_HERE
        return await self._heard(Started(letter.queue_id))

    # Failure ---------------------------------------------------------------------------------

    def _fail(self, why: str, where: str) -> None:
        if self._state is not State.FAILED:
            words = f"{why}, at {where}; on_failure = {self._setup.settings.on_failure}"
            self._setup.journal(Notice(f"filters/{self._setup.name}", words, Level.WARNING))
        self._fail_quietly(why)

    def _fail_quietly(self, why: str) -> None:
        """It is out of step: nothing more is asked of it in this session."""
        self._problem = self._problem or why
        self._state = State.FAILED
        connection = self._parted()
        if connection is not None:
            connection.abort()

    def _parted(self) -> MilterConnection | None:
        """The connection, which this session has no more."""
        if self._talk is not None:
            self._talk.let_go()
        connection, self._connection, self._talk = self._connection, None, None
        return connection
