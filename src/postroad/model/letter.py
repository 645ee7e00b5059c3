"""A message whose content is complete and which is not stored yet, and what is thought of it.

Whoever looks at content (signatures, filters, programs of the operator's) is an `Examiner`: it gets
a `Letter` and gives an `Opinion`. The door asks one after the other, and each sees what those
before it made of the message. So what mail is, and what may be done with it, is said in one place,
for all of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import NamedTuple, Protocol

from postroad.model.client import Client, Login, TlsSession
from postroad.model.envelope import Envelope, Recipient
from postroad.model.fields import Fields
from postroad.model.message import Content
from postroad.model.reply import Reply

__all__ = ["NO_OPINION", "Examiner", "Finding", "Letter", "Opinion", "Origin"]


class Origin(Enum):
    """Where a message comes from, as far as it matters for what is believed of it."""

    OUTSIDE = "outside"
    """From a stranger."""
    NEIGHBOUR = "neighbour"
    """From a server or a content filter of ours that took it before. Who wrote it may be a stranger
    or a user: it is neither verified again nor signed."""
    OURS = "ours"
    """From somebody who is logged in or in a trusted network, or from a program of this machine."""
    MADE = "made"
    """Made here: a notification, a report."""


class Finding(NamedTuple):
    """One thing that was found out about a message; for the history, the log, and later examiners.

    Attributes:
        by: who found it: `spf`, `dkim`, `dmarc`, `arc`, or the name of a filter.
        result: in a word: `pass`, `fail`, `5.3/8.0`, `signed`.
        words: for an operator to read: why, in one line.
        details: what examiners after this one may go by, such as `{"domain": "example.org"}`.
    """

    by: str
    result: str
    words: str = ""
    details: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A message as an examiner sees it.

    Attributes:
        queue_id: its identifier.
        envelope: sender and needs.
        recipients: who gets it, before aliases.
        origin: where it comes from.
        listener: the name of the listener that it came in by; empty for none.
        client: the connected host; `None` for mail made here.
        hello: the name the client gave for itself.
        protocol: `ESMTPSA` and friends, `local`.
        tls: the session's TLS.
        login: who logged in.
        arrived: when its transaction began, seconds since the epoch.
        fields: the header section, with our Received field (the first one) and all that those
            before put there.
        body: all that follows the blank line. Its `chunks` may read a file where `size` is over
            `content.AT_HAND`: then they are read in a thread (`spool.reading`).
        findings: of those who saw it before.
        trace: our Received field, with its line end; empty: it is the first of that name. A filter
            may put another above it.
        above: how many fields stand above that which we wrote ourselves, before filters were asked.
    """

    queue_id: str
    envelope: Envelope
    recipients: tuple[Recipient, ...]
    origin: Origin
    fields: Fields
    body: Content
    listener: str = ""
    client: Client | None = None
    hello: str = ""
    protocol: str = "local"
    tls: TlsSession | None = None
    login: Login | None = None
    arrived: float = 0.0
    findings: tuple[Finding, ...] = ()
    trace: bytes = b""
    above: int = 0

    @property
    def size(self) -> int:
        """Octets of the message as it is: header section, blank line and body."""
        return sum([len(each.octets) for each in self.fields]) + 2 + self.body.size

    def found(self, by: str) -> Finding | None:
        """What somebody found; the latest where there is more than one."""
        return next((each for each in reversed(self.findings) if each.by == by), None)

    def after(self, opinion: Opinion) -> Letter:
        """The message as an opinion changes it."""
        if opinion is NO_OPINION:
            return self
        return replace(
            self,
            envelope=self.envelope if opinion.envelope is None else opinion.envelope,
            recipients=self.recipients if opinion.recipients is None else opinion.recipients,
            fields=self.fields if opinion.fields is None else opinion.fields,
            body=self.body if opinion.body is None else opinion.body,
            findings=self.findings + opinion.findings,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Opinion:
    """What an examiner thinks of a message. All defaults: nothing against it, nothing changed.

    Attributes:
        reply: the refusal; nobody after this one is asked.
        discard: why it is thrown away though the client is told `250`; likewise. Only for those
            who are told to by their protocol (a milter's SMFIR_DISCARD); never our own choice.
        hold: why it waits for an operator in the queue (quarantine).
        fields: the header section as it is to be, where it changes.
        body: the body likewise.
        envelope: the envelope likewise: a milter may change the sender.
        recipients: who gets it, likewise.
        findings: for the history and for those after this one.
    """

    reply: Reply | None = None
    discard: str = ""
    hold: str = ""
    fields: Fields | None = None
    body: Content | None = None
    envelope: Envelope | None = None
    recipients: tuple[Recipient, ...] | None = None
    findings: tuple[Finding, ...] = field(default=())

    @property
    def ends(self) -> bool:
        """Whether nobody else is to be asked."""
        return self.reply is not None or bool(self.discard)


NO_OPINION = Opinion()
"""Nothing to say."""


class Examiner(Protocol):
    """Somebody who looks at messages."""

    async def examine(self, letter: Letter) -> Opinion:
        """Look at one.

        It never raises for what is in a message, nor for a service that is away: that is an
        opinion too, as its settings say (defer, or let pass).
        """
        ...
