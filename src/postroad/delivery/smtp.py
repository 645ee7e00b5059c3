"""Delivery to other mail servers by SMTP: mail exchangers, or one smarthost.

A new session goes through the same steps as in Postfix: the next hop's hosts in the order of
preference, each host's addresses, greeting, EHLO, TLS as the level in force wants it, login. A
step that fails leads to the next address, up to `MAX_ADDRESSES`; the transaction itself is not
moved to another host, because the next attempt will be.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

from postroad.delivery.courier import Courier
from postroad.delivery.credentials import Credentials
from postroad.delivery.nexthop import Nexthop
from postroad.delivery.session import Session, Unready, failed_to_connect
from postroad.delivery.settings import DeliverySettings, RelaySettings
from postroad.delivery.transport import Delivery
from postroad.model import Reply, Report
from postroad.model.journal import Journal, Level, Notice, TlsEstablished
from postroad.net.connection import Connection, TlsError, connect
from postroad.net.dns import DnsTemporary, MxAnswer, MxKind
from postroad.net.tls import client_context
from postroad.smtp.client import (
    Answer,
    ClientCore,
    Ended,
    LoginRefused,
    TlsAccepted,
    TlsRefused,
)

__all__ = ["MailResolver", "SmtpTransport"]

MAX_ADDRESSES = 5
"""Addresses tried in one attempt, as Postfix's smtp_mx_address_limit."""

_SERVICE = "smtp"


class MailResolver(Protocol):
    """Who knows where hosts are; `postroad.net.dns.Resolver` is one."""

    async def mx(self, domain: str) -> MxAnswer:
        """The mail exchangers of a domain."""
        ...

    async def addresses(self, host: str) -> tuple[str, ...]:
        """The IP addresses of a host."""
        ...


@dataclass(frozen=True, slots=True)
class _Endpoint:
    """One address of one host."""

    host: str
    address: str
    port: int

    @property
    def name(self) -> str:
        return f"{self.host}[{self.address}]"

    def __str__(self) -> str:
        return f"{self.name}:{self.port}"


