"""What a hook sees of a session."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from postroad.model import Client, Endpoint, TlsSession

__all__ = ["Log", "Session"]

Log = Callable[[str], None]
"""Writes a line of the log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A session as it is by now. Each hook gets its own picture of it; `memory` is one.

    Attributes:
        client: the host that connected: `address`, `port`, `name` (confirmed, else `unknown`) and
            `reverse_name`.
        server: our end: `address` and `port`.
        listener: the name of the listener.
        trusted: whether the client is in a trusted network.
        hello: the name it gave for itself; empty before HELO.
        esmtp: whether it said EHLO.
        tls: the TLS of the session: `version`, `cipher` …; `None` without.
        login: who has logged in; empty for nobody, and before MAIL.
        sender: the reverse-path; empty for the null one, and before MAIL.
        recipients: those that were accepted.
        size: octets that MAIL announced; 0 where it did not.
        queue_id: the message's, from DATA on; empty before.
        memory: yours: what a hook leaves here, later hooks of the same session find.
    """

    client: Client
    server: Endpoint
    listener: str
    trusted: bool
    hello: str = ""
    esmtp: bool = True
    tls: TlsSession | None = None
    login: str = ""
    sender: str = ""
    recipients: tuple[str, ...] = ()
    size: int = 0
    queue_id: str = ""
    memory: dict[str, object] = field(default_factory=dict, compare=False)
    journal: Log = field(default=print, repr=False, compare=False)

    def log(self, words: str) -> None:
        """Write a line into the server's log."""
        self.journal(words)
