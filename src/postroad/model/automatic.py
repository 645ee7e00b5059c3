"""Whether a program may answer a message by itself (RFC 3834 §2). Pure.

Two programs that answer each other never stop. So nothing of ours answers mail that has no sender,
that a program made, or that came by a list. A vacation notice, a letter caused by somebody's mail,
and whatever else is to be sent in return asks here first; and all mail that this server makes says
that a program made it (`Auto-Submitted`, §5), so that others need not guess.

Reports of delivery have rules of their own (RFC 3461), which need no look at the header: they go to
the reverse-path, have none themselves, and so are never answered.
"""

from __future__ import annotations

import re
from enum import Enum

from postroad.model.address import Address

__all__ = ["AUTO_GENERATED", "AUTO_REPLIED", "Unanswerable", "unanswerable"]

AUTO_GENERATED = "Auto-Submitted: auto-generated"
"""The field of mail that a program sends of its own accord (RFC 3834 §5.1)."""

AUTO_REPLIED = "Auto-Submitted: auto-replied"
"""The field of mail that answers another one."""

_FIELD = re.compile(
    rb"\n(?:(auto-submitted)|(precedence)|(list-(?:id|help|unsubscribe|subscribe|owner|post|archive)"
    rb"|mailing-list|x-beenthere|feedback-id)|(x-auto-response-suppress|x-autoreply|x-autorespond))"
    rb"[ \t]*:[ \t]*(?:\r\n[ \t]+)?([^\r]*)",
    re.IGNORECASE,
)
_PRECEDENCES = (b"bulk", b"list", b"junk", b"auto_reply")
_DAEMONS = re.compile(
    r"(?:mailer-daemon|postmaster|listserv|majordomo|no-?reply|do-?not-?reply|double-bounce|"
    r"owner-.*|.*-(?:request|owner|bounces?|errors?)|bounces?[+=-].*)\Z",
    re.IGNORECASE | re.DOTALL,
)


class Unanswerable(Enum):
    """Why a message gets no automatic answer; the words end a sentence of the log."""

    NO_SENDER = "it has no sender"
    DAEMON = "its sender is a program"
    AUTOMATIC = "a program made it"
    BULK = "it is bulk mail"
    LIST = "it came by a mailing list"
    UNWANTED = "its sender wants no automatic answers"


def unanswerable(sender: Address | None, fields: bytes) -> Unanswerable | None:
    """Why a message must not be answered by a program.

    Args:
        sender: its reverse-path; the answer goes there and nowhere else (RFC 3834 §4).
        fields: its header section, lines ended by CRLF.

    Returns:
        The reason, or `None` where an answer may be sent.
    """
    if sender is None:
        return Unanswerable.NO_SENDER
    if _DAEMONS.match(sender.local):
        return Unanswerable.DAEMON
    for submitted, precedence, of_list, suppressed, value in _FIELD.findall(b"\n" + fields):
        word = value.strip().lower()
        if submitted and word.partition(b";")[0].strip() != b"no":
            return Unanswerable.AUTOMATIC
        if precedence and word in _PRECEDENCES:
            return Unanswerable.BULK
        if of_list:
            return Unanswerable.LIST
        if suppressed and word not in (b"", b"none", b"no"):
            return Unanswerable.UNWANTED
    return None
