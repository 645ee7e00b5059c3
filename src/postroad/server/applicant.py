"""Who logs in, as an exchange sees it: a session of ours, or another server's client.

Only what `login` asks of either is here, so that logins through a Postfix (`served`) are judged,
counted and delayed by the same code as those at our own ports.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

from postroad.model import Client, Endpoint, Login, Reply, TlsSession
from postroad.server.logins import Logins
from postroad.server.service import Authenticating

__all__ = ["Applicant", "Attempting", "Bound", "LoginService"]


class Attempting(Protocol):
    """The part of a gate that logins need."""

    def attempt(self, client: Client, now: float) -> Reply | None:
        """The refusal of a login; nothing where the client may try."""
        ...


class LoginService(Protocol):
    """What a login goes by: a listener, or another socket that logins come in by."""

    @property
    def hostname(self) -> str:
        """Our name."""
        ...

    @property
    def directory(self) -> Authenticating:
        """Answers logins."""
        ...

    @property
    def logins(self) -> Logins:
        """What logins go by besides the directory."""
        ...

    @property
    def gate(self) -> Attempting:
        """Who may try, and how often."""
        ...

    @property
    def clock(self) -> Callable[[], float]:
        """Seconds since the epoch."""
        ...

    @property
    def pause(self) -> Callable[[float], Awaitable[None]]:
        """Waits for so many seconds."""
        ...


class Bound(Protocol):
    """What binds an exchange to a connection."""

    @property
    def channel_bindings(self) -> Mapping[str, frozenset[bytes]]:
        """See `sasl.Start`."""
        ...

    @property
    def tls(self) -> TlsSession | None:
        """The connection's TLS."""
        ...


class Applicant(Protocol):
    """Who logs in.

    Attributes:
        login_failures: wrong passwords so far.
        mechanisms: those it was offered.
    """

    login_failures: int
    mechanisms: tuple[str, ...]

    @property
    def service(self) -> LoginService:
        """What the login goes by."""
        ...

    @property
    def client(self) -> Client:
        """Where it is."""
        ...

    @property
    def server(self) -> Endpoint:
        """Our end of its connection."""
        ...

    @property
    def session(self) -> str:
        """What the log calls its session; empty where it has none."""
        ...

    @property
    def connection(self) -> Bound:
        """What it is bound to."""
        ...

    def log_in(self, login: Login) -> Reply | None:
        """It is somebody now; a 421 if whoever that is has too many sessions."""
        ...

    def log_login_failed(self, mechanism: str, reason: str, user: str) -> None:
        """A login was refused."""
        ...

    def notice(self, words: str) -> None:
        """Warn of something that it met."""
        ...

    def inform(self, words: str) -> None:
        """Tell of something that it did, and that is as it should be."""
        ...
