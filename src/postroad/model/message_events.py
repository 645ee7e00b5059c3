"""What there is to tell of messages: taken, queued, delivered, returned, gone.

One frozen class each, with the line Postfix would log; see `journal`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Literal

from postroad.model.address import Address
from postroad.model.client import Client, Login
from postroad.model.journal import Event
from postroad.model.log_fields import enclosed, tamed
from postroad.model.outcome import Status
from postroad.model.printable import printable
from postroad.model.reply import Reply
from postroad.model.value import value

__all__ = [
    "Accepted",
    "Bounced",
    "Delivered",
    "MessageId",
    "Queued",
    "Removed",
]


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
            f"{self.queue_id}: from=<{enclosed(self.sender)}>, size={self.size}, "
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
            aliased = f" orig_to=<{enclosed(str(self.original))}>,"
        a, b, c, d = self.delays
        return printable(
            f"{self.queue_id}: to=<{enclosed(str(self.recipient))}>,{aliased} relay={self.relay}, "
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
