"""From an address to a session that is ready for a transaction: connect, EHLO, TLS, login.

The steps and the words for their failures are Postfix's. A failure is a value; which address to
try after it is not decided here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from postroad.delivery.credentials import Credentials
from postroad.delivery.session import Session, Unready, failed_to_connect
from postroad.delivery.settings import DeliverySettings, RelaySettings
from postroad.model import Reply
from postroad.model.journal import Journal, Level, Notice, TlsEstablished
from postroad.net.connection import Connection, TlsError, connect
from postroad.net.tls import client_context
from postroad.smtp.client import Answer, ClientCore, Ended, LoginRefused, TlsAccepted, TlsRefused

__all__ = ["Dialler", "Endpoint"]

_SERVICE = "smtp"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One address of one host.

    Attributes:
        host: the host's name, for TLS and the log.
        address: its IP address.
        port: its TCP port.
    """

    host: str
    address: str
    port: int

    @property
    def name(self) -> str:
        """The host as replies and logs name it, `mx.example.net[192.0.2.1]`."""
        return f"{self.host}[{self.address}]"

    def __str__(self) -> str:
        return f"{self.name}:{self.port}"


class Dialler:
    """Opens sessions with the TLS that the settings want."""

    def __init__(
        self, hostname: str, relay: RelaySettings, settings: DeliverySettings, journal: Journal
    ) -> None:
        """Take how to open sessions.

        Args:
            hostname: our name for EHLO.
            relay: what TLS has to be.
            settings: time limits.
            journal: told of TLS.

        Raises:
            postroad.net.tls.TlsConfigurationError: the authorities cannot be read.
        """
        self._hostname = hostname
        self._settings = settings
        self._journal = journal
        self._level = relay.tls_level
        self._wrapper = relay.tls_wrapper
        self._tls = client_context(verify=self._level == "verify", ca_file=relay.ca_file)
        self._connect_timeout = settings.connect_timeout or math.inf

    async def dial(self, endpoint: Endpoint, login: Credentials | None) -> Session | Unready:
        """A session that is ready for a transaction, or why there is none.

        Args:
            endpoint: the address to connect to.
            login: what to log in with, if at all.
        """
        result = await self._attempt(endpoint, login, tls=self._level != "none")
        plain_will_do = self._level == "may" and not self._wrapper
        if isinstance(result, TlsError) and plain_will_do:
            result = await self._attempt(endpoint, login, tls=False)
        if isinstance(result, TlsError):
            return Unready.of(451, "4.7.5", f"Cannot start TLS: {result}", str(endpoint))
        return result

    async def _attempt(
        self, endpoint: Endpoint, login: Credentials | None, *, tls: bool
    ) -> Session | Unready | TlsError:
        """Connect and go through the steps; a failed handshake is a value of its own."""
        wrapper = self._tls if self._wrapper else None
        try:
            connection = await connect(
                endpoint.address,
                endpoint.port,
                timeout=self._connect_timeout,
                tls=wrapper,
                name=endpoint.host if wrapper else None,
            )
        except TlsError as error:
            self._warn_of_tls(endpoint, error)
            return error
        except OSError as error:
            return failed_to_connect(str(endpoint), error)
        core = ClientCore(self._hostname, endpoint.name)
        session = Session(connection, core, str(endpoint), self._settings)
        try:
            failure = await self._prepare(session, endpoint, login, tls=tls)
        except BaseException:
            session.abort()
            raise
        if failure is None:
            return session
        session.close()
        return failure

    async def _prepare(
        self, session: Session, endpoint: Endpoint, login: Credentials | None, *, tls: bool
    ) -> Unready | TlsError | None:
        """Greeting, EHLO, TLS, login; `None` when all went well."""
        if session.connection.tls is not None:
            self._note_tls(session.connection, endpoint)
        failure: Unready | TlsError | None = await session.greeted()
        if failure is None and tls and session.connection.tls is None:
            failure = await self._secure(session, endpoint)
        if failure is None and login is not None:
            failure = await self._log_in(session, endpoint, login)
        return failure

    async def _secure(self, session: Session, endpoint: Endpoint) -> Unready | TlsError | None:
        """STARTTLS, where it is offered; a failure where it has to be and is not."""
        required = self._level != "may"
        if not session.core.extensions.starttls:
            words = f"TLS is required, but was not offered by host {endpoint.name}"
            return Unready.of(451, "4.7.4", words, str(endpoint)) if required else None
        session.core.start_tls()
        event = await session.next_event()
        if isinstance(event, TlsRefused) and required:
            words = f"TLS is required, but host {endpoint.name} refused to start TLS: {event.reply}"
            return Unready.of(451, "4.7.4", words, str(endpoint))
        if isinstance(event, Ended):
            return Unready(event.answer, str(endpoint))
        return (
            await self._shake_hands(session, endpoint) if isinstance(event, TlsAccepted) else None
        )

    async def _shake_hands(self, session: Session, endpoint: Endpoint) -> Unready | TlsError | None:
        try:
            await session.connection.start_tls(
                self._tls, server_side=False, name=endpoint.host, timeout=self._connect_timeout
            )
        except TlsError as error:
            self._warn_of_tls(endpoint, error)
            return error
        self._note_tls(session.connection, endpoint)
        session.core.tls_started()
        return await session.greeted()

    async def _log_in(
        self, session: Session, endpoint: Endpoint, login: Credentials
    ) -> Unready | None:
        """Log in; never in plain text, unless `none` was asked for."""
        if session.connection.tls is None and self._level != "none":
            words = f"no TLS with host {endpoint.name}, and the password is not sent without it"
            return Unready.of(451, "4.7.0", words, str(endpoint))
        session.core.login(login.username, login.password)
        event = await session.next_event()
        if isinstance(event, Ended):
            return Unready(event.answer, str(endpoint))
        if not isinstance(event, LoginRefused):
            return None
        return _login_refused(event.answer, endpoint)

    def _note_tls(self, connection: Connection, endpoint: Endpoint) -> None:
        assert connection.tls is not None
        trust: Literal["Verified", "Untrusted"] = (
            "Verified" if self._level == "verify" else "Untrusted"
        )
        self._journal(TlsEstablished(_SERVICE, str(endpoint), connection.tls, "to", trust))

    def _warn_of_tls(self, endpoint: Endpoint, error: TlsError) -> None:
        words = f"SSL_connect error to {endpoint}: {error}"
        self._journal(Notice(_SERVICE, words, Level.WARNING))


def _login_refused(answer: Answer, endpoint: Endpoint) -> Unready:
    """Deferred, as in Postfix: a password that is wrong now will be put right by the operator."""
    words = str(answer.reply)
    if answer.from_peer:
        words = f"SASL authentication failed; server {endpoint.name} said: {words}"
    else:
        words = answer.reply.lines[0]
    return Unready(
        Answer(Reply.of(454, "4.7.0", words), from_peer=False), str(endpoint), final=True
    )
