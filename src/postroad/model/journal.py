"""The events a mail server tells of, one frozen class each, with the line Postfix would log.

A component describes what happened by building an event and handing it to the `Journal` it was
given; it does not know whether that becomes a syslog line, a JSON object or a line on a
developer's terminal. The text of each event is the shape that log readers, `fail2ban` and the
operators' eyes know from Postfix. Events carry addresses and replies; they never carry a password
or the content of a message.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import ClassVar, Literal

from postroad.model.address import Address
from postroad.model.client import Client, Login, TlsSession
from postroad.model.outcome import Status
from postroad.model.reply import Reply
from postroad.model.value import value

__all__ = [
    "Accepted",
    "Bounced",
    "Connected",
    "Delivered",
    "Disconnected",
    "Event",
    "Journal",
    "Level",
    "LogSettings",
    "LoginFailed",
    "Lost",
    "MessageId",
    "Noted",
    "Notice",
    "Queued",
    "Rejected",
    "Removed",
    "TlsEstablished",
    "TlsFailed",
    "printable",
    "tamed",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class LogSettings:
    """`[log]`: how events are written.

    Attributes:
        format: `text` for Postfix-shaped lines, `json` for one object a line.
        name: the first part of the syslog tag, `NAME/smtpd[pid]`; `postfix` lets tools made for
            Postfix's log read ours.
        file: where lines are appended; standard error when absent.
    """

    format: Literal["text", "json"] = "text"
    name: str = "postroad"
    file: Path | None = None


class Level(Enum):
    """How much an operator should care."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@value
class Event:
    """Something that happened.

    Attributes:
        service: the part of the server that speaks: `smtpd`, `submission/smtpd`, `cleanup`,
            `qmgr`, `smtp`, `lmtp`, `local`, `bounce`, `master`.
        session: the identifier of the session it happened in, for `postroad why`; empty outside of
            sessions, and where none are given.
    """

    service: str
    session: str = field(default="", kw_only=True)
    level: ClassVar[Level] = Level.INFO

    @property
    def text(self) -> str:
        """The line without time and tag."""
        raise AssertionError("every event has its own text")


Journal = Callable[[Event], None]
"""Where events go. Must not block and must not raise."""


@value
class Connected(Event):
    """A client connected."""

    client: Client

    @property
    def text(self) -> str:
        return printable(f"connect from {self.client}")


@value
class Disconnected(Event):
    """A session ended; `counts` holds, for each verb, how many were taken and how many came."""

    client: Client
    counts: Mapping[str, tuple[int, int]]

    @property
    def text(self) -> str:
        taken, came, parts = 0, 0, ""
        for verb, (ok, total) in self.counts.items():
            taken += ok
            came += total
            parts += f" {verb}={total}" if ok == total else f" {verb}={ok}/{total}"
        commands = f"{came}" if taken == came else f"{taken}/{came}"
        return printable(f"disconnect from {self.client}{parts} commands={commands}")


@value
class Lost(Event):
    """The peer went away, fell silent or was sent away; `how` says which, e.g. `timeout`."""

    how: str
    after: str
    client: Client

    @property
    def text(self) -> str:
        return printable(f"{self.how} after {self.after} from {self.client}")


@value
class TlsEstablished(Event):
    """A TLS handshake succeeded; `peer` is the client or the next hop as logs show it.

    As Postfix does, the line names the server name that a client asked for, if it got that one's
    certificate, and whether the client showed one of its own.
    """

    peer: str
    tls: TlsSession
    direction: Literal["from", "to"] = "from"
    trust: Literal["Anonymous", "Untrusted", "Trusted", "Verified"] = "Anonymous"

    @property
    def text(self) -> str:
        tls = self.tls
        name = f" to {tls.server_name}" if tls.server_name else ""
        return printable(
            f"{self.trust} TLS connection established {self.direction} {self.peer}{name}: "
            f"{tls.version} with cipher {tls.cipher} ({tls.bits}/{tls.bits} bits)"
        )


@value
class TlsFailed(Event):
    """A TLS handshake failed; `reason` says what to do about it."""

    client: Client
    reason: str
    level: ClassVar[Level] = Level.WARNING

    @property
    def text(self) -> str:
        return printable(f"SSL_accept error from {self.client}: {self.reason}")


