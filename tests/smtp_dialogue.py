"""Plays `C:`/`S:` dialogues against the server core, however the client's octets are cut.

A dialogue file has settings (`offer: starttls mechanisms=PLAIN,LOGIN future_release=60 -dsn`,
`limits: errors=2`), then lines. `C:` is a line the client sends with CRLF (`C:| text` keeps
leading spaces and understands Python's escapes, and adds nothing). `S:` is a line it must get.
`-- TLS` is a handshake, `-- END` asserts that the server has closed, with its reason behind it.
`feed: lines` marks a dialogue that must not be fed whole, because the client has to wait.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path

from postroad.model import Reply
from postroad.smtp import (
    Auth,
    AuthResponse,
    BodyChunk,
    Closed,
    Data,
    EndOfData,
    Etrn,
    Event,
    Hello,
    Mail,
    Need,
    Offer,
    Rcpt,
    Refused,
    ServerCore,
    SessionLimits,
    StartTls,
    Vrfy,
    XClient,
    XForward,
    replies,
)

HOST = "mail.example.org"
NOTHING = Offer()
DEFAULT = SessionLimits()
TLS = object()
REFUSED_CONTENT = {
    "later": Reply.of(451, "4.7.1", "Error: try again later"),
    "never": Reply.of(550, "5.7.1", "Error: no mail from you"),
    "gone": Reply.of(421, "4.3.2", "Error: going down"),
}


@dataclass
class Dialogue:
    name: str
    offer: Offer = NOTHING
    limits: SessionLimits = DEFAULT
    steps: list[bytes | object] = field(default_factory=list)  # what the client does
    expected: bytes = b""
    ended: str | None = None
    whole: bool = True

    def segments(self) -> list[bytes]:
        """What the client may send without waiting: cut only by the handshake."""
        parts = [b""]
        for step in self.steps:
            if step is TLS:
                parts.append(b"")
            else:
                assert isinstance(step, bytes)
                parts[-1] += step
        return parts

    def lines(self) -> list[list[bytes]]:
        """The client's steps one by one, cut by the handshake."""
        parts: list[list[bytes]] = [[]]
        for step in self.steps:
            if step is TLS:
                parts.append([])
            else:
                assert isinstance(step, bytes)
                parts[-1].append(step)
        return parts


def load(path: Path) -> Dialogue:
    dialogue = Dialogue(path.stem)
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if line.strip() and not line.startswith("#"):
            _read(dialogue, line, f"{path.name}:{number}")
    return dialogue


def _read(dialogue: Dialogue, line: str, place: str) -> None:
    key, _, rest = line.partition(":")
    if line.startswith("-- TLS"):
        dialogue.steps.append(TLS)
    elif line.startswith("-- END"):
        dialogue.ended = line.removeprefix("-- END").strip()
    elif key == "C" and rest.startswith("|"):
        text = rest[1:].removeprefix(" ")
        dialogue.steps.append(
            text.encode("latin-1", "backslashreplace").decode("unicode_escape").encode("latin-1")
        )
    elif key == "C":
        dialogue.steps.append(rest.removeprefix(" ").encode() + b"\r\n")
    elif key == "S":
        dialogue.expected += rest.removeprefix(" ").encode() + b"\r\n"
    elif key == "offer":
        dialogue.offer = _offer(rest.split())
    elif key == "limits":
        numbers = {name: int(value) for name, _, value in (w.partition("=") for w in rest.split())}
        dialogue.limits = replace(dialogue.limits, **numbers)
    elif key == "feed":
        dialogue.whole = rest.strip() != "lines"
    else:
        raise AssertionError(f"{place}: {line}")


def _offer(words: Sequence[str]) -> Offer:
    values: dict[str, object] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if name == "mechanisms":
            values[name] = tuple(value.split(","))
        else:
            values[name.lstrip("-")] = int(value) if equals else not name.startswith("-")
    return replace(NOTHING, **values)


