"""Who is at the other end of a session, as far as the session has learnt.

One value that conversation, login and transaction share. It decides nothing and answers nobody.
What it did goes to the log and to the history from here; what was decided about it, by
`decisions`, and how its session ended, by `ending`.
"""

from __future__ import annotations

from collections.abc import Mapping

from postroad.filters.stages import Together
from postroad.limits.conduct import Act, Limited, LoggedIn
from postroad.limits.rates import Sending
from postroad.model import Address, Client, Endpoint, Login, Reply
from postroad.model.journal import Event, Level, Notice
from postroad.model.session_events import LoginFailed
from postroad.net.connection import Connection
from postroad.policy import Facts, Particulars
from postroad.server.chronicle import Chronicle
from postroad.server.service import Service
from postroad.smtp import Mail, ServerCore

__all__ = ["Peer"]


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
        judged_hello: the name in an EHLO that is not taken yet.
        said_hello: that client's name in HELO, where XCLIENT told it; it outlives the peer's own.
        said_protocol: that client's protocol, likewise.
        said_server: what that client connected to, likewise.
        forwarded: what XFORWARD told of where the mail came from; for the log only.
        chronicle: what the history is told of the session.
        listening: the filters that hear of it; `None`: there are none.
    """

    __slots__ = (
        "_held",
        "_place",
        "chronicle",
        "client",
        "connection",
        "core",
        "forwarded",
        "judged_hello",
        "listening",
        "login",
        "login_failures",
        "mechanisms",
        "said_hello",
        "said_protocol",
        "said_server",
        "service",
        "trusted",
    )

    def __init__(self, connection: Connection, service: Service, core: ServerCore) -> None:
        self.service = service
        self.connection = connection
        self.core = core
        self.chronicle = Chronicle(service.history, service.listener, service.clock)
        self.client: Client = connection.peer
        self.trusted = service.trusts(self.client)
        self.said_hello: str | None = None
        self.judged_hello: str | None = None
        self.said_protocol: str | None = None
        self.said_server: Endpoint | None = None
        self.forwarded: Mapping[str, str | None] = {}
        self.login: Login | None = None
        self.login_failures = 0
        self._place: Client | None = None  # of the client that it became
        self._held = ""  # the account among whose sessions this one counts
        self.mechanisms: tuple[str, ...] = ()
        self.listening: Together | None = None
        self.listen()

    @property
    def hello(self) -> str:
        """The client's name for itself."""
        if self.judged_hello is not None:
            return self.judged_hello
        return self.core.standing.hello if self.said_hello is None else self.said_hello

    @property
    def protocol(self) -> str:
        """How the client speaks to us, or to who speaks for it (RFC 3848)."""
        return self.core.standing.protocol if self.said_protocol is None else self.said_protocol

    @property
    def server(self) -> Endpoint:
        """Our end of the client's connection, or of its connection to who speaks for it."""
        return self.connection.local if self.said_server is None else self.said_server

    @property
    def user(self) -> str | None:
        """Whose session it is, if anybody's."""
        return None if self.login is None else self.login.user

    @property
    def is_known(self) -> bool:
        """Whether it has logged in or is trusted."""
        return self.trusted or self.login is not None

    def facts(
        self,
        state: str,
        particulars: Particulars,
        mail: Mail | None = None,
        recipient: Address | None = None,
        *,
        recipients: int = 0,
        size: int = 0,
    ) -> Facts:
        """What policy may judge by.

        Args:
            state: the command in question, as Postfix names it.
            particulars: what only policy services are told.
            mail: the MAIL of the transaction, if there is one.
            recipient: whom the question is about, if it is about one.
            recipients: how many the transaction has.
            size: octets of the message, as far as they are known.
        """
        return Facts(
            self.client,
            self.trusted,
            self.hello,
            self.login,
            self.connection.tls,
            mail is not None,
            None if mail is None else mail.sender,
            recipient,
            recipients,
            self.core.standing.pipelined,
            size,
            "",
            state,
            particulars,
        )

    def particulars(self, instance: str = "", queue_id: str = "") -> Particulars:
        """What only policy services are told."""
        server = self.server
        return Particulars(self.kind, instance, queue_id, server.address, server.port)

    @property
    def kind(self) -> str:
        """The protocol as policy services are told it: without what TLS and login add."""
        if self.core.standing.offer.lmtp:
            return "LMTP"
        return "SMTP" if self.protocol == "SMTP" else "ESMTP"

    def sending(self, mail: Mail) -> Sending | None:
        """Who sends, as limits count it; `None` where nothing is counted: trusted, and no user.

        Args:
            mail: the MAIL of the transaction.
        """
        if self.trusted and self.login is None:
            return None
        login = self.login
        account = None if login is None else login.accountable
        return Sending(self.client, self.trusted, account, mail.sender)

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

    def listen(self) -> None:
        """Have the filters begin to listen, if there are any."""
        filters = self.service.board.filters
        self.listening = None if filters is None else filters.session()

    def log_in(self, login: Login) -> Reply | None:
        """Make the session a user's; a 421 if who authenticated has too many."""
        account = login.accountable
        refusal = self.service.gate.log_in(self.client, account, self.service.clock())
        if refusal is None:
            self.login, self._held = login, account
            self.saw(LoggedIn(self.client.address))
        return refusal

    def log_out(self) -> None:
        """The session is over, or nobody's any more."""
        self.login = None
        if self._held:
            self.service.gate.log_out(self._held)
            self._held = ""

    # Containment -------------------------------------------------------------------------------

    def saw(self, act: Act) -> None:
        """Tell what the client did, if it is somebody who logged in."""
        service = self.service
        if self.login is not None:
            service.containment.saw(self.login, self.client.address, act, service.clock())

    def limited(self, sending: Sending) -> None:
        """A limit refused a command; that is told where nobody else can have used it up."""
        service = self.service
        if self.login is not None and service.gate.is_own_doing(sending, service.clock()):
            self.saw(Limited())

    def suspension(self) -> Reply | None:
        """The refusal of mail of whoever is logged in, where that account is frozen."""
        return None if self.login is None else self.service.containment.suspension(self.login)

    # The log -----------------------------------------------------------------------------------

    @property
    def session(self) -> str:
        """The session's identifier."""
        return self.chronicle.session

    def log(self, event: Event) -> None:
        """Write an event down."""
        self.service.journal(event)

    def log_trouble(self, event: Event) -> None:
        """Write an event down that an operator may be asked about, and remember it."""
        self.log(event)
        self.chronicle.met(self.protocol, self.server)
        self.chronicle.happened(event, self.bare_facts())

    def inform(self, words: str) -> None:
        """Tell of something that this client did, and that is as it should be."""
        self.log(Notice(self.service.name, words, session=self.session))

    def notice(self, words: str) -> None:
        """Warn of something that this client did or met."""
        self.log_trouble(Notice(self.service.name, words, Level.WARNING, session=self.session))

    def log_login_failed(self, mechanism: str, reason: str, user: str) -> None:
        """A login was refused."""
        name, session = self.service.name, self.session
        self.log_trouble(LoginFailed(name, self.client, mechanism, reason, user, session=session))

    def bare_facts(self, mail: Mail | None = None, recipient: Address | None = None) -> Facts:
        """What is known of the client without policy's asking, for the history."""
        return Facts(
            client=self.client,
            trusted=self.trusted,
            helo=self.hello,
            login=self.login,
            tls=self.connection.tls,
            mail=mail is not None,
            sender=None if mail is None else mail.sender,
            recipient=recipient,
        )
