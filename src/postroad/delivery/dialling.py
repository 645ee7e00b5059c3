"""From an address to a session that is ready for a transaction: connect, EHLO, TLS, login.

The steps and the words for their failures are Postfix's. A failure is a value; which address to
try after it is not decided here.

A message with REQUIRETLS wants more than the settings may (RFC 8689 §4.2.1): TLS, a certificate
that is valid for the host's name, and a server that announces REQUIRETLS under that TLS. What a
host cannot give of these is a permanent failure; that it could not be reached never is.
"""

from __future__ import annotations

import math
import ssl
from dataclasses import dataclass
from typing import Literal

from postroad.delivery.credentials import Credentials
from postroad.delivery.session import Session, Unready, failed_to_connect
from postroad.delivery.settings import DeliverySettings, RelaySettings, TlsLevel
from postroad.model import Reply
from postroad.model.journal import Journal, Level, Notice, TlsEstablished
from postroad.net.connecting import connect
from postroad.net.connection import Connection, TlsError
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


@dataclass(frozen=True, slots=True)
class _Demand:
    """What TLS has to be in one attempt.

    Attributes:
        level: as in the settings; "verify" for a message with REQUIRETLS.
        require_tls: whether it is for such a message.
    """

    level: TlsLevel
    require_tls: bool = False

    def unmet(self, words: str, endpoint: Endpoint, *, for_good: bool = True) -> Unready:
        """No TLS. A message with REQUIRETLS is returned for it (RFC 8689 §4.2.1).

        Args:
            words: why.
            endpoint: the host.
            for_good: whether the host said so for now and later: 454 to STARTTLS is only for now.
        """
        if self.require_tls and for_good:
            return Unready.of(554, "5.7.10", f"REQUIRETLS: {words}", str(endpoint))
        return Unready.of(451, "4.7.4", words, str(endpoint))


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
        self._verified = client_context(verify=True, ca_file=relay.ca_file)
        self._tls = (
            self._verified
            if self._level == "verify"
            else client_context(verify=False, ca_file=relay.ca_file)
        )
        self._auth_parameter = relay.auth_parameter
        self._connect_timeout = settings.connect_timeout or math.inf

    async def dial(
        self, endpoint: Endpoint, login: Credentials | None, *, require_tls: bool = False
    ) -> Session | Unready:
        """A session that is ready for a transaction, or why there is none.

        Args:
            endpoint: the address to connect to.
            login: what to log in with, if at all.
            require_tls: whether it is for a message with REQUIRETLS.
        """
        if require_tls:
            result = await self._attempt(endpoint, login, _Demand("verify", require_tls=True))
            return _tls_required(result, endpoint) if isinstance(result, TlsError) else result
        result = await self._attempt(endpoint, login, _Demand(self._level))
        if isinstance(result, TlsError) and self._level == "may" and not self._wrapper:
            result = await self._attempt(endpoint, login, _Demand("none"))
        if isinstance(result, TlsError):
            return Unready.of(451, "4.7.5", f"Cannot start TLS: {result}", str(endpoint))
        return result

    async def _attempt(
        self,
        endpoint: Endpoint,
        login: Credentials | None,
        demand: _Demand,
    ) -> Session | Unready | TlsError:
        """Connect and go through the steps; a failed handshake is a value of its own."""
        wrapper = self._context(demand) if self._wrapper else None
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
        core = ClientCore(self._hostname, endpoint.name, auth_parameter=self._auth_parameter)
        session = Session(connection, core, str(endpoint), self._settings)
        try:
            failure = await self._prepare(session, endpoint, login, demand)
        except BaseException:
            session.abort()
            raise
        if failure is None:
            return session
        session.close()
        return failure

    async def _prepare(
        self,
        session: Session,
        endpoint: Endpoint,
        login: Credentials | None,
        demand: _Demand,
    ) -> Unready | TlsError | None:
        """Greeting, EHLO, TLS, login; `None` when all went well."""
        if session.connection.tls is not None:
            self._note_tls(session.connection, endpoint, demand)
        failure: Unready | TlsError | None = await session.greeted()
        if failure is None and demand.level != "none" and session.connection.tls is None:
            failure = await self._secure(session, endpoint, demand)
        if failure is None and demand.require_tls and not session.core.extensions.require_tls:
            words = f"REQUIRETLS support required, but was not offered by host {endpoint.name}"
            failure = Unready.of(554, "5.7.30", words, str(endpoint))
        if failure is None and login is not None:
            failure = await self._log_in(session, endpoint, login)
        return failure

    async def _secure(
        self, session: Session, endpoint: Endpoint, demand: _Demand
    ) -> Unready | TlsError | None:
        """STARTTLS, where it is offered; a failure where it has to be and is not."""
        required = demand.level != "may"
        if not session.core.extensions.starttls:
            words = f"TLS is required, but was not offered by host {endpoint.name}"
            return demand.unmet(words, endpoint) if required else None
        session.core.start_tls()
        event = await session.next_event()
        if isinstance(event, TlsRefused) and required:
            words = f"TLS is required, but host {endpoint.name} refused to start TLS: {event.reply}"
            return demand.unmet(words, endpoint, for_good=event.reply.is_permanent)
        if isinstance(event, Ended):
            return Unready(event.answer, str(endpoint))
        if not isinstance(event, TlsAccepted):
            return None
        return await self._shake_hands(session, endpoint, demand)

    async def _shake_hands(
        self, session: Session, endpoint: Endpoint, demand: _Demand
    ) -> Unready | TlsError | None:
        context = self._context(demand)
        try:
            await session.connection.start_tls(
                context, server_side=False, name=endpoint.host, timeout=self._connect_timeout
            )
        except TlsError as error:
            self._warn_of_tls(endpoint, error)
            return error
        self._note_tls(session.connection, endpoint, demand)
        session.core.tls_started()
        return await session.greeted()

    def _context(self, demand: _Demand) -> ssl.SSLContext:
        return self._verified if demand.level == "verify" else self._tls

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

    def _note_tls(self, connection: Connection, endpoint: Endpoint, demand: _Demand) -> None:
        assert connection.tls is not None
        trust: Literal["Verified", "Untrusted"] = (
            "Verified" if demand.level == "verify" else "Untrusted"
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


def _tls_required(error: TlsError, endpoint: Endpoint) -> Unready:
    """A failed handshake, for a message that may not go without TLS.

    A certificate that is not valid for the host is a lack; a handshake that broke is an accident.
    """
    words = f"REQUIRETLS: cannot start TLS with host {endpoint.name}: {error}"
    if isinstance(error.__cause__, ssl.SSLCertVerificationError):
        return Unready.of(554, "5.7.10", words, str(endpoint))
    return Unready.of(451, "4.7.5", words, str(endpoint))
