"""What there is to tell of sessions: who came and went, TLS, logins, refusals.

One frozen class each, with the line Postfix would log; see `journal`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from postroad.model.address import Address
from postroad.model.client import Client, TlsSession
from postroad.model.journal import Event, Level
from postroad.model.log_fields import enclosed, tamed
from postroad.model.printable import printable
from postroad.model.reply import Reply
from postroad.model.value import value

__all__ = [
    "Connected",
    "Disconnected",
    "LoginFailed",
    "Lost",
    "Noted",
    "Rejected",
    "TlsEstablished",
    "TlsFailed",
]


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
        parts.append(f"from=<{enclosed(event.sender)}>")
    if event.recipient is not None:
        parts.append(f"to=<{enclosed(str(event.recipient))}>")
    parts.append(f"proto={event.protocol}")
    if event.hello:
        parts.append(f"helo=<{tamed(event.hello)}>")
    if event.session:
        # Old filters of fail2ban end with `helo=<\S*>$`, and are to find what they look for.
        parts[-1] += f",session=<{event.session}>"
    return printable(
        f"{event.queue_id}: {what}: {event.stage} from {event.client}: {words}; {' '.join(parts)}"
    )