class Session:
    """A fake session: takes mail for example.org, knows john with the password summersun.

    It refuses the content of mail from `later@` and from `never@`, and mail of which it was told
    that a policy does not like it (`spam` in the content).
    """

    def __init__(self, offer: Offer = NOTHING, limits: SessionLimits = DEFAULT) -> None:
        self.core = ServerCore(HOST, offer, limits)
        self.events: list[Event] = []
        self.output = b""
        self.user = b""
        self.sender = ""
        self.content = b""
        self.core.greet()
        self.pump()

    def feed(self, data: bytes) -> None:
        if data:
            self.core.receive(data)
            self.pump()

    def end(self) -> None:
        """The client's end of file."""
        self.core.receive(b"")
        self.pump()

    def pump(self) -> None:
        while not isinstance(event := self.core.next_event(), Need):
            self._note(event)
            if isinstance(event, Closed):
                break
            answer = self.decide(event)
            if answer is not None:
                self.core.reply(answer)
        self.output += self.core.data_to_send()

    def _note(self, event: Event) -> None:
        last = self.events[-1] if self.events else None
        if isinstance(event, BodyChunk) and isinstance(last, BodyChunk):
            event = BodyChunk(last.data + event.data)
            self.events.pop()
        if isinstance(event, Closed) and self.ended is not None:
            return
        faulty = isinstance(event, EndOfData) and event.fault
        dropped = isinstance(event, Refused) and event.command == "BDAT"
        if (faulty or dropped) and isinstance(last, BodyChunk):
            self.events.pop()  # how much came before the fault depends on the cuts
        self.events.append(event)

    def decide(self, event: Event) -> Reply | None:
        match event:
            case Hello():
                return replies.OK
            case Mail():
                self.sender = "" if event.sender is None else event.sender.local
                self.content = b""
                return replies.MAIL_OK
            case Rcpt() if event.recipient.domain in ("example.org", ""):
                return replies.RCPT_OK
            case Rcpt():
                return Reply.of(554, "5.7.1", f"<{event.recipient}>: Relay access denied")
            case Auth():
                return self._auth(event)
            case AuthResponse():
                return self._password(event.data)
            case StartTls():
                return replies.READY_FOR_TLS
            case Data():
                return REFUSED_CONTENT.get(self.sender, replies.START_CONTENT)
            case BodyChunk():
                self.content += event.data
                return None
            case EndOfData():
                return event.fault or self._message()
            case _:
                return self._special(event)

    def _message(self) -> Reply:
        if b"spam" in self.content:
            return Reply.of(550, "5.7.1", "Error: content rejected")
        return Reply.of(250, "2.0.0", "Ok: queued as 4XyZ")

    def _special(self, event: Event) -> Reply | None:
        match event:
            case Vrfy() if event.argument.endswith("@example.org"):
                return Reply.of(252, "2.0.0", event.argument)
            case Vrfy():
                return Reply.of(550, "5.1.1", "Error: unknown")
            case Etrn() if event.node.lstrip("@#") == "example.org":
                return replies.QUEUING_STARTED
            case Etrn():
                return replies.etrn_refused(event.node)
            case XClient():
                self.core.standing.authenticated = event.attributes.get("LOGIN") is not None
                return replies.greeting(HOST)
            case XForward():
                return replies.OK
            case _:
                return None

    def _auth(self, event: Auth) -> Reply:
        self.user = b""
        if event.initial is not None:
            return self._password(event.initial)
        return replies.challenge("" if event.mechanism == "PLAIN" else "VXNlcm5hbWU6")

    def _password(self, data: bytes) -> Reply:
        if data == b"john@example.org":
            self.user = data
            return replies.challenge("UGFzc3dvcmQ6")
        if data == b"\0john@example.org\0summersun" or (self.user and data == b"summersun"):
            return replies.AUTHENTICATED
        return Reply.of(535, "5.7.8", "Error: authentication failed: no")

    @property
    def ended(self) -> str | None:
        last = self.events[-1] if self.events else None
        return last.reason if isinstance(last, Closed) else None


def play(dialogue: Dialogue, pieces: Iterable[Iterable[bytes]]) -> Session:
    """Feed the pieces; between two groups of them is the handshake."""
    session = Session(dialogue.offer, dialogue.limits)
    for number, group in enumerate(pieces):
        if number:
            session.core.tls_started()
        for piece in group:
            session.feed(piece)
    return session


def octets(data: bytes) -> list[bytes]:
    return [data[at : at + 1] for at in range(len(data))]


def cut(data: bytes, places: Iterable[int]) -> list[bytes]:
    """The data cut at the given places, each taken modulo its length."""
    marks = sorted({place % (len(data) + 1) for place in places} | {0, len(data)})
    return [data[a:b] for a, b in pairwise(marks) if a < b]
