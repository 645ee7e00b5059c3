"""What must hold of the server core for any input whatever; the fuzzer's judge and its seed runs'.

An input is two octets that choose a beginning and bounds, then what the client sends. It is fed
whole, octet by octet and in pieces. A reader of its own, which knows SMTP's framing and nothing of
the core, follows the octets and says what the content is; an automaton says which event may follow
which.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from zlib import crc32

from postroad.smtp import (
    BodyChunk,
    Closed,
    Data,
    EndOfData,
    Event,
    Mail,
    Offer,
    Rcpt,
    Refused,
    Reset,
    SessionLimits,
    foreign,
)
from postroad.smtp.auth import SASL_LIMIT
from postroad.smtp.states import State
from postroad.smtp.stuffing import Stuffer
from smtp_dialogue import Session, cut, octets

SMTP = Offer(
    starttls=True,
    mechanisms=("PLAIN", "LOGIN"),
    plain_auth=True,
    broken_auth=True,
    etrn=True,
    vrfy=True,
    requiretls=True,
    future_release=3600,
    future_release_end=1_800_000_000,
    deliver_by=True,
    priority=True,
    xclient=True,
    xforward=True,
)
LMTP = replace(SMTP, lmtp=True)
STRICT = Offer(starttls=True, require_tls=True, mechanisms=("PLAIN",), dsn=False, chunking=False)

HELLO = b"EHLO x\r\n"
MAIL = HELLO + b"MAIL FROM:<a@example.net>\r\n"
RCPT = MAIL + b"RCPT TO:<john@example.org>\r\n"
BINARY = MAIL[:-2] + b" BODY=BINARYMIME\r\nRCPT TO:<john@example.org>\r\n"
TWO = RCPT.replace(b"EHLO", b"LHLO") + b"RCPT TO:<jane@example.org>\r\n"

BEGINNINGS: dict[str, tuple[Offer, tuple[bytes, ...]]] = {
    # name -> what is offered, what the client said; between two parts is a handshake
    "greeting": (SMTP, (b"",)),
    "hello": (SMTP, (HELLO,)),
    "mail": (SMTP, (MAIL,)),
    "rcpt": (SMTP, (RCPT,)),
    "data": (SMTP, (RCPT + b"DATA\r\n",)),
    "bdat": (SMTP, (RCPT + b"BDAT 20\r\nhi\r\n",)),
    "between": (SMTP, (RCPT + b"BDAT 4\r\nhi\r\n",)),
    "spoilt": (SMTP, (RCPT + b"BDAT 1\r\n\n",)),
    "binary": (SMTP, (BINARY,)),
    "auth": (SMTP, (HELLO + b"AUTH LOGIN\r\n",)),
    "lmtp": (LMTP, (b"LHLO x\r\n",)),
    "lmtp-data": (LMTP, (TWO + b"DATA\r\n",)),
    "lmtp-bdat": (LMTP, (TWO + b"BDAT 9\r\nhi\r\n",)),
    "tls": (SMTP, (HELLO + b"STARTTLS\r\n", HELLO)),
    "strict": (STRICT, (HELLO,)),
    "strict-tls": (STRICT, (HELLO + b"STARTTLS\r\n", HELLO)),
}

BOUNDS = (
    SessionLimits(command_line=200, text_line=100, message_size=2000, recipients=5, errors=8),
    SessionLimits(command_line=0, text_line=0, message_size=0, recipients=0, errors=0),
    SessionLimits(errors=0, message_size=50),
)

FROM_TIMING = (foreign.EARLY_CONTENT, foreign.PAST_STARTTLS)
"""Ends of a session that depend on what came along with a command."""

_LINE = re.compile(r"(\d{3})([ -])(?:([245])\.\d{1,3}\.\d{1,3} )?([^\x00-\x1f\x7f]*)\Z")
_BARE = re.compile(r"220 |250[ -]|334 |354 |501 Syntax: [EHL]")  # RFC 2034 §4


@dataclass(frozen=True)
class Input:
    """What a fuzzer's octets stand for."""

    offer: Offer
    limits: SessionLimits
    parts: tuple[bytes, ...]

    @classmethod
    def of(cls, data: bytes) -> Input:
        head = data[:2].ljust(2, b"\0")
        offer, parts = list(BEGINNINGS.values())[head[0] % len(BEGINNINGS)]
        limits = BOUNDS[head[1] % len(BOUNDS)]
        return cls(offer, limits, (*parts[:-1], parts[-1] + data[2:]))

    @staticmethod
    def encode(beginning: str, bounds: int, stream: bytes) -> bytes:
        return bytes([list(BEGINNINGS).index(beginning), bounds]) + stream


