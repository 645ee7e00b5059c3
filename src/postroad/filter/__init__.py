"""What filters that are written in Python may use: see docs/python-filters.md.

A filter is a file with functions that the server calls by their names. These are the only names of
Postroad that such a file should import; they stay what they are from release to release.

    from postroad.filter import Answer, Message, Session, defer, reject

    async def on_rcpt(session: Session, recipient: str) -> Answer | None: ...
    async def on_message(message: Message) -> Answer | None: ...
"""

from __future__ import annotations

from postroad.filters.python.answers import Answer, Verdict, accept, defer, hold, reject
from postroad.filters.python.message import Message, NamedField
from postroad.filters.python.session import Session
from postroad.model import Client, Endpoint, TlsSession
from postroad.model.letter import Finding

__all__ = [
    "Answer",
    "Client",
    "Endpoint",
    "Finding",
    "Message",
    "NamedField",
    "Session",
    "TlsSession",
    "Verdict",
    "accept",
    "defer",
    "hold",
    "reject",
]
