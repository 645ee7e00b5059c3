"""The states of a session and what each command may do in them: one table.

A row says which state follows once the command is taken, or with which words it is refused. A
verb that a row does not name may come at any time and changes nothing. AUTH, CONTENT and
HANDSHAKE have no row: what comes there is no command.
"""

from __future__ import annotations

from enum import Enum, auto

from postroad.model import Reply
from postroad.smtp import replies

__all__ = ["IN_TRANSACTION", "TRANSITIONS", "State"]


class State(Enum):
    """Where the dialogue stands."""

    CONNECTED = auto()
    READY = auto()
    MAIL = auto()
    RCPT = auto()
    AUTH = auto()
    CONTENT = auto()
    HANDSHAKE = auto()


TRANSITIONS: dict[State, dict[str, State | Reply]] = {
    State.CONNECTED: {
        "HELO": State.READY,
        "EHLO": State.READY,
        "STARTTLS": State.HANDSHAKE,
        "AUTH": replies.NEED_HELLO,
        "MAIL": replies.NEED_HELLO,
        "RCPT": replies.NEED_MAIL,
        "DATA": replies.NEED_RCPT,
    },
    State.READY: {
        "HELO": State.READY,
        "EHLO": State.READY,
        "STARTTLS": State.HANDSHAKE,
        "AUTH": State.READY,
        "MAIL": State.MAIL,
        "RCPT": replies.NEED_MAIL,
        "DATA": replies.NEED_RCPT,
    },
    State.MAIL: {
        "HELO": State.READY,
        "EHLO": State.READY,
        "STARTTLS": replies.IN_TRANSACTION,
        "AUTH": replies.IN_TRANSACTION,
        "MAIL": replies.NESTED_MAIL,
        "RCPT": State.RCPT,
        "DATA": replies.NO_RECIPIENTS,
        "RSET": State.READY,
    },
    State.RCPT: {
        "HELO": State.READY,
        "EHLO": State.READY,
        "STARTTLS": replies.IN_TRANSACTION,
        "AUTH": replies.IN_TRANSACTION,
        "MAIL": replies.NESTED_MAIL,
        "RCPT": State.RCPT,
        "DATA": State.CONTENT,
        "RSET": State.READY,
    },
}
"""State -> verb -> the state once the command is taken, or why it may not come."""

IN_TRANSACTION = (State.MAIL, State.RCPT, State.CONTENT)
"""States between a MAIL that was taken and its end."""
