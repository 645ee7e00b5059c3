"""The server side of SMTP and LMTP as a sans-IO core: octets in, events and octets out (RFC 5321).

It knows the protocol and nothing of sockets, clocks, accounts or policy. Three verbs drive it:
`receive` only buffers, `next_event` reads one command or one piece of content, `reply` answers
the event that paused the core. Between a pausing event and its reply nothing is read, so a slow
decision and a pipelining client cannot get out of step.

Theory of operation. A command goes through four gates: it is one line of clean text, it is in
the table of commands, it may come before TLS, its row of `TRANSITIONS` allows it. Only then its
argument is read. A positive reply moves the state on, any other leaves it. BDAT alone is read
first and judged then: its octets follow whatever the answer, and whoever lost count of them would
run content as commands. A chunk that is refused is dropped octet by octet, and the refusal told
behind it. Content has its own readers; STARTTLS and XCLIENT end with a core that has forgotten
everything.

After `Closed` the core ignores input and gives the same event again.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

from postroad.model import BodyType, Reply
from postroad.smtp import foreign, replies
from postroad.smtp.auth import read_response
from postroad.smtp.chunks import Chunk, ChunkedContent, ChunkEnd, UnwantedChunk
from postroad.smtp.command_line import Garbled, read_command_line, read_response_line
from postroad.smtp.commands import Command, commands
from postroad.smtp.content import ContentReader
from postroad.smtp.events import (
    ANSWERS,
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
    XClient,
)
from postroad.smtp.lines import LineBuffer
from postroad.smtp.offer import Offer, announced
from postroad.smtp.settings import SessionLimits
from postroad.smtp.standing import Standing
from postroad.smtp.states import IN_TRANSACTION, LMTP_WORDS, TRANSITIONS, State
from postroad.smtp.tally import Tally

__all__ = ["ServerCore"]

UNWANTED_OCTETS = 67_108_864
"""Octets over the size limit of a message that a refused chunk may have and is still read: a
client that pipelines learns of the refusal late. One that announces more is cut off."""


_CLOSING = (421, 521)  # RFC 5321 §3.8: after these the server closes


class ServerCore:
    """One SMTP or LMTP session.

    The session loop: `next_event` until it is `Need.DATA`; then send what `data_to_send` gives,
    read, `receive`. On a pausing event decide and `reply`. On `Closed` send and close.

    Attributes:
        after: what the client did last, as Postfix's log says it: `CONNECT`, a verb,
            `END-OF-MESSAGE`, `UNKNOWN`.
    """

    __slots__ = (
        "_asked",
        "_chunk",
        "_chunks",
        "_closed",
        "_commands",
        "_content",
        "_eof",
        "_hostname",
        "_lines",
        "_next",
        "_out",
        "_reset_due",
        "_standing",
        "_state",
        "_tally",
        "_waiting",
        "after",
    )

    def __init__(self, hostname: str, offer: Offer, limits: SessionLimits) -> None:
        self.after = "CONNECT"
        self._hostname = hostname
        self._standing = Standing(offer, limits)
        self._commands = commands(offer)
        self._lines = LineBuffer()
        self._tally = Tally()
        self._out: list[bytes] = []
        self._state = State.CONNECTED
        self._next = State.CONNECTED  # the state once the event at hand is answered well
        self._asked: Pausing | None = None
        self._waiting = True  # for the greeting
        self._reset_due = False
        self._eof = False
        self._closed: Closed | None = None
        self._content: ContentReader | ChunkedContent | UnwantedChunk | None = None  # being read
        self._chunks: ChunkedContent | None = None  # of this transaction, between chunks too
        self._chunk: Chunk | None = None  # the first one, while the session is asked about it

    # What is known

    @property
    def hello(self) -> str:
        """The name the client gave by EHLO, HELO or LHLO; empty before."""
        return self._standing.hello

    @property
    def protocol(self) -> str:
        """`SMTP`, `ESMTPSA`, `UTF8LMTP`…: for logs and trace headers (RFC 3848, RFC 6531)."""
        return self._standing.protocol

    @property
    def logged_in(self) -> bool:
        """Whether the client has logged in.

        AUTH sets it, STARTTLS clears it; the session sets it where it takes or drops a login that
        came by XCLIENT.
        """
        return self._standing.authenticated

    @logged_in.setter
    def logged_in(self, value: bool) -> None:
        self._standing.authenticated = value

    @property
    def pipelined(self) -> bool:
        """Whether the client sent commands ahead where it has to wait (RFC 2920 §3.1)."""
        return self._standing.pipelined

    @property
    def offer(self) -> Offer:
        """What the client may use. The session sets it where it learns more of the client."""
        return self._standing.offer

    @offer.setter
    def offer(self, value: Offer) -> None:
        self._standing.offer = value

    @property
    def patience(self) -> float:
        """Seconds the client may be silent now (RFC 5321 §4.5.3.2.7); infinite without a limit.

        One number serves every state: the section asks 5 minutes of a server that waits, and
        sets the others for clients.
        """
        return self._standing.limits.timeout or math.inf

    @property
    def errors(self) -> int:
        """Refused commands since the last message that was taken."""
        return self._tally.errors

    @property
    def delay(self) -> float:
        """Seconds to wait before what is queued is sent, to a client that makes many errors."""
        limits = self._standing.limits
        tarpit = limits.soft_errors and self._tally.errors >= limits.soft_errors
        return limits.error_pause if tarpit else 0.0

    @property
    def counts(self) -> Mapping[str, tuple[int, int]]:
        """For each verb that came, in small letters: how often it was taken, and how often it came.

        DATA and the last BDAT count as taken once their message was accepted, AUTH once the
        login succeeded.
        """
        return self._tally.counts((*self._commands, "UNKNOWN"))

    # What the session says

    def greet(self, reply: Reply | None = None) -> None:
        """Open the session: queue the 220, or a refusal (421, 554), which ends it."""
        protocol = "LMTP" if self._standing.offer.lmtp else "ESMTP"
        reply = reply or replies.greeting(self._hostname, protocol)
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
        if reply.is_positive and reply.code not in ANSWERS[type(event)]:
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

    def offer_logins(self, mechanisms: tuple[str, ...]) -> None:
        """Offer these SASL mechanisms from now on: some depend on what the handshake agreed on."""
        self._standing.offer = replace(self._standing.offer, mechanisms=mechanisms)

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
        event: Event | Need | None = None
        while event is None:
            if self._reset_due:
                self._reset_due = False
                event = Reset()
            elif self._closed is not None:
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
        limits, errors = self._standing.limits, self._tally.errors
        if errors and 0 < limits.errors <= errors:
            self._write(replies.too_many_errors(self._hostname))
            return self._end("too many errors")
        if self._lines.is_empty:  # as after nearly each command
            return self._wait()
        line = read_command_line(
            self._lines, limits.command_line, secure=self._standing.offer.secure
        )
        if isinstance(line, str):
            return self._command(line)
        return self._wait() if line is None else self._unknown(line.reply, line.reason)

    def _wait(self) -> Closed | Need:
        return self._end("lost connection") if self._eof else Need.DATA

    def _command(self, text: str) -> Event | None:
        verb, _, argument = text.partition(" ")
        verb = verb.upper()
        command = self._commands.get(verb)
        if command is None:
            return self._unrecognized(verb)
        self.after = verb
        self._tally.came(verb, idle=command.idle)
        if self._lines.pending and (command.last or not self._standing.extended):
            self._standing.pipelined = True  # nothing was promised yet, or this must come last
        refusal = self._bar(verb, command)
        if refusal is not None and verb != "BDAT":
            return self._refuse(refusal)
        result = command.read(argument.strip(" "), self._standing)
        match result:
            case Reply():
                return self._answer(result)
            case Reset():
                return self._reset()
            case Quit():
                return self._quit()
            case Chunk():
                return self._bdat(result, refusal)
            case StartTls() if self._lines.pending:
                # Executed after the handshake, these would be an injection (RFC 3207 §6).
                return self._refuse(replies.OUT_OF_STEP, foreign.PAST_STARTTLS)
            case _:
                return self._ask(result)

    def _bar(self, verb: str, command: Command) -> Reply | None:
        """Why the command may not come now. If it may, what state follows is noted."""
        offer = self._standing.offer
        if offer.require_tls and not offer.secure and not command.before_tls:
            return replies.NEED_TLS
        goal = TRANSITIONS[self._state].get(verb, self._state)
        if isinstance(goal, Reply):
            return LMTP_WORDS.get(goal, goal) if offer.lmtp else goal
        self._next = goal
        return None

    def _unrecognized(self, verb: str) -> Event:
        stranger = foreign.recognize(verb)
        if stranger is not None:
            return self._unknown(*stranger)
        return self._unknown(replies.NOT_RECOGNIZED if verb else replies.BAD_SYNTAX)

    def _read_response(self) -> Event | Need:
        line = read_response_line(self._lines)
        if line is None:
            return self._wait()
        self._state = self._next = State.READY
        if isinstance(line, Garbled):
            return self._refuse(line.reply, line.reason)
        response = read_response(line)
        return self._refuse(response) if isinstance(response, Reply) else self._ask(response)

    # Content

    def _read_content(
        self, content: ContentReader | ChunkedContent | UnwantedChunk
    ) -> Event | Need | None:
        step = content.read(self._lines)
        match step:
            case BodyChunk():
                return step
            case None:
                return self._wait()
            case ChunkEnd():
                self._content = None
                return self._end_chunk(step)
            case EndOfData():
                self._content = None
                self.after = "END-OF-MESSAGE"
                self._next = State.READY
                return self._ask(step)

    def _bdat(self, chunk: Chunk, refusal: Reply | None) -> Event | None:
        """A chunk follows, whether it may come or not."""
        if not chunk.size and not chunk.last:
            self._tally.idled()  # Postfix refuses these with 551
        refusal = refusal or self._unfit(chunk)
        if refusal is not None:
            return self._drop(chunk, refusal, known=False)
        if self._chunks is None:
            self._chunk = chunk
            return self._ask(Data(chunked=True))
        self._begin_chunk(self._chunks, chunk)
        return None

    def _unfit(self, chunk: Chunk) -> Reply | None:
        if self._state is State.SPOILT:
            return replies.chunk_discarded(chunk.size)
        size = chunk.size + (0 if self._chunks is None else self._chunks.announced)
        limit = self._standing.limits.message_size
        return replies.CHUNK_TOO_BIG if limit and size > limit else None

    def _begin_chunk(self, chunks: ChunkedContent, chunk: Chunk) -> None:
        chunks.begin(chunk)
        self._chunks = self._content = chunks

    def _end_chunk(self, end: ChunkEnd) -> Event | None:
        """A chunk is over that leaves the content unfinished, or lost."""
        chunk, refusal = end.chunk, end.refusal
        if refusal is None:
            self._write(replies.chunk_taken(chunk.size))
            self._tally.taken("BDAT")
            return None
        self._spoil()
        self._tally.refused(refusal)
        if chunk.last:
            self._write_each(refusal)
            self._forget_transaction()
        else:
            self._write(refusal)
        return None if end.known else Refused("BDAT", refusal)

    def _drop(self, chunk: Chunk, reply: Reply, *, known: bool) -> Event | None:
        """Refuse a chunk, once its octets were read and dropped (RFC 3030 §2)."""
        if chunk.size > self._standing.limits.message_size + UNWANTED_OCTETS:
            return self._refuse(reply, foreign.ENDLESS_CHUNK)
        self._spoil()
        self._content = UnwantedChunk(chunk, reply, known=known)
        return None

    def _spoil(self) -> None:
        """The transaction failed. Its recipients stay counted for the replies of LMTP."""
        self._reset_due |= self._state in IN_TRANSACTION
        self._chunks = None
        self._state = State.SPOILT

    # What follows

    def _ask(self, event: Pausing) -> Event:
        self._asked = event
        self._waiting = True
        return event

    def _answer(self, reply: Reply) -> Event | None:
        """Give a command the reply that is all there is to it."""
        if not reply.is_positive:
            return self._refuse(reply, foreign.FATAL.get(reply))
        self._write(reply)
        self._tally.taken(self.after)
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
        else:
            self._tally.refused(reply)
        if self.after == "DATA":
            self._check_step()
        return Refused(self.after, reply)

    def _unknown(self, reply: Reply, reason: str | None = None) -> Event:
        """Refuse what is no command."""
        self.after = "UNKNOWN"
        self._tally.came("UNKNOWN")
        return self._refuse(reply, reason)

    def _advance(self, event: Pausing, reply: Reply) -> None:
        """The command was taken."""
        standing = self._standing
        match event:
            case Hello():
                reply = self._welcome(event)
            case Mail():
                standing.smtputf8, standing.body = event.smtputf8, event.body
            case Rcpt():
                standing.recipients += 1
            case Data():
                return self._begin_content(event, reply)
            case EndOfData():
                return self._take_message(reply)
            case StartTls():
                return self._begin_tls(reply)
            case Auth() | AuthResponse() if reply.code == 334:
                self._next = State.AUTH
            case Auth() | AuthResponse():
                standing.authenticated = True
                self._tally.taken("AUTH")
            case XClient():
                self._standing = Standing(
                    standing.offer, standing.limits, authenticated=standing.authenticated
                )
        self._write(reply)
        if not isinstance(event, Auth | AuthResponse):
            self._tally.taken(self.after)
        self._state = self._next
        return None

    def _begin_content(self, event: Data, reply: Reply) -> None:
        standing = self._standing
        self._state = self._next
        if not event.chunked:
            self._content = ContentReader(standing.limits)
            self._write(reply)
            return
        assert self._chunk is not None, "a chunk was asked about"
        binary = standing.body is BodyType.BINARY_MIME
        self._begin_chunk(ChunkedContent(standing.limits, binary=binary), self._chunk)

    def _take_message(self, reply: Reply) -> None:
        self._tally.message_taken()
        self._tally.taken("DATA" if self._chunks is None else "BDAT")
        self._end_transaction(reply)

    def _end_transaction(self, reply: Reply) -> None:
        """The content was judged."""
        self._write_each(reply)
        self._reset_due = True
        self._forget_transaction()

    def _stay(self, event: Pausing, reply: Reply) -> None:
        """The command was refused."""
        if isinstance(event, Data) and event.chunked and reply.code not in _CLOSING:
            assert self._chunk is not None, "a chunk was asked about"
            self._drop(self._chunk, reply, known=True)
            return
        self._tally.errors += 1
        if isinstance(event, EndOfData):
            self._end_transaction(reply)
        else:
            self._write(reply)
        if reply.code in _CLOSING:
            self._end("")
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
        self._tally.taken("STARTTLS")
        self._state = State.HANDSHAKE
        self._waiting = True

    def _forget_transaction(self) -> None:
        self._standing.forget_transaction()
        self._chunks = None
        if self._state in IN_TRANSACTION or self._state is State.SPOILT:
            self._state = State.READY if self._standing.hello else State.CONNECTED

    def _check_step(self) -> None:
        """DATA was refused: what the client sent behind it is content, and must not be run."""
        if self._lines.pending and self._closed is None:
            self._write(replies.OUT_OF_STEP)
            self._end(foreign.EARLY_CONTENT)

    def _write(self, reply: Reply) -> None:
        self._out.append(reply.encode())

    def _write_each(self, reply: Reply) -> None:
        """The reply to a content: in LMTP one for each recipient that was taken (RFC 2033 §4.2)."""
        standing = self._standing
        self._out.extend(
            [reply.encode()] * (max(standing.recipients, 1) if standing.offer.lmtp else 1)
        )

    def _end(self, reason: str) -> Closed:
        if self._closed is None:
            self._closed = Closed(reason)
            self._lines.clear()
        return self._closed