def check(data: bytes) -> None:
    """Raise AssertionError, or whatever the core raises, where the input breaks an invariant."""
    given = Input.of(data)
    whole = _run(given, lambda part: [part])
    _check_replies(whole)
    _check_order(whole.events)
    _check_number(given, whole)
    output, events, ended = whole.output, _settled(whole.events), whole.ended
    _check_end(whole)
    watched = Watched(given.offer, given.limits)
    _feed(watched, given, octets)
    _check_order(watched.events)
    if ended in FROM_TIMING:
        return
    seed = crc32(data)
    places = [seed >> shift & 0x3FF for shift in (0, 5, 10, 15, 20)]
    pieces = _run(given, lambda part: cut(part, places))
    for other in (watched, pieces):
        assert other.output == output, "the replies depend on the cuts"
        assert _settled(other.events) == events, "the events depend on the cuts"


def _settled(events: list[Event]) -> list[Event]:
    """The events without content under way: how much of it is out depends on the cuts."""
    return events[:-1] if events and isinstance(events[-1], BodyChunk) else events[:]


def _run(given: Input, pieces: Callable[[bytes], list[bytes]]) -> Session:
    session = Session(given.offer, given.limits)
    _feed(session, given, pieces)
    return session


def _feed(session: Session, given: Input, pieces: Callable[[bytes], list[bytes]]) -> None:
    for number, part in enumerate(given.parts):
        if number:
            session.core.tls_started()
        for piece in pieces(part):
            session.feed(piece)
            _check_memory(session)
            if session.core._dialogue.state is State.HANDSHAKE and number == len(given.parts) - 1:
                session.core.tls_started()
                session.pump()


def _check_memory(session: Session) -> None:
    """Nothing is kept but the beginning of a line, of an end mark, of a line end."""
    core = session.core
    if core._dialogue.state is State.HANDSHAKE:
        return
    limit = max(core.standing.limits.command_line or 65_536, SASL_LIMIT + 64)
    assert core._lines.pending <= limit, "too much is kept"
    assert not core._out, "replies are kept"
    held = getattr(core._data.reader, "_held", b"")
    assert len(held) <= 4, "content is kept"


def _check_replies(session: Session) -> None:
    assert not session.output or session.output.endswith(b"\r\n")
    before = ""
    for line in session.output.decode().split("\r\n")[:-1]:
        parts = _LINE.match(line)
        assert parts, f"no reply: {line!r}"
        assert len(line.encode()) <= 510, "a reply is too long"
        code, more, enhanced, _ = parts.groups()
        assert before in {"", code}, "a reply changes its code"
        before = code if more == "-" else ""
        assert enhanced == code[0] if enhanced else _BARE.match(line), f"no right code: {line!r}"
    assert not before, "a reply has no end"


def _check_number(given: Input, session: Session) -> None:
    """A client gets one reply a line: more would be an amplifier, or out of step."""
    lines = sum(part.count(b"\n") for part in given.parts)
    said = sum(line[3:4] == b" " for line in session.output.split(b"\r\n"))
    recipients = sum(isinstance(event, Rcpt) for event in session.events)
    contents = sum(isinstance(event, EndOfData | Refused) for event in session.events)
    each = recipients * contents if given.offer.lmtp else 0
    assert said <= lines + 4 + each, "more replies than commands"


