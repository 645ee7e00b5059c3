"""Who logs in at another server, as far as that tells us: an address, and whether it is secured.

The exchange itself is the one of our own listeners (`server.login`), so that guessing through
Postfix is counted, delayed and banned as guessing here. Whoever may write to the socket is believed
in what it says of its clients; its mode and owner say who that is.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from postroad.model import LOCAL, Client, Endpoint, Login, Reply
from postroad.model.journal import Level, Notice
from postroad.model.session_events import LoginFailed
from postroad.served.service import SocketService
from postroad.server.applicant import Bound

__all__ = ["Applicant", "client_of"]


class _Unbound:
    """A connection that is another server's: nothing of ours is bound to it."""

    channel_bindings: Mapping[str, frozenset[bytes]] = MappingProxyType({})
    tls = None


_UNBOUND = _Unbound()


class Applicant:
    """Implements `server.applicant.Applicant`.

    Args:
        service: the socket.
        client: who logs in.
        mechanisms: those that were offered.

    Attributes:
        login: who it is, once it is somebody.
        tried: the name of a login that failed.
        suspension: why who proved who it is may not send all the same; empty: he may.
    """

    __slots__ = (
        "client",
        "login",
        "login_failures",
        "mechanisms",
        "service",
        "suspension",
        "tried",
    )

    def __init__(self, service: SocketService, client: Client, mechanisms: tuple[str, ...]) -> None:
        self.service = service
        self.client = client
        self.mechanisms = mechanisms
        self.login_failures = 0
        self.login: Login | None = None
        self.tried = ""
        self.suspension = ""

    @property
    def server(self) -> Endpoint:
        """The other server's end is its own."""
        return Endpoint("", 0)

    @property
    def session(self) -> str:
        """The session is the other server's."""
        return ""

    @property
    def connection(self) -> Bound:
        """Nothing is bound to it."""
        return _UNBOUND

    def log_in(self, login: Login) -> Reply | None:
        """Take note of who it is; the session is the other server's."""
        self.login = login
        return None

    def log_login_failed(self, mechanism: str, reason: str, user: str) -> None:
        """A login was refused."""
        self.tried = user
        self.service.journal(LoginFailed(self.service.name, self.client, mechanism, reason, user))

    def notice(self, words: str) -> None:
        """Warn of something that it met."""
        self.service.journal(Notice(self.service.name, words, Level.WARNING))

    def inform(self, words: str) -> None:
        """Tell of something that it did, and that is as it should be."""
        self.service.journal(Notice(self.service.name, words))


def client_of(address: str) -> Client:
    """The client with an address as another server tells it; of this machine where it tells none.

    Args:
        address: an IP address, an IPv4-mapped one too.
    """
    address = address.lower().removeprefix("::ffff:").partition("%")[0]
    return Client(address, 0) if address else Client(LOCAL, 0, "localhost", "localhost")
