"""From an address to a session that is ready for a transaction: connect, EHLO, TLS, login.

The steps and the words for their failures are Postfix's. A failure is a value; which address to
try after it is not decided here. What TLS has to be comes with the call, and how it is made and
checked is in `securing`.

A host that answers EHLO with our own name is this server, by whatever way we came to it: mail sent
there would come back for ever (RFC 5321 §5.1). Postfix looks at the same reply.
"""

from __future__ import annotations

import functools
import math
import time
from dataclasses import dataclass, replace

from postroad.delivery.chunk_memory import ChunkMemory
from postroad.delivery.endpoint import Call
from postroad.delivery.logging_in import Host, LoginRules, log_in
from postroad.delivery.login import Login
from postroad.delivery.securing import (
    Peer,
    Securing,
    TlsFailure,
    easier,
    level_reached,
    refusal,
    unoffered,
)
from postroad.delivery.session import Session, Unready, failed_to_connect
from postroad.delivery.settings import DeliverySettings
from postroad.delivery.tls_policy import HostTls, TlsResult
from postroad.net.connecting import connect
from postroad.net.connection import Connection
from postroad.smtp.client import ClientCore, Ended, TlsAccepted, TlsRefused

__all__ = ["Dialler"]


@dataclass(frozen=True, slots=True)
class _Attempt:
    """One attempt at a call: TLS may be asked for with less in a second one.

    Attributes:
        call: what was wanted.
        tls: what TLS has to be in this attempt.
        peer: the host, for `securing`.
        session: the session so far.
    """

    call: Call
    tls: HostTls
    peer: Peer
    session: Session

    @property
    def connection(self) -> Connection:
        return self.session.connection


