"""The server side of SMTP as a sans-IO core: octets in, events and octets out (RFC 5321).

It knows the protocol and nothing of sockets, clocks, accounts or policy. Three verbs drive it:
`receive` only buffers, `next_event` reads one command or one piece of content, `reply` answers
the event that paused the core. Between a pausing event and its reply nothing is read, so a slow
decision and a pipelining client cannot get out of step.

Theory of operation. A command goes through four gates: it is one line of clean text, it is in
`COMMANDS`, it may come before TLS, its row of `TRANSITIONS` allows it. Only then its argument is
read. A positive reply moves the state on, any other leaves it. Content has its own reader;
STARTTLS ends with a core that has forgotten everything.

After `Closed` the core ignores input and gives the same event again.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

from postroad.model import Reply
from postroad.smtp import foreign, replies
from postroad.smtp.commands import COMMANDS, SASL_LIMIT, Standing, decode_sasl
from postroad.smtp.content import ContentReader
from postroad.smtp.events import (
    Auth,
    AuthResponse,
    BodyChunk,
    Closed,
    Data,
    EndOfData,
    Event,
    Hello,
    Mail,
    Need,
    Pausing,
    Quit,
    Rcpt,
    Refused,
    Reset,
    StartTls,
)
from postroad.smtp.lines import LineBuffer, LineFault
from postroad.smtp.offer import Offer, announced
from postroad.smtp.settings import SessionLimits
from postroad.smtp.states import IN_TRANSACTION, TRANSITIONS, State

__all__ = ["ServerCore"]

LINE_CEILING = 65_536
"""Octets of a command where `command_line` is switched off: memory stays bounded all the same."""

IDLE_COMMANDS = 100
"""Commands that move no mail, after which each counts as an error until a message is taken."""

RECIPIENT_OVERSHOOT = 1000
"""Recipients over the limit that are refused without counting as errors: a client that
pipelines learns of the limit late (RFC 5321 §4.5.3.1.10)."""


# What a positive reply to a pausing event may be; another is a mistake of ours.
_POSITIVE: dict[type[Pausing], tuple[int, ...]] = {
    Hello: (250,),
    Mail: (250,),
    Rcpt: (250, 251),
    Auth: (235, 334),
    AuthResponse: (235, 334),
    StartTls: (220,),
    Data: (354,),
    EndOfData: (250,),
}

_CLOSING = (421, 521)  # RFC 5321 §3.8: after these the server closes

_LINE_FAULTS: dict[LineFault, tuple[Reply, str | None]] = {
    LineFault.TOO_LONG: (replies.LINE_TOO_LONG, None),
    LineFault.BARE_LF: (replies.BARE_LF, "the client ended a command with a bare <LF>"),
    LineFault.BARE_CR: (replies.BARE_CR, "the client sent a bare <CR> in a command"),
}
"""What a broken line is told, and why the session ends, if it does."""


class ServerCore:
    """One SMTP session.

    The session loop: `next_event` until it is `Need.DATA`; then send what `data_to_send` gives,
    read, `receive`. On a pausing event decide and `reply`. On `Closed` send and close.

    Attributes:
        after: what the client did last, as Postfix's log says it: `CONNECT`, a verb,
            `END-OF-MESSAGE`, `UNKNOWN`.
    """

    __slots__ = (
        "_asked",
        "_came",
        "_closed",
        "_content",
        "_eof",
        "_errors",
        "_hostname",
        "_idle",
        "_lines",
        "_next",
        "_out",
        "_overshoot",
        "_reset_due",
        "_standing",
        "_state",
        "_taken",
        "_waiting",
        "after",
    )

    def __init__(self, hostname: str, offer: Offer, limits: SessionLimits) -> None:
        self.after = "CONNECT"
        self._hostname = hostname
        self._standing = Standing(offer, limits)
        self._lines = LineBuffer()
        self._out: list[bytes] = []
        self._state = State.CONNECTED
        self._next = State.CONNECTED  # the state once the event at hand is answered well
        self._asked: Pausing | None = None
        self._waiting = True  # for the greeting
        self._reset_due = False
        self._eof = False
        self._closed: Closed | None = None
        self._content: ContentReader | None = None
        self._came: dict[str, int] = {}
        self._taken: dict[str, int] = {}
        self._errors = self._idle = self._overshoot = 0

    # What is known

    @property
    def hello(self) -> str:
        """The name the client gave by EHLO or HELO; empty before."""
        return self._standing.hello

    @property
    def protocol(self) -> str:
        """`SMTP`, `ESMTPSA`, `UTF8SMTPS`…: for logs and trace headers (RFC 3848, RFC 6531)."""
        return self._standing.protocol

    @property
    def patience(self) -> float:
        """Seconds the client may be silent now (RFC 5321 §4.5.3.2.7); infinite without a limit.

        One number serves every state: the section asks 5 minutes of a server that waits, and
        sets the others for clients.
        """
        return self._standing.limits.timeout or math.inf

    @property
    def counts(self) -> Mapping[str, tuple[int, int]]:
        """For each verb that came, in small letters: how often it was taken, and how often it came.

        DATA counts as taken once its message was accepted, AUTH once the login succeeded.
        """
        return {
            verb.lower(): (self._taken.get(verb, 0), self._came[verb])
            for verb in (*COMMANDS, "UNKNOWN")
            if verb in self._came
        }

    # What the session says

    def greet(self, reply: Reply | None = None) -> None:
        """Open the session: queue the 220, or a refusal (421, 554), which ends it."""
        reply = reply or replies.greeting(self._hostname)
        self._write(reply)
        self._waiting = False
        if not reply.is_positive:
            self._end("")

    def receive(self, data: bytes) -> None:
        """Take what was read; `b""` is the end of file. Feed only on `Need.DATA`: it is kept."""
        if not data:
            self._eof = True
        elif self._closed is None:
            self._lines.append(data)

    def reply(self, reply: Reply) -> None:
        """Answer the event that paused the core.

        The answer to a `Hello` that is taken is the core's own list, whatever the words here.
        421 ends the session.

        Raises:
            RuntimeError: no event waits for an answer.
            ValueError: the reply is positive, and not one this event can have.
        """
        event = self._asked
        if event is None:
            raise RuntimeError("no event waits for a reply")
        if reply.is_positive and reply.code not in _POSITIVE[type(event)]:
            raise ValueError(f"{reply.code} is no answer to {type(event).__name__}")
        self._asked = None
        self._waiting = False
        if reply.is_positive:
            self._advance(event, reply)
        else:
            self._stay(event, reply)

    def tls_started(self) -> None:
        """TLS is up: forget everything the client said before (RFC 3207 §4.2).

        Raises:
            RuntimeError: no STARTTLS was answered with 220.
        """
        if self._state is not State.HANDSHAKE:
            raise RuntimeError("TLS was not asked for")
        old = self._standing
        self._standing = Standing(replace(old.offer, secure=True), old.limits)
        self._state = State.CONNECTED
        self._waiting = False
        if self._lines.pending:
            self._end(foreign.PAST_STARTTLS)

    def fail(self, reply: Reply) -> None:
        """End the session from outside (time is up, shutdown): queue the reply, usually a 421."""
        if self._closed is None:
            self._write(reply)
            self._end("")

    def data_to_send(self) -> bytes:
        """What is queued for the client; it is given once."""
        data = b"".join(self._out)
        self._out.clear()
        return data

    # What the client said

    def next_event(self) -> Event | Need:
        """The next event, or what the core needs before there can be one."""
        if self._reset_due:
            self._reset_due = False
            return Reset()
        event: Event | Need | None = None
        while event is None:
            if self._closed is not None:
                event = self._closed
            elif self._waiting:
                event = Need.REPLY
            elif self._content is not None:
                event = self._read_content(self._content)
            elif self._state is State.AUTH:
                event = self._read_response()
            else:
                event = self._read_command()
        return event

    def _read_command(self) -> Event | Need | None:
        limits = self._standing.limits
        if limits.errors and self._errors >= limits.errors:
            self._write(replies.too_many_errors(self._hostname))
            return self._end("too many errors")
        lines = self._lines
        if lines.starts_with(foreign.TLS_HANDSHAKE):
            return self._unknown(
                replies.NOT_RECOGNIZED, foreign.reason_for_tls(self._standing.offer.secure)
            )
        limit = limits.command_line or LINE_CEILING
        if lines.pending > limit and lines.starts_with(b"AUTH "):
            limit = max(limit, SASL_LIMIT + 64)  # room for the verb and the mechanism
        line = lines.take_line(limit)
        if isinstance(line, bytes):
            text = _text_of(line)
            return self._unknown(text) if isinstance(text, Reply) else self._command(text)
        return self._wait() if line is None else self._unknown(*_LINE_FAULTS[line])

    def _wait(self) -> Closed | Need:
        return self._end("lost connection") if self._eof else Need.DATA

    def _command(self, text: str) -> Event | None:
        verb, _, argument = text.partition(" ")
        verb = verb.upper()
        command = COMMANDS.get(verb)
        if command is None:
            return self._unrecognized(verb)
        self.after = verb
        self._came[verb] = self._came.get(verb, 0) + 1
        if command.idle:
            self._count_idle()
        offer = self._standing.offer
        if offer.require_tls and not offer.secure and not command.before_tls:
            return self._refuse(replies.NEED_TLS)
        goal = TRANSITIONS[self._state].get(verb, self._state)
        if isinstance(goal, Reply):
            return self._refuse(goal)
        self._next = goal
        result = command.read(argument.strip(" "), self._standing)
        if isinstance(result, Reply):
            return self._answer(result)
        if isinstance(result, Reset):
            return self._reset()
        if isinstance(result, Quit):
            return self._quit()
        if isinstance(result, StartTls) and self._lines.pending:
            # Executed after the handshake, these would be an injection (RFC 3207 §6).
            return self._refuse(replies.OUT_OF_STEP, foreign.PAST_STARTTLS)
        return self._ask(result)

    def _unrecognized(self, verb: str) -> Event:
        stranger = foreign.recognize(verb)
        if stranger is not None:
            return self._unknown(*stranger)
        return self._unknown(replies.NOT_RECOGNIZED if verb else replies.BAD_SYNTAX)

    def _read_response(self) -> Event | Need:
        line = self._lines.take_line(SASL_LIMIT + 2)
        if line is None:
            return self._wait()
        self._state = self._next = State.READY
        if line is LineFault.TOO_LONG:
            return self._refuse(replies.AUTH_TOO_LONG)
        if isinstance(line, LineFault):
            return self._refuse(*_LINE_FAULTS[line])
        response = _response_of(line)
        return self._refuse(response) if isinstance(response, Reply) else self._ask(response)

    def _read_content(self, content: ContentReader) -> Event | Need | None:
        if content.finished:
            self._content = None
            self.after = "END-OF-MESSAGE"
            self._next = State.READY
            return self._ask(EndOfData(content.size, content.fault))
        if not self._lines.pending:
            return self._wait()
        chunk = content.feed(self._lines.take_all())
        if content.rest:
            self._lines.append(content.rest)
        return BodyChunk(chunk) if chunk else None

    # What follows

    def _ask(self, event: Pausing) -> Event:
        self._asked = event
        self._waiting = True
        return event

    def _answer(self, reply: Reply) -> Event | None:
        """Give a command the reply that is all there is to it."""
        if not reply.is_positive:
            return self._refuse(reply)
        self._write(reply)
        self._count_taken(self.after)
        return None

    def _reset(self) -> Event | None:
        open_before = self._state in IN_TRANSACTION
        self._answer(replies.OK)
        self._forget_transaction()
        return Reset() if open_before else None

    def _quit(self) -> Event:
        self._answer(replies.BYE)
        self._end("")
        return Quit()

    def _refuse(self, reply: Reply, reason: str | None = None) -> Event:
        """Refuse the command at hand; with a reason the session ends."""
        self._write(reply)
        if reason is not None:
            self._end(reason)
        elif not self._is_overshoot(reply):
            self._errors += 1
        if self.after == "DATA":
            self._check_step()
        return Refused(self.after, reply)

    def _unknown(self, reply: Reply, reason: str | None = None) -> Event:
        """Refuse what is no command."""
        self.after = "UNKNOWN"
        self._came["UNKNOWN"] = self._came.get("UNKNOWN", 0) + 1
        return self._refuse(reply, reason)

    def _advance(self, event: Pausing, reply: Reply) -> None:
        """The command was taken."""
        standing = self._standing
        match event:
            case Hello():
                reply = self._welcome(event)
            case Mail():
                standing.smtputf8 = event.smtputf8
            case Rcpt():
                standing.recipients += 1
            case Data():
                self._content = ContentReader(standing.limits)
            case StartTls():
                return self._begin_tls(reply)
            case Auth() | AuthResponse() if reply.code == 334:
                self._next = State.AUTH
            case Auth() | AuthResponse():
                standing.authenticated = True
                self._count_taken("AUTH")
            case EndOfData():
                self._errors = self._idle = self._overshoot = 0
                self._count_taken("DATA")
        self._write(reply)
        if isinstance(event, Hello | Mail | Rcpt):
            self._count_taken(self.after)
        if isinstance(event, EndOfData):
            self._reset_due = True
            self._forget_transaction()
        self._state = self._next
        return None

    def _stay(self, event: Pausing, reply: Reply) -> None:
        """The command was refused."""
        self._write(reply)
        self._errors += 1
        if reply.code in _CLOSING:
            self._end("")
        if isinstance(event, EndOfData):
            self._reset_due = True
            self._forget_transaction()
        if isinstance(event, Data):
            self._check_step()

    def _welcome(self, event: Hello) -> Reply:
        standing = self._standing
        self._reset_due = self._state in IN_TRANSACTION
        self._forget_transaction()
        standing.hello, standing.extended = event.name, event.extended
        lines = announced(standing.offer, standing.limits) if event.extended else ()
        return Reply(250, None, (self._hostname, *lines))

    def _begin_tls(self, reply: Reply) -> None:
        if self._lines.pending:
            self._write(replies.OUT_OF_STEP)
            self._end(foreign.PAST_STARTTLS)
            return
        self._write(reply)
        self._count_taken("STARTTLS")
        self._state = State.HANDSHAKE
        self._waiting = True

    def _forget_transaction(self) -> None:
        self._standing.smtputf8 = False
        self._standing.recipients = 0
        self._state = State.READY if self._state in IN_TRANSACTION else self._state

    def _check_step(self) -> None:
        """DATA was refused: what the client sent behind it is content, and must not be run."""
        if self._lines.pending and self._closed is None:
            self._write(replies.OUT_OF_STEP)
            self._end(foreign.EARLY_CONTENT)

    def _is_overshoot(self, reply: Reply) -> bool:
        if reply is not replies.TOO_MANY_RECIPIENTS:
            return False
        self._overshoot += 1
        return self._overshoot <= RECIPIENT_OVERSHOOT

    def _count_taken(self, verb: str) -> None:
        self._taken[verb] = self._taken.get(verb, 0) + 1

    def _count_idle(self) -> None:
        self._idle += 1
        if self._idle > IDLE_COMMANDS:
            self._errors += 1

    def _write(self, reply: Reply) -> None:
        self._out.append(reply.encode())

    def _end(self, reason: str) -> Closed:
        if self._closed is None:
            self._closed = Closed(reason)
            self._lines.clear()
        return self._closed


def _text_of(line: bytes) -> str | Reply:
    """A command line as text without white space at its end (RFC 5321 §4.1.1)."""
    try:
        text = line.decode().rstrip(" \t")
    except UnicodeDecodeError:
        return replies.BAD_UTF8
    if text.isascii() and text.isprintable():
        return text
    return replies.BAD_SYNTAX if any(map(_is_control, text)) else text


def _is_control(character: str) -> bool:
    return character < " " or "\x7f" <= character <= "\x9f"


def _response_of(line: bytes) -> AuthResponse | Reply:
    text = _text_of(line)
    if text == "*":  # RFC 4954 §4: the client cancels
        return replies.AUTH_ABORTED
    data = replies.BAD_BASE64 if isinstance(text, Reply) else decode_sasl(text)
    return data if isinstance(data, Reply) else AuthResponse(data)