@value
class LoginFailed(Event):
    """A login was refused. `user` is the name that was tried, never the password."""

    client: Client
    mechanism: str
    reason: str
    user: str
    level: ClassVar[Level] = Level.WARNING

    @property
    def text(self) -> str:
        return printable(
            f"warning: {self.client}: SASL {self.mechanism} authentication failed: "
            f"{self.reason}, sasl_username={self.user}"
        )


@value
class Rejected(Event):
    """A command was refused by policy, directory, intake or spool.

    Attributes:
        queue_id: the message's, or `NOQUEUE`.
        stage: the command: `CONNECT`, `MAIL`, `RCPT`, `DATA`, `END-OF-MESSAGE`.
        sender: the reverse-path, once known; `None` before MAIL.
        recipient: the forward-path where the refusal is about one.
        warning: `warn_if_reject` let it pass; Postfix logs `reject_warning`.
    """

    queue_id: str
    stage: str
    client: Client
    reply: Reply
    sender: str | None
    recipient: Address | None
    protocol: str
    hello: str
    warning: bool = False

    @property
    def text(self) -> str:
        what = "reject_warning" if self.warning else "reject"
        return _decision(self, what, str(self.reply))


@value
class Noted(Event):
    """Policy did something with a message, or has something to say of it, and refused nothing.

    Attributes:
        queue_id: the message's, or `NOQUEUE`.
        what: `warn`, `info`, `hold`, `discard`, `filter`, `redirect`, `bcc` or `prepend`.
        words: whom it is about and what it is.
        stage, sender, recipient: as in `Rejected`.
    """

    queue_id: str
    what: str
    words: str
    stage: str
    client: Client
    sender: str | None
    recipient: Address | None
    protocol: str
    hello: str

    @property
    def text(self) -> str:
        return _decision(self, self.what, self.words)


def _decision(event: Rejected | Noted, what: str, words: str) -> str:
    """A line about what was decided, as Postfix's log has it."""
    parts = []
    if event.sender is not None:
        parts.append(f"from=<{_enclosed(event.sender)}>")
    if event.recipient is not None:
        parts.append(f"to=<{_enclosed(str(event.recipient))}>")
    parts.append(f"proto={event.protocol}")
    if event.hello:
        parts.append(f"helo=<{tamed(event.hello)}>")
    if event.session:
        # Old filters of fail2ban end with `helo=<\S*>$`, and are to find what they look for.
        parts[-1] += f",session=<{event.session}>"
    return printable(
        f"{event.queue_id}: {what}: {event.stage} from {event.client}: {words}; {' '.join(parts)}"
    )


@value
class Accepted(Event):
    """A message has a queue ID: its first recipient was taken and its content begins.

    Attributes:
        origin: what the client said by XFORWARD of where it got the message from.
        submitter: who submitted it first, as the client said by the AUTH parameter of MAIL, or
            `<>` where that is not believed; empty where nothing was said.
    """

    queue_id: str
    client: Client
    login: Login | None
    origin: Mapping[str, str | None] = field(default_factory=dict)
    submitter: str = ""

    @property
    def text(self) -> str:
        line = f"{self.queue_id}: client={self.client}"
        if self.login is not None:
            line += f", sasl_method={self.login.mechanism}, sasl_username={self.login.user}"
            if self.login.actor:
                line += f", sasl_actor={self.login.actor}"
        if self.submitter:
            line += f", sasl_sender={self.submitter}"
        return printable(line + _origin(self.origin) if self.origin else line)


@value
class MessageId(Event):
    """The Message-ID header field of a message, as found or as added."""

    queue_id: str
    message_id: str

    @property
    def text(self) -> str:
        return f"{self.queue_id}: message-id={printable(self.message_id)}"


@value
class Queued(Event):
    """A message is on stable storage and in the queue.

    Attributes:
        queue: `active`, or `hold` where it waits for an operator.
    """

    queue_id: str
    sender: str
    size: int
    recipients: int
    queue: Literal["active", "hold"] = "active"

    @property
    def text(self) -> str:
        return printable(
            f"{self.queue_id}: from=<{_enclosed(self.sender)}>, size={self.size}, "
            f"nrcpt={self.recipients} (queue {self.queue})"
        )


