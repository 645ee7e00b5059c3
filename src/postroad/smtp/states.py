"""The states of a session and what each command may do in them: one table.

A row says which state follows once the command is taken, or with which words it is refused. A
verb that a row does not name may come at any time and changes nothing. AUTH, CONTENT and
HANDSHAKE have no row: what comes there is no command.
"""

from __future__ import annotations

from enum import Enum, auto

from postroad.model import Reply
from postroad.smtp import replies

__all__ = ["IN_TRANSACTION", "LMTP_WORDS", "TRANSITIONS", "State"]


class State(Enum):
    """Where the dialogue stands."""

    __hash__ = object.__hash__  # a table is looked up at each command; the usual hash is Python

    CONNECTED = auto()
    READY = auto()
    MAIL = auto()
    RCPT = auto()
    CHUNKS = auto()
    """Content comes by BDAT, and the last chunk has not come (RFC 3030 §2)."""
    SPOILT = auto()
    """A chunk was refused: those behind it are dropped, up to the last one or RSET."""
    AUTH = auto()
    CONTENT = auto()
    HANDSHAKE = auto()


_IN_CHUNKS: dict[str, State | Reply] = {
    "HELO": State.READY,
    "EHLO": State.READY,
    "LHLO": State.READY,
    "STARTTLS": replies.IN_TRANSACTION,
    "AUTH": replies.IN_TRANSACTION,
    "MAIL": replies.MAIL_AFTER_BDAT,
    "RCPT": replies.RCPT_AFTER_BDAT,
    "DATA": replies.DATA_AFTER_BDAT,
    "ETRN": replies.IN_TRANSACTION,
    "XCLIENT": replies.IN_TRANSACTION,
    "XFORWARD": replies.IN_TRANSACTION,
}

TRANSITIONS: dict[State, dict[str, State | Reply]] = {
    State.CONNECTED: {
        "HELO": State.READY,
        "EHLO": State.READY,
        "LHLO": State.READY,
        "STARTTLS": State.HANDSHAKE,
        "AUTH": replies.NEED_HELLO,
        "MAIL": replies.NEED_HELLO,
        "RCPT": replies.NEED_MAIL,
        "DATA": replies.NEED_RCPT,
        "BDAT": replies.NEED_RCPT,
        "ETRN": replies.NEED_HELLO,
        "XCLIENT": State.CONNECTED,
    },
    State.READY: {
        "HELO": State.READY,
        "EHLO": State.READY,
        "LHLO": State.READY,
        "STARTTLS": State.HANDSHAKE,
        "AUTH": State.READY,
        "MAIL": State.MAIL,
        "RCPT": replies.NEED_MAIL,
        "DATA": replies.NEED_RCPT,
        "BDAT": replies.NEED_RCPT,
        "XCLIENT": State.CONNECTED,
    },
    State.MAIL: {
        "HELO": State.READY,
        "EHLO": State.READY,
        "LHLO": State.READY,
        "STARTTLS": replies.IN_TRANSACTION,
        "AUTH": replies.IN_TRANSACTION,
        "MAIL": replies.NESTED_MAIL,
        "RCPT": State.RCPT,
        "DATA": replies.NO_RECIPIENTS,
        "BDAT": replies.NO_RECIPIENTS,
        "RSET": State.READY,
        "ETRN": replies.IN_TRANSACTION,
        "XCLIENT": replies.IN_TRANSACTION,
        "XFORWARD": replies.IN_TRANSACTION,
    },
    State.RCPT: {
        "HELO": State.READY,
        "EHLO": State.READY,
        "LHLO": State.READY,
        "STARTTLS": replies.IN_TRANSACTION,
        "AUTH": replies.IN_TRANSACTION,
        "MAIL": replies.NESTED_MAIL,
        "RCPT": State.RCPT,
        "DATA": State.CONTENT,
        "BDAT": State.CHUNKS,
        "RSET": State.READY,
        "ETRN": replies.IN_TRANSACTION,
        "XCLIENT": replies.IN_TRANSACTION,
        "XFORWARD": replies.IN_TRANSACTION,
    },
    State.CHUNKS: {
        **_IN_CHUNKS,
        "MAIL": replies.NESTED_MAIL,
        "BDAT": State.CHUNKS,
        "RSET": State.READY,
    },
    State.SPOILT: {**_IN_CHUNKS, "BDAT": State.SPOILT, "RSET": State.READY},
}
"""State -> verb -> the state once the command is taken, or why it may not come."""

LMTP_WORDS: dict[Reply, Reply] = {
    replies.NEED_HELLO: replies.NEED_LHLO,
    replies.NO_RECIPIENTS: replies.NO_LMTP_RECIPIENTS,
}
"""Refusals of the table that LMTP words otherwise."""

IN_TRANSACTION = (State.MAIL, State.RCPT, State.CHUNKS, State.CONTENT)
"""States between a MAIL that was taken and its end."""
