"""Who is at the other end of a session, as far as the session has learnt, and what the log says.

One value that conversation, login and transaction share. It decides nothing and answers nobody.
"""

from __future__ import annotations

from postroad.model import Address, Client, Login, Reply
from postroad.model.journal import Event, Level, LoginFailed, Lost, Notice, Rejected
from postroad.net.connection import Connection
from postroad.policy import Facts
from postroad.server.service import Service
from postroad.smtp import Mail, ServerCore

__all__ = ["Peer"]


class Peer:
    """The client of a session.

    Attributes:
        service: the listener it came by.
        connection: to it.
        core: the protocol's state.
        client: its address, and its name once that is known.
        trusted: whether it is in the trusted networks.
        login: who logged in; forgotten with everything else after STARTTLS.
        login_failures: wrong passwords so far.
    """

    __slots__ = (
        "client",
        "connection",
        "core",
        "login",
        "login_failures",
        "service",
        "trusted",
    )

    def __init__(self, connection: Connection, service: Service, core: ServerCore) -> None:
        self.service = service
        self.connection = connection
        self.core = core
        self.client: Client = connection.peer
        self.trusted = False
        self.login: Login | None = None
        self.login_failures = 0

    def facts(self, mail: Mail, recipient: Address | None) -> Facts:
        """What policy may judge by.

        Args:
            mail: the MAIL of the transaction.
            recipient: whom the question is about, if it is about one.
        """
        return Facts(
            client=self.client,
            trusted=self.trusted,
            helo=self.core.hello,
            login=self.login,
            tls=self.connection.tls,
            mail=True,
            sender=mail.sender,
            recipient=recipient,
        )

    # The log -----------------------------------------------------------------------------------

    def log(self, event: Event) -> None:
        """Write an event down."""
        self.service.journal(event)

    def notice(self, words: str) -> None:
        """Warn of something that this client did or met."""
        self.log(Notice(self.service.name, words, Level.WARNING))

    def log_lost(self, how: str) -> None:
        """The session ended otherwise than by QUIT: `timeout`, `lost connection`."""
        self.log(Lost(self.service.name, how, self.core.after, self.client))

    def log_closed(self, reason: str) -> None:
        """The core ended the session; an empty reason is the usual end."""
        if reason in {"lost connection", "too many errors"}:
            self.log_lost(reason)
        elif reason:
            self.notice(f"{self.client}: {reason}")

    def log_login_failed(self, mechanism: str, reason: str, user: str) -> None:
        """A login was refused."""
        self.log(LoginFailed(self.service.name, self.client, mechanism, reason, user))

    def log_rejected(
        self,
        stage: str,
        reply: Reply,
        mail: Mail | None,
        recipient: Address | None = None,
        queue_id: str = "NOQUEUE",
        *,
        warning: bool = False,
    ) -> None:
        """A command was refused.

        Args:
            stage: the command.
            reply: what the client is told.
            mail: the MAIL of the transaction, if there is one.
            recipient: whom the refusal is about, if it is about one.
            queue_id: the message's, once it has one.
            warning: it was let pass after all (`warn_if_reject`).
        """
        sender = None
        if mail is not None:
            sender = "" if mail.sender is None else str(mail.sender)
        self.log(
            Rejected(
                self.service.name,
                queue_id,
                stage,
                self.client,
                reply,
                sender,
                recipient,
                self.core.protocol,
                self.core.hello,
                warning,
            )
        )