class Dialler:
    """Opens sessions."""

    def __init__(
        self,
        hostname: str,
        settings: DeliverySettings,
        securing: Securing,
        login: Login,
        *,
        tls_wrapper: bool = False,
        auth_parameter: bool = False,
        login_rules: LoginRules | None = None,
    ) -> None:
        """Take how to open sessions.

        Args:
            hostname: our name for EHLO, where the source has none of its own.
            settings: time limits, and whether BDAT is used.
            securing: makes handshakes.
            login: told of logins that were refused.
            tls_wrapper: TLS from the first octet (RFC 8314).
            auth_parameter: whether MAIL has `AUTH=<>` after a login.
            login_rules: which mechanisms, and whether secrets may go without TLS.
        """
        self._hostname = hostname
        self._settings = settings
        self._securing = securing
        self._login = login
        self._wrapper = tls_wrapper
        self._auth_parameter = auth_parameter
        self._login_rules = login_rules or LoginRules()
        self._connect_timeout = settings.connect_timeout or math.inf
        self._chunks = ChunkMemory(time.monotonic)

    async def connect(self, call: Call) -> Connection:
        """A connection on which nothing has been said yet.

        Raises:
            OSError: it could not be made; a `TimeoutError` for a host that is silent.
        """
        source = "" if call.source is None else call.source.address
        endpoint = call.endpoint
        return await connect(
            endpoint.address, endpoint.port, timeout=self._connect_timeout, source=source
        )

    async def dial(self, call: Call, connection: Connection | None = None) -> Session | Unready:
        """A session that is ready for a transaction, or why there is none.

        Args:
            call: where to, and how.
            connection: one that was made already.
        """
        tls = call.tls
        while True:
            result = await self._attempt(call, tls, connection)
            if not isinstance(result, TlsFailure):
                return result
            lesser = easier(tls)
            if lesser is None or (self._wrapper and lesser.level == "none"):
                return refusal(result, tls, _peer(call))
            tls, connection = lesser, None

    async def _attempt(
        self, call: Call, tls: HostTls, connection: Connection | None
    ) -> Session | Unready | TlsFailure:
        """Connect and go through the steps; a failed handshake is a value of its own."""
        relay = str(call.endpoint)
        if connection is None:
            try:
                connection = await self.connect(call)
            except OSError as error:
                return failed_to_connect(relay, error)
        knows_chunks = self._chunks.of(relay)
        core = ClientCore(
            (call.source and call.source.helo) or self._hostname,
            call.endpoint.name,
            auth_parameter=self._auth_parameter,
            chunking=self._settings.chunking and knows_chunks is not False,
            chunking_proved=knows_chunks is True,
        )
        session = Session(
            connection,
            core,
            relay,
            self._settings,
            host=call.endpoint.host,
            source=call.source,
            learnt=functools.partial(self._chunks.note, relay),
        )
        attempt = _Attempt(call, tls, _peer(call), session)
        try:
            failure = await self._prepare(attempt)
        except BaseException:
            session.abort()
            raise
        if failure is None:
            session.tls = level_reached(tls, connection)
            return session
        session.close()
        return failure

    async def _prepare(self, attempt: _Attempt) -> Unready | TlsFailure | None:
        """Greeting, EHLO, TLS, login; `None` when all went well."""
        tls, session = attempt.tls, attempt.session
        failure: Unready | TlsFailure | None = None
        if self._wrapper:
            failure = await self._securing.shake_hands(attempt.connection, attempt.peer, tls)
        if failure is None:
            failure = await session.greeted()
        if failure is None:
            failure = self._loop(attempt)
        if failure is None and tls.level != "none" and attempt.connection.tls is None:
            failure = await self._secure(attempt)
        # RFC 8689 §4.2.1. Only here, for another host of the next hop may promise it.
        if failure is None and tls.require_tls and not session.core.extensions.require_tls:
            words = f"REQUIRETLS support required, but was not offered by host {attempt.peer.name}"
            failure = Unready.of(554, "5.7.30", words, attempt.peer.relay)
        if failure is None and attempt.call.login is not None:
            failure = await self._log_in(attempt)
        return failure

    def _loop(self, attempt: _Attempt) -> Unready | None:
        """A failure where the host says that it is us; for good only where no host is better."""
        call, core = attempt.call, attempt.session.core
        if not call.may_loop or core.server_name.lower() != self._hostname.lower():
            return None
        words = f"mail for {call.nexthop} loops back to myself"
        if call.is_best:
            return Unready.of(554, "5.4.6", words, attempt.peer.relay)
        return Unready.of(451, "4.4.6", words, attempt.peer.relay)

    async def _secure(self, attempt: _Attempt) -> Unready | TlsFailure | None:
        """STARTTLS, where it is offered; a failure where it has to be and is not."""
        tls, peer, core = attempt.tls, attempt.peer, attempt.session.core
        if not core.extensions.starttls:
            words = f"TLS is required, but was not offered by host {peer.name}"
            return self._lacking(attempt, words)
        core.start_tls()
        event = await attempt.session.next_event()
        if isinstance(event, TlsRefused):
            words = f"TLS is required, but host {peer.name} refused to start TLS: {event.reply}"
            return self._lacking(attempt, words, for_good=event.reply.is_permanent)
        if isinstance(event, Ended):
            return Unready(event.answer, peer.relay)
        if not isinstance(event, TlsAccepted):
            return None
        failure = await self._securing.shake_hands(attempt.connection, peer, tls)
        if failure is not None:
            return failure
        core.tls_started()
        unready = await attempt.session.greeted()
        if unready is None or unready.answer.from_peer:
            return unready
        words = " ".join(unready.answer.reply.lines)
        return TlsFailure(words, TlsResult.VALIDATION_FAILURE, broke=unready)

    def _lacking(self, attempt: _Attempt, words: str, *, for_good: bool = True) -> Unready | None:
        """The host makes no TLS: a failure where it has to."""
        tls, peer = attempt.tls, attempt.peer
        result = TlsResult.STARTTLS_NOT_SUPPORTED
        self._securing.tell(tls, result, peer, attempt.connection, words)
        if not tls.required or tls.testing:
            return None
        return unoffered(tls, peer, words, for_good=for_good)

    async def _log_in(self, attempt: _Attempt) -> Unready | None:
        """Log in; never with the secret itself in plain text, unless that was asked for."""
        call, peer, rules = attempt.call, attempt.peer, self._login_rules
        assert call.login is not None
        if call.tls.level == "none":
            rules = replace(rules, without_tls=True)
        host = Host(call.endpoint.host, call.endpoint.port, peer.name, peer.relay)
        return await log_in(attempt.session, host, call.login, rules, self._login)


def _peer(call: Call) -> Peer:
    endpoint = call.endpoint
    return Peer(endpoint.name, str(endpoint), endpoint.host, endpoint.address)