class SmtpTransport:
    """Delivers by SMTP."""

    def __init__(
        self,
        hostname: str,
        relay: RelaySettings,
        settings: DeliverySettings,
        *,
        resolver: MailResolver,
        credentials: Credentials | None,
        journal: Journal,
        clock: Callable[[], float],
    ) -> None:
        """A transport without connections.

        Args:
            hostname: our name for EHLO.
            relay: the smarthost and its TLS.
            settings: ports, times and how connections are used again.
            resolver: who knows where hosts are.
            credentials: the login for the smarthost, from `load_credentials`; nobody else gets it.
            journal: told of TLS.
            clock: seconds, for the times in reports.

        Raises:
            postroad.net.tls.TlsConfigurationError: the authorities cannot be read.
        """
        self._hostname = hostname
        self._relay = relay
        self._settings = settings
        self._resolver = resolver
        self._credentials = credentials
        self._journal = journal
        self._level = relay.tls_level
        self._tls = client_context(verify=self._level == "verify", ca_file=relay.ca_file)
        self._connect_timeout = settings.connect_timeout or math.inf
        self._courier = Courier(self._open, settings, clock)

    async def deliver(self, delivery: Delivery) -> Report:
        """See `Transport.deliver`; the next hop is a domain or a smarthost's spelling."""
        return await self._courier.deliver(delivery)

    def close(self) -> None:
        """Close idle connections now and the others as soon as their message is done."""
        self._courier.close()

    # Finding an address that takes us ------------------------------------------------------------

    async def _open(self, nexthop: str) -> Session | Unready:
        """The first session of the next hop's addresses; else the failure worth most.

        That is a temporary one, where there is any: mail bounces only when no host leaves hope.
        """
        found = await self._hosts(nexthop)
        if isinstance(found, Unready):
            return found
        hosts, port = found
        failure: Unready | None = None
        tried = 0
        for host in hosts:
            for each in await self._endpoints(host, port):
                if isinstance(each, Unready):
                    result: Session | Unready = each
                elif tried < MAX_ADDRESSES:
                    tried += 1
                    result = await self._try(each, nexthop)
                else:
                    break
                if isinstance(result, Session) or result.final:
                    return result
                if failure is None or not result.answer.reply.is_permanent:
                    failure = result
        assert failure is not None  # each host gives a session or a failure
        return failure

    async def _hosts(self, nexthop: str) -> tuple[tuple[str, ...], int] | Unready:
        """The next hop's hosts in the order to try them, and their port."""
        try:
            parsed = Nexthop.parse(nexthop)
        except ValueError:
            return Unready.of(550, "5.1.2", f"Bad destination domain: {nexthop or 'none'}")
        port = parsed.port or self._settings.mx_port
        if not parsed.exchangers:
            return (parsed.host,), port
        try:
            answer = await self._resolver.mx(parsed.host)
        except DnsTemporary as error:
            return _nobody_knows(error)
        if answer.kind is MxKind.NULL:  # RFC 7505 §4.1
            return Unready.of(556, "5.1.10", f"Domain {parsed.host} does not accept mail (null MX)")
        if answer.kind is MxKind.NO_DOMAIN:
            return Unready.of(550, "5.4.4", _name_error(parsed.host, "MX", "Host not found"))
        return answer.hosts, port

    async def _endpoints(self, host: str, port: int) -> list[_Endpoint] | list[Unready]:
        """A host's addresses in the order to try them, or why there is none."""
        try:
            addresses = await self._resolver.addresses(host)
        except DnsTemporary as error:
            return [_nobody_knows(error)]
        if not addresses:
            return [Unready.of(550, "5.4.4", _name_error(host, "A", "Host not found"))]
        return [_Endpoint(host, address, port) for address in addresses]

    async def _try(self, endpoint: _Endpoint, nexthop: str) -> Session | Unready:
        """A session with one address; without TLS where TLS may but does not work."""
        result = await self._attempt(endpoint, nexthop, tls=self._level != "none")
        plain_will_do = self._level == "may" and not self._relay.tls_wrapper
        if isinstance(result, TlsError) and plain_will_do:
            result = await self._attempt(endpoint, nexthop, tls=False)
        if isinstance(result, TlsError):
            return Unready.of(451, "4.7.5", f"Cannot start TLS: {result}", str(endpoint))
        return result

    async def _attempt(
        self, endpoint: _Endpoint, nexthop: str, *, tls: bool
    ) -> Session | Unready | TlsError:
        """Connect and go through the steps; a failed handshake is a value of its own."""
        wrapper = self._tls if self._relay.tls_wrapper else None
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
            failure = await self._prepare(session, endpoint, nexthop, tls=tls)
        except BaseException:
            session.abort()
            raise
        if failure is None:
            return session
        session.close()
        return failure

    # Making a session ready ----------------------------------------------------------------------

    async def _prepare(
        self, session: Session, endpoint: _Endpoint, nexthop: str, *, tls: bool
    ) -> Unready | TlsError | None:
        """Greeting, EHLO, TLS, login; `None` when all went well."""
        if session.connection.tls is not None:
            self._note_tls(session.connection, endpoint)
        failure: Unready | TlsError | None = await session.greeted()
        if failure is None and tls and session.connection.tls is None:
            failure = await self._secure(session, endpoint)
        if failure is None and nexthop == self._relay.smarthost:
            failure = await self._log_in(session, endpoint)
        return failure

    async def _secure(self, session: Session, endpoint: _Endpoint) -> Unready | TlsError | None:
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

    async def _shake_hands(
        self, session: Session, endpoint: _Endpoint
    ) -> Unready | TlsError | None:
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

    async def _log_in(self, session: Session, endpoint: _Endpoint) -> Unready | None:
        """Log in, where a login is set; never in plain text, unless `none` was asked for."""
        login = self._credentials
        if login is None:
            return None
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

    def _note_tls(self, connection: Connection, endpoint: _Endpoint) -> None:
        assert connection.tls is not None
        trust: Literal["Verified", "Untrusted"] = (
            "Verified" if self._level == "verify" else "Untrusted"
        )
        self._journal(TlsEstablished(_SERVICE, str(endpoint), connection.tls, "to", trust))

    def _warn_of_tls(self, endpoint: _Endpoint, error: TlsError) -> None:
        words = f"SSL_connect error to {endpoint}: {error}"
        self._journal(Notice(_SERVICE, words, Level.WARNING))


def _nobody_knows(error: DnsTemporary) -> Unready:
    words = _name_error(error.name, error.kind, "Host not found, try again")
    return Unready.of(451, "4.4.3", words)


def _login_refused(answer: Answer, endpoint: _Endpoint) -> Unready:
    """Deferred, as in Postfix: a password that is wrong now will be put right by the operator."""
    words = str(answer.reply)
    if answer.from_peer:
        words = f"SASL authentication failed; server {endpoint.name} said: {words}"
    else:
        words = answer.reply.lines[0]
    return Unready(
        Answer(Reply.of(454, "4.7.0", words), from_peer=False), str(endpoint), final=True
    )


def _name_error(name: str, kind: str, words: str) -> str:
    return f"Host or domain name not found. Name service error for name={name} type={kind}: {words}"