@value
class Delivered(Event):
    """One recipient's delivery attempt ended, well or not.

    Attributes:
        delays: seconds before the queue, in the queue, in setting up the connection, in the
            transaction: Postfix's `delays=a/b/c/d`.
        tls: how safe the connection was, such as `Verified/TLSv1.3`; empty: it was in plain text.
        sender: the reverse-path of this recipient's copy; empty where it is the message's.
    """

    queue_id: str
    recipient: Address
    original: Address
    relay: str
    delays: tuple[float, float, float, float]
    status: Status
    reply: Reply
    tls: str = ""
    sender: str = ""

    @property
    def text(self) -> str:
        aliased, reply = "", self.reply
        if self.original is not self.recipient and self.original != self.recipient:
            aliased = f" orig_to=<{_enclosed(str(self.original))}>,"
        a, b, c, d = self.delays
        return printable(
            f"{self.queue_id}: to=<{_enclosed(str(self.recipient))}>,{aliased} relay={self.relay}, "
            f"delay={_seconds(a + b + c + d)}, "
            f"delays={_seconds(a)}/{_seconds(b)}/{_seconds(c)}/{_seconds(d)}, "
            f"{f'tls={self.tls}, ' if self.tls else ''}"
            f"dsn={reply.enhanced}, status={self.status.value} ({reply})"
        )


@value
class Bounced(Event):
    """A notification to a message's sender entered the queue.

    Attributes:
        kind: what it tells: `non-delivery`, `delay`, or `delivery status` for success; and
            `postmaster non-delivery` where the message had no sender, and the postmaster is told.
    """

    queue_id: str
    notification: str
    kind: str = "non-delivery"

    @property
    def text(self) -> str:
        whose = "" if self.kind.startswith("postmaster ") else "sender "
        return printable(f"{self.queue_id}: {whose}{self.kind} notification: {self.notification}")


@value
class Removed(Event):
    """A message left the queue; nothing of it remains in the spool."""

    queue_id: str

    @property
    def text(self) -> str:
        return f"{self.queue_id}: removed"


@value
class Notice(Event):
    """Anything else an operator should read, in words."""

    message: str
    severity: Level = Level.INFO

    @property
    def text(self) -> str:
        mark = "" if self.severity is Level.INFO else f"{self.severity.value}: "
        return f"{mark}{printable(self.message)}"


def _origin(said: Mapping[str, str | None]) -> str:
    """What XFORWARD told, in Postfix's words for the queue ID and the client."""
    said = {name: tamed(value) for name, value in said.items() if value}
    name, address = said.get("NAME"), said.get("ADDR")
    parts = [("orig_queue_id", said.get("IDENT"))]
    if name or address:
        port = f":{said['PORT']}" if said.get("PORT") else ""
        parts.append(("orig_client", f"{name or 'unknown'}[{address or 'unknown'}]{port}"))
    parts += [("orig_helo", said.get("HELO")), ("orig_proto", said.get("PROTO"))]
    parts.append(("orig_source", said.get("SOURCE")))
    return "".join(f", {key}={value}" for key, value in parts if value)


_ODD = str.maketrans(dict.fromkeys(' <>()\\";@,', "?"))
_BRACKETS = str.maketrans("<>", "??")


def tamed(name: str) -> str:
    """A name that a client gave itself, as a log shows it.

    Any text may stand in HELO. What is in no name but could end the field or begin another one is
    a question mark, as in Postfix's log; the comma too, which divides our fields.
    """
    return name.translate(_ODD)


def _enclosed(address: str) -> str:
    """An address as it stands between angle brackets.

    A quoted local part may hold those too (RFC 5321 §4.1.2), and whatever looks like more fields
    behind them. All else stays, or readers would not find the address.
    """
    return address.translate(_BRACKETS) if "<" in address or ">" in address else address


_NOTHING = 0.005


def _seconds(value: float) -> str:
    """Two significant digits, at most two decimals, as Postfix writes delays."""
    if value < _NOTHING:  # as most are: what is faster than a hundredth is not told
        return "0"
    if value >= 10:
        return f"{value:.0f}"
    if value >= 1:
        return f"{value:.1f}".removesuffix(".0")
    return f"{value:.2f}".rstrip("0").rstrip(".")


def printable(text: str) -> str:
    """A text as a log may show it: what breaks or turns a line is a question mark.

    Peers choose the words. Control characters and line separators would make two events of one
    (U+2028, U+0085), and marks of direction would show an address as another (U+202E).
    """
    return text if text.isprintable() else "".join(c if c.isprintable() else "?" for c in text)