def _check_end(session: Session) -> None:
    session.core.receive(b"")
    session.pump()
    assert session.ended is not None
    said = session.output
    session.core.receive(b"NOOP\r\nMAIL FROM:<>\r\n")
    assert session.core.next_event() == Closed(session.ended), "an event after the end"
    session.pump()
    assert session.output == said, "a reply after the end"


def _check_order(events: list[Event]) -> None:
    opened = content = closed = False
    for event in events:
        assert not closed, "an event after the end"
        match event:
            case Mail():
                assert not opened, "a transaction in a transaction"
                opened = True
            case Rcpt() | Data():
                assert opened, "no transaction"
                content = isinstance(event, Data)
            case BodyChunk() | EndOfData():
                assert content, "content that nobody asked for"
                content = isinstance(event, BodyChunk)
            case Reset():
                assert opened, "the end of nothing"
                opened = content = False
            case Closed():
                closed = True


class Watched(Session):
    """A session that is fed octet by octet, beside a reader of its own."""

    def __init__(self, offer: Offer, limits: SessionLimits) -> None:
        self.line = b""
        self.chunk = 0  # octets that are left of it
        self.text: bytes | None = None  # of DATA as it came
        self.chunks: bytes | None = None
        super().__init__(offer, limits)

    def feed(self, data: bytes) -> None:
        in_chunk = self.chunk > 0
        if in_chunk:
            self.chunk -= 1
            if self.chunks is not None:
                self.chunks += data
        elif self.text is not None:
            self.text += data
        else:
            self._read(data)
        known = len(self.events)
        super().feed(data)
        if in_chunk:
            for event in self.events[known:]:
                assert isinstance(event, BodyChunk | EndOfData | Reset | Refused | Closed), event
                assert not isinstance(event, Refused) or event.command == "BDAT"

    def _read(self, octet: bytes) -> None:
        self.line += octet
        if octet != b"\n":
            return
        size = re.fullmatch(rb"(?i)bdat +(\d{1,20})(?: +last)? *[ \t]*\r\n", self.line)
        command = self.core._dialogue.state not in {State.AUTH, State.HANDSHAKE}
        limit = self.core.standing.limits.command_line or 65_536
        if size and command and self.ended is None and len(self.line) <= limit:
            self.chunk = int(size[1])
        self.line = b""

    def _note(self, event: Event) -> None:
        super()._note(event)
        match event:
            case Data(chunked=True):
                self.chunks = b""
            case Data() if self.decide(event).is_positive:  # type: ignore[union-attr]
                self.text = b""
            case EndOfData():
                self._judge(event)
            case Reset() | Closed():
                self.chunks = self.text = None

    def _judge(self, event: EndOfData) -> None:
        if self.text is not None:
            expected = _unstuffed(self.text)
        else:
            assert self.chunks is not None
            expected = self.chunks
        self.text = None
        if self.core.standing.body.value == "BINARYMIME":
            assert event.fault is None
        else:
            if expected and not expected.endswith(b"\r\n"):
                expected += b"\r\n"
            left_over = expected.replace(b"\r\n", b"")
            bare = b"\r" in left_over or b"\n" in left_over
            limits = self.core.standing.limits
            long = bool(limits.message_size) and len(expected) > limits.message_size
            lines = expected.split(b"\r\n")[:-1]
            wide = bool(limits.text_line) and any(
                len(line) + 2 > limits.text_line for line in lines
            )
            hidden = any(line[:1] == b"\0" and line.strip(b"\0") == b"." for line in lines)
            right = not (bare or hidden or long or wide)
            assert (event.fault is None) is right, "a fault is not seen"
            if right:
                stuffer = Stuffer()
                assert stuffer.feed(expected) + stuffer.end(), "it was taken and cannot be sent on"
        assert event.size == len(expected), "the size is wrong"
        assert event.fault or self.content == expected, "the content is not what was sent"


def _unstuffed(sent: bytes) -> bytes:
    assert (b"\r\n" + sent).find(b"\r\n.\r\n") == len(sent) - 3, "not the first end mark"
    lines = sent[:-3].split(b"\r\n")
    return b"\r\n".join(line[1:] if line.startswith(b".") else line for line in lines)
