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

from collections.abc import Mapping
from dataclasses import replace

from postroad.model import BodyType, Reply
from postroad.smtp import foreign, replies
from postroad.smtp.auth import read_response
from postroad.smtp.chunks import Chunk, ChunkEnd
from postroad.smtp.command_line import Garbled, read_command_line, read_response_line
from postroad.smtp.commands import commands
from postroad.smtp.dialogue import Dialogue
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
from postroad.smtp.mail_data import MailData, Reader
from postroad.smtp.offer import Offer, announced
from postroad.smtp.settings import SessionLimits
from postroad.smtp.standing import Standing
from postroad.smtp.states import State
from postroad.smtp.tally import Tally

__all__ = ["ServerCore"]

_CLOSING = (421, 521)  # RFC 5321 §3.8: after these the server closes


class ServerCore:
    """One SMTP or LMTP session.

    The session loop: `next_event` until it is `Need.DATA`; then send what `data_to_send` gives,
    read, `receive`. On a pausing event decide and `reply`. On `Closed` send and close.

    Attributes:
        after: what the client did last, as Postfix's log says it: `CONNECT`, a verb,
            `END-OF-MESSAGE`, `UNKNOWN`.
        standing: what is known of the client; after STARTTLS and XCLIENT another one. The session
            sets what it learns: what the client may use, whether it has logged in.
        tally: what the client did, counted.
    """

    __slots__ = (
        "_asked",
        "_closed",
        "_commands",
        "_data",
        "_dialogue",
        "_eof",
        "_hostname",
        "_lines",
        "_out",
        "_reset_due",
        "_waiting",
        "after",
        "standing",
        "tally",
    )

    def __init__(self, hostname: str, offer: Offer, limits: SessionLimits) -> None:
        self.after = "CONNECT"
        self._hostname = hostname
        self.standing = Standing(offer, limits)
        self.tally = Tally(limits)
        self._commands = commands(offer)
        self._lines = LineBuffer()
        self._out: list[bytes] = []
        self._dialogue = Dialogue()
        self._data = MailData(limits)
        self._asked: Pausing | None = None
        self._waiting = True  # for the greeting
        self._reset_due = False
        self._eof = False
        self._closed: Closed | None = None

    @property
    def counts(self) -> Mapping[str, tuple[int, int]]:
        """For each verb that came, in small letters: how often it was taken, and how often it came.

        DATA and the last BDAT count as taken once their message was accepted, AUTH once the
        login succeeded.
        """
        return self.tally.counts((*self._commands, "UNKNOWN"))

    # What the session says

    def greet(self, reply: Reply | None = None) -> None:
        """Open the session: queue the 220, or a refusal (421, 554), which ends it."""
        protocol = "LMTP" if self.standing.offer.lmtp else "ESMTP"
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
        if self._dialogue.state is not State.HANDSHAKE:
            raise RuntimeError("TLS was not asked for")
        old = self.standing
        self.standing = Standing(replace(old.offer, secure=True), old.limits)
        self._dialogue = Dialogue()
        self._waiting = False
        if self._lines.pending:
            self._end(foreign.PAST_STARTTLS)

    def offer_logins(self, mechanisms: tuple[str, ...]) -> None:
        """Offer these SASL mechanisms from now on: some depend on what the handshake agreed on."""
        self.standing.offer = replace(self.standing.offer, mechanisms=mechanisms)

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
            elif self._data.reader is not None:
                event = self._read_content(self._data.reader)
            elif self._dialogue.state is State.AUTH:
                event = self._read_response()
            else:
                event = self._read_command()
        return event

    def _read_command(self) -> Event | Need | None:
        if self.tally.errors and self.tally.is_too_much:
            self._write(replies.too_many_errors(self._hostname))
            return self._end("too many errors")
        if self._lines.is_empty:  # as after nearly each command
            return self._wait()
        standing = self.standing
        line = read_command_line(
            self._lines, standing.limits.command_line, secure=standing.offer.secure
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
            return self._unrecognized(verb, text.partition(" ")[0])
        self.after = verb
        self.tally.came(verb, idle=command.idle)
        if self._lines.pending and (command.last or not self.standing.extended):
            self.standing.pipelined = True  # nothing was promised yet, or this must come last
        offer = self.standing.offer
        if offer.require_tls and not offer.secure and not command.before_tls:
            refusal: Reply | None = replies.NEED_TLS
        else:
            refusal = self._dialogue.bar(verb, lmtp=offer.lmtp)
        if refusal is not None and verb != "BDAT":
            return self._refuse(refusal)
        result = command.read(argument.strip(" "), self.standing)
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

    def _unrecognized(self, verb: str, word: str) -> Event:
        stranger = foreign.recognize(verb)
        if stranger is not None:
            return self._unknown(*stranger)
        reply = replies.NOT_RECOGNIZED if verb else replies.BAD_SYNTAX
        return self._unknown(reply, word=word)

    def _read_response(self) -> Event | Need:
        line = read_response_line(self._lines)
        if line is None:
            return self._wait()
        self._dialogue.state = self._dialogue.goal = State.READY
        if isinstance(line, Garbled):
            return self._refuse(line.reply, line.reason)
        response = read_response(line)
        return self._refuse(response) if isinstance(response, Reply) else self._ask(response)

    # Content

    def _read_content(self, reader: Reader) -> Event | Need | None:
        step = reader.read(self._lines)
        match step:
            case BodyChunk():
                return step
            case None:
                return self._wait()
            case ChunkEnd():
                self._data.reader = None
                return self._end_chunk(step)
            case EndOfData():
                self._data.reader = None
                self.after = "END-OF-MESSAGE"
                self._dialogue.goal = State.READY
                return self._ask(step)

    def _bdat(self, chunk: Chunk, refusal: Reply | None) -> Event | None:
        """A chunk follows, whether it may come or not."""
        if not chunk.size and not chunk.last:
            self.tally.idled()  # Postfix refuses these with 551
        if refusal is None:
            spoilt = self._dialogue.state is State.SPOILT
            refusal = replies.chunk_discarded(chunk.size) if spoilt else self._data.excess(chunk)
        if refusal is not None:
            return self._drop(chunk, refusal, known=False)
        return None if self._data.takes_next(chunk) else self._ask(Data(chunked=True))

    def _end_chunk(self, end: ChunkEnd) -> Event | None:
        """A chunk is over that leaves the content unfinished, or lost."""
        chunk, refusal = end.chunk, end.refusal
        if refusal is None:
            self._write(replies.chunk_taken(chunk.size))
            self.tally.taken("BDAT")
            return None
        self._spoil()
        self.tally.refused(refusal)
        if chunk.last:
            self._write_each(refusal)
            self._forget_transaction()
        else:
            self._write(refusal)
        return None if end.known else Refused("BDAT", refusal)

    def _drop(self, chunk: Chunk, reply: Reply, *, known: bool) -> Event | None:
        """Refuse a chunk, once its octets were read and dropped (RFC 3030 §2)."""
        if not self._data.skip(chunk, reply, known=known):
            return self._refuse(reply, foreign.ENDLESS_CHUNK)
        self._spoil()
        return None

    def _spoil(self) -> None:
        """The transaction failed. Its recipients stay counted for the replies of LMTP."""
        self._reset_due |= self._dialogue.in_transaction
        self._data.forget()
        self._dialogue.spoil()

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
        self.tally.taken(self.after)
        return None

    def _reset(self) -> Event | None:
        open_before = self._dialogue.in_transaction
        self._answer(replies.OK)
        self._forget_transaction()
        return Reset() if open_before else None

    def _quit(self) -> Event:
        self._answer(replies.BYE)
        self._end("")
        return Quit()

    def _refuse(self, reply: Reply, reason: str | None = None, word: str = "") -> Event:
        """Refuse the command at hand; with a reason the session ends."""
        self._write(reply)
        if reason is not None:
            self._end(reason)
        else:
            self.tally.refused(reply)
        if self.after == "DATA":
            self._check_step()
        return Refused(self.after, reply, word)

    def _unknown(self, reply: Reply, reason: str | None = None, word: str = "") -> Event:
        """Refuse what is no command."""
        self.after = "UNKNOWN"
        self.tally.came("UNKNOWN")
        return self._refuse(reply, reason, word)

    def _advance(self, event: Pausing, reply: Reply) -> None:
        """The command was taken."""
        standing = self.standing
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
                self._dialogue.goal = State.AUTH
            case Auth() | AuthResponse():
                standing.authenticated = True
                self.tally.taken("AUTH")
            case XClient():
                self.standing = Standing(
                    standing.offer, standing.limits, authenticated=standing.authenticated
                )
        self._write(reply)
        if not isinstance(event, Auth | AuthResponse):
            self.tally.taken(self.after)
        self._dialogue.advance()
        return None

    def _begin_content(self, event: Data, reply: Reply) -> None:
        self._dialogue.advance()
        if event.chunked:
            self._data.begin_chunks(binary=self.standing.body is BodyType.BINARY_MIME)
        else:
            self._data.begin_lines()
            self._write(reply)

    def _take_message(self, reply: Reply) -> None:
        self.tally.message_taken()
        self.tally.taken(self._data.verb)
        self._end_transaction(reply)

    def _end_transaction(self, reply: Reply) -> None:
        """The content was judged."""
        self._write_each(reply)
        self._reset_due = True
        self._forget_transaction()

    def _stay(self, event: Pausing, reply: Reply) -> None:
        """The command was refused."""
        if isinstance(event, Data) and event.chunked and reply.code not in _CLOSING:
            assert self._data.first is not None, "a chunk was asked about"
            self._drop(self._data.first, reply, known=True)
            return
        self.tally.errors += 1
        if isinstance(event, EndOfData):
            self._end_transaction(reply)
        else:
            self._write(reply)
        if reply.code in _CLOSING:
            self._end("")
        if isinstance(event, Data):
            self._check_step()

    def _welcome(self, event: Hello) -> Reply:
        standing = self.standing
        self._reset_due = self._dialogue.in_transaction
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
        self.tally.taken("STARTTLS")
        self._dialogue.advance()
        self._waiting = True

    def _forget_transaction(self) -> None:
        self.standing.forget_transaction()
        self._data.forget()
        self._dialogue.end_transaction(greeted=bool(self.standing.hello))

    def _check_step(self) -> None:
        """DATA was refused: what the client sent behind it is content, and must not be run."""
        if self._lines.pending and self._closed is None:
            self._write(replies.OUT_OF_STEP)
            self._end(foreign.EARLY_CONTENT)

    def _write(self, reply: Reply) -> None:
        self._out.append(reply.encode())

    def _write_each(self, reply: Reply) -> None:
        """The reply to a content: in LMTP one for each recipient that was taken (RFC 2033 §4.2)."""
        standing = self.standing
        self._out.extend(
            [reply.encode()] * (max(standing.recipients, 1) if standing.offer.lmtp else 1)
        )

    def _end(self, reason: str) -> Closed:
        if self._closed is None:
            self._closed = Closed(reason)
            self._lines.clear()
        return self._closed
