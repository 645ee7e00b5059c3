"""Who is at the other end of a session, as far as the session has learnt, and what the log says.

One value that conversation, login and transaction share. It decides nothing and answers nobody.
"""

from __future__ import annotations

from collections.abc import Mapping

from postroad.model import Address, Client, Login, Reply
from postroad.model.journal import Event, Level, LoginFailed, Lost, Notice, Rejected
from postroad.net.connection import Connection
from postroad.policy import Facts
from postroad.server.service import Service
from postroad.smtp import Mail, ServerCore

__all__ = ["Peer"]

_MISTRUST = "a mail program that does so does not trust our certificate, or its name"


class Peer:
    """The client of a session.

    Attributes:
        service: the listener it came by.
        connection: to it.
        core: the protocol's state.
        client: its address, and its name once that is known; after XCLIENT, the client that it
            speaks for.
        trusted: whether that is in the trusted networks.
        login: who logged in; forgotten with everything else after STARTTLS.
        login_failures: wrong passwords so far.
        mechanisms: the SASL mechanisms it was offered.
        said_hello: that client's name in HELO, where XCLIENT told it; it outlives the peer's own.
        said_protocol: that client's protocol, likewise.
        forwarded: what XFORWARD told of where the mail came from; for the log only.
    """

    __slots__ = (
        "_held",
        "_place",
        "client",
        "connection",
        "core",
        "forwarded",
        "login",
        "login_failures",
        "mechanisms",
        "said_hello",
        "said_protocol",
        "service",
        "trusted",
    )

    def __init__(self, connection: Connection, service: Service, core: ServerCore) -> None:
        self.service = service
        self.connection = connection
        self.core = core
        self.client: Client = connection.peer
        self.trusted = service.trusts(self.client)
        self.said_hello: str | None = None
        self.said_protocol: str | None = None
        self.forwarded: Mapping[str, str | None] = {}
        self.login: Login | None = None
        self.login_failures = 0
        self._place: Client | None = None  # of the client that it became
        self._held = ""  # the user among whose sessions this one counts
        self.mechanisms: tuple[str, ...] = ()

    @property
    def hello(self) -> str:
        """The client's name for itself."""
        return self.core.hello if self.said_hello is None else self.said_hello

    @property
    def protocol(self) -> str:
        """How the client speaks to us, or to who speaks for it (RFC 3848)."""
        return self.core.protocol if self.said_protocol is None else self.said_protocol

    @property
    def user(self) -> str | None:
        """Whose session it is, if anybody's."""
        return None if self.login is None else self.login.user

    @property
    def is_known(self) -> bool:
        """Whether it has logged in or is trusted."""
        return self.trusted or self.login is not None

    def facts(self, mail: Mail, recipient: Address | None) -> Facts:
        """What policy may judge by.

        Args:
            mail: the MAIL of the transaction.
            recipient: whom the question is about, if it is about one.
        """
        return Facts(
            client=self.client,
            trusted=self.trusted,
            helo=self.hello,
            login=self.login,
            tls=self.connection.tls,
            mail=True,
            sender=mail.sender,
            recipient=recipient,
        )

    def become(self, client: Client) -> Reply | None:
        """Be another client from now on, as if that had connected; a 421 if it may not."""
        gate, now = self.service.gate, self.service.clock()
        self.give_place_back()
        self.client, self.trusted = client, self.service.trusts(client)
        refusal = gate.refuses(client, 0, now) or gate.enter(client, now)
        if refusal is None:
            self._place = client
        return refusal

    def give_place_back(self) -> None:
        """The client that the peer became is gone."""
        if self._place is not None:
            self.service.gate.leave(self._place)
            self._place = None

    def log_in(self, login: Login) -> Reply | None:
        """Make the session a user's; a 421 if the user has too many."""
        refusal = self.service.gate.log_in(self.client, login.user, self.service.clock())
        if refusal is None:
            self.login, self._held = login, login.user
        return refusal

    def log_out(self) -> None:
        """The session is over, or nobody's any more."""
        self.login = None
        if self._held:
            self.service.gate.log_out(self._held)
            self._held = ""

    # The log -----------------------------------------------------------------------------------

    def log(self, event: Event) -> None:
        """Write an event down."""
        self.service.journal(event)

    def inform(self, words: str) -> None:
        """Tell of something that this client did, and that is as it should be."""
        self.log(Notice(self.service.name, words))

    def notice(self, words: str) -> None:
        """Warn of something that this client did or met."""
        self.log(Notice(self.service.name, words, Level.WARNING))

    def log_lost(self, how: str) -> None:
        """The session ended otherwise than by QUIT: `timeout`, `lost connection`."""
        after = self.core.after
        self.log(Lost(self.service.name, how, after, self.client))
        if self.connection.tls is not None and after in {"CONNECT", "STARTTLS"}:
            # Programs that check our certificate after the handshake leave without a word.
            self.inform(f"{self.client}: no command after the TLS handshake: {_MISTRUST}")

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
                self.protocol,
                self.hello,
                warning,
            )
        )
