"""`[sendmail]`: mail from programs of this machine, without login and without a connection."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from postroad.model.units import Duration

__all__ = ["ANYBODY", "SendmailSettings"]

ANYBODY = "*"


@dataclass(frozen=True, slots=True, kw_only=True)
class SendmailSettings:
    """`[sendmail]`: who may send from this machine, and as whom.

    Users are login names of the system. Root and the user of the server may always send, as
    anybody.

    Attributes:
        enabled: whether there is a drop at all.
        directory: the drop's folder; `None`: `maildrop` in the state directory. What is above it
            must be passable for all users.
        users: who may send; `*` is everybody. Mail of others is set aside.
        queue_users: who may list the queue by `mailq`; `*` is everybody. Root and the user of the
            server always may.
        origin: the domain of addresses that are written without one; empty: the first of
            `domains`, or else `hostname`.
        sender_check: whether users may send as themselves only: with their own address
            (`LOGIN@ORIGIN`, or one that `senders` gives them) or the null one.
        senders: for `sender_check`: addresses by login name that a user may send as; `*` is any.
        messages_per_user: messages that one user may leave in an hour; more of them wait. 0: any
            number. Root and the user of the server are not counted.
        interval: seconds between two looks into the drop; programs that leave something there say
            so, and this is for what went unheard.
        taken_before: users whose mail was taken before: content filters that hand it back by
            `sendmail`. Whoever wrote it may have been a stranger, so nothing of it is signed.
        filters: the filters of this mail, in this order; empty: none. `None`: all of `[filters]`.
    """

    enabled: bool = True
    directory: Path | None = None
    users: tuple[str, ...] = (ANYBODY,)
    queue_users: tuple[str, ...] = (ANYBODY,)
    origin: str = ""
    sender_check: bool = False
    senders: dict[str, tuple[str, ...]] = field(default_factory=dict)
    messages_per_user: int = 0
    interval: Duration = 10.0
    taken_before: tuple[str, ...] = ()
    filters: tuple[str, ...] | None = None
