"""What became of one recipient, as a report tells it: the facts, and their words.

The facts are RFC 3464's (§2.3); the fields for programs and the sentences for people are both made
of them, in `delivery_status` and `explanation`.
"""

from __future__ import annotations

from dataclasses import dataclass

from postroad.model import Action, Reply
from postroad.model import StoredRecipient as Recipient
from postroad.model.address import MAX_DOMAIN
from postroad.queue.printable import printable

__all__ = ["RecipientStatus"]

_UNKNOWN = {Action.FAILED: "5.0.0", Action.DELAYED: "4.0.0"}
"""RFC 3463 §2: what nobody described; all else went well."""

_WELL = "2.0.0"
_TIME_EXPIRED = "4.4.7"  # RFC 3463 §3.5: delivery time expired
_DEADLINE_MISSED = "5.4.7"  # RFC 2852 §4.1, RFC 3463 §3.5


@dataclass(frozen=True, slots=True)
class RecipientStatus:
    """One recipient, and what became of it.

    Attributes:
        recipient: who.
        action: what is told of it.
        reply: the last words about it.
        from_peer: whether those are the next hop's words.
        relay: the next hop as the attempt's report named it.
        expired: whether the message's age, and no refusal, decided.
        late: whether the sender's deadline is over.
        attempted: when the last attempt was, seconds since the epoch; `None`: not known here.
        until: until when attempts go on, seconds since the epoch; `None` where they do not, or
            without end.
    """

    recipient: Recipient
    action: Action
    reply: Reply
    from_peer: bool = False
    relay: str = "none"
    expired: bool = False
    late: bool = False
    attempted: float | None = None
    until: float | None = None

    @property
    def status(self) -> str:
        """The status code, RFC 3464 §2.3.4."""
        if self.late:
            return _DEADLINE_MISSED if self.action is Action.FAILED else _TIME_EXPIRED
        if self.expired:
            return _TIME_EXPIRED
        return self.reply.enhanced or _UNKNOWN.get(self.action, _WELL)

    @property
    def said(self) -> str:
        """The last words, as the next hop said them (RFC 3464 §2.3.6: the actual code).

        Where it gave no enhanced code it has one of ours by now, `5.0.0`, which says nothing.
        """
        reply = self.reply
        if self.from_peer and (reply.enhanced or "").endswith(".0.0"):
            return f"{reply.code} {' '.join(reply.lines)}"
        return str(reply)

    @property
    def host(self) -> str:
        """The next hop's name, when it is the next hop that spoke; else empty."""
        name = self.relay.partition("[")[0] if self.from_peer else ""
        return printable(name[:MAX_DOMAIN])
