"""What filters hear of a session before there is a message, and who listens.

A milter, and a program of the operator's, may refuse a client, a sender or a recipient before any
content comes. The session tells each step as it happens, and the first refusal is the reply. At the
end of the content the same listeners are examiners of the message, in the same order.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from postroad.model import Client, Endpoint, Envelope, Login, Recipient, Reply, TlsSession
from postroad.model.letter import Examiner, Finding

__all__ = [
    "Began",
    "Connected",
    "Denied",
    "Filter",
    "Filters",
    "Greeted",
    "Listening",
    "Misspoke",
    "Named",
    "Stage",
    "Started",
    "Together",
]


class Connected(NamedTuple):
    """A client came.

    Attributes:
        client: the host, with its names.
        server: our end.
        listener: the name of the listener.
        trusted: whether it is in a trusted network.
        origin_name: what `{daemon_name}` is for milters (Postfix's milter_macro_daemon_name).
    """

    client: Client
    server: Endpoint
    listener: str
    trusted: bool
    origin_name: str = ""


class Greeted(NamedTuple):
    """It said HELO, EHLO or LHLO; perhaps again, as it must after STARTTLS.

    If that ends a transaction, `Listening.forget` comes after it. A login is told with MAIL.
    """

    hello: str
    tls: TlsSession | None
    esmtp: bool = True


class Began(NamedTuple):
    """MAIL, which policy has nothing against."""

    envelope: Envelope
    login: Login | None
    size: int = 0


class Named(NamedTuple):
    """RCPT, which policy permits."""

    recipient: Recipient


class Denied(NamedTuple):
    """RCPT, which was refused before filters were asked; what they answer changes nothing.

    Milters that count such recipients ask for them (SMFIP_RCPT_REJ).
    """

    recipient: Recipient
    reply: Reply


class Misspoke(NamedTuple):
    """A line that is no command, which was refused; what filters answer changes nothing.

    Of the line they hear the first word, as in Postfix: the others may be a password.
    """

    word: str


class Started(NamedTuple):
    """DATA, or the first BDAT; `queue_id` is the message's."""

    queue_id: str


Stage = Connected | Greeted | Began | Named | Denied | Misspoke | Started


class Listening(Protocol):
    """All that filters of one session, joined."""

    async def heard(self, stage: Stage) -> Reply | None:
        """Tell them of a step; the refusal if one of them refuses it."""
        ...

    @property
    def examiners(self) -> Sequence[Examiner]:
        """Who looks at the message, in order."""
        ...

    def forget(self) -> None:
        """The transaction is over or given up; the session goes on."""
        ...

    async def close(self) -> None:
        """The session is over."""
        ...


class Together(Listening, Protocol):
    """The same of several filters, of whom one refuses."""

    @property
    def refused(self) -> Finding | None:
        """Who refused the step that was told last, for the history; `None`: nobody."""
        ...


class Filter(Protocol):
    """One filter, as configured; it makes a listener of its own for each session."""

    @property
    def name(self) -> str:
        """How configuration and log name it."""
        ...

    def session(self) -> Listening:
        """Begin to listen to a session. Nothing is connected before the first `heard`."""
        ...


class Filters(Protocol):
    """The filters of a listener, in order, as a session sees them."""

    def session(self) -> Together:
        """Begin to listen to a session."""
        ...
