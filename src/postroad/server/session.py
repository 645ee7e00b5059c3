"""One SMTP session: a connection, the protocol core, and who answers its questions.

The core turns octets into events and pauses where a decision is needed; this module asks the right
room for each decision (`transaction` for mail, `login` for AUTH) and gives the core the answer. It
decides nothing by itself and keeps no state that outlives the transaction, but for who the peer
is. After STARTTLS it forgets along with the core (RFC 3207 §4.2).
"""

from __future__ import annotations

from dataclasses import replace

from postroad.model import Reply
from postroad.model.journal import Connected, Disconnected, TlsEstablished, TlsFailed
from postroad.net.connection import Connection, TlsError
from postroad.sasl import MECHANISMS
from postroad.server.login import LOGIN_FAILURES, Exchange
from postroad.server.peer import Peer
from postroad.server.service import Service
from postroad.server.transaction import Transaction
from postroad.smtp import (
    Auth,
    AuthResponse,
    BodyChunk,
    Closed,
    Data,
    EndOfData,
    Event,
    Hello,
    Mail,
    Need,
    Offer,
    Quit,
    Rcpt,
    Refused,
    Reset,
    ServerCore,
    StartTls,
    replies,
)

__all__ = ["Session"]


class Session:
    """Serves one client from greeting to goodbye."""

    __slots__ = (
        "_connection",
        "_core",
        "_exchange",
        "_over",
        "_peer",
        "_service",
        "_stopping",
        "_transaction",
        "_waiting",
    )

    def __init__(self, connection: Connection, service: Service) -> None:
        """A session about to be served.

        Args:
            connection: to the client; with implicit TLS, still before its handshake.
            service: the listener it came by, and everything it may ask.
        """
        self._connection = connection
        self._service = service
        self._core = _new_core(service)
        self._peer = Peer(connection, service, self._core)
        self._transaction: Transaction | None = None
        self._exchange: Exchange | None = None
        self._over = False
        self._stopping = False
        self._waiting = False

    async def run(self) -> None:
        """Serve until either side has had enough. Never raises for what a peer does."""
        service, peer = self._service, self._peer
        try:
            if service.reverse_names:
                name = await service.names.client_name(peer.client.address)
                peer.client = replace(peer.client, name=name)
            peer.trusted = service.trusted.contains(peer.client.address)
            peer.log(Connected(service.name, peer.client))
            if service.implicit_tls and not await self._start_tls(b""):
                return
            self._core.greet()
            await self._converse()
        except (ConnectionError, OSError) as error:
            peer.log_lost("lost connection")
            if str(error) and not isinstance(error, ConnectionError):
                peer.notice(f"{peer.client}: {error}")
        finally:
            self._forget_transaction()
            self._connection.close()
            peer.log(Disconnected(service.name, peer.client, self._core.counts))

    def stop(self) -> None:
        """End the session when its transaction is over; at once if it waits for a command."""
        self._stopping = True
        if self._waiting and self._transaction is None:
            self._say_goodbye()

    # The conversation --------------------------------------------------------------------------

    async def _converse(self) -> None:
        core, connection = self._core, self._connection
        while not self._over:
            event = core.next_event()
            if event is Need.DATA:
                data = core.data_to_send()
                if data:
                    connection.write(data)
                if self._stopping and self._transaction is None:
                    self._say_goodbye()
                    return
                await self._receive()
            else:
                assert not isinstance(event, Need), "every pausing event was answered"
                await self._handle(event)
        connection.write(core.data_to_send())

    async def _receive(self) -> None:
        try:
            data = await self._read(self._patience())
        except TimeoutError:
            self._peer.log_lost("timeout")
            self._fail(replies.timeout_exceeded(self._service.hostname))
            return
        if not self._over:
            self._core.receive(data)

    def _patience(self) -> float:
        """Seconds the client may take now; 0 or less when its transaction took too long."""
        transaction, limit = self._transaction, self._service.limits.transaction
        if transaction is None or not limit:
            return self._core.patience
        return min(self._core.patience, transaction.arrived + limit - self._service.clock())

    async def _read(self, patience: float) -> bytes:
        if patience <= 0:
            raise TimeoutError("the transaction took too long")
        await self._connection.drain(patience)
        self._waiting = True
        try:
            return await self._connection.read(patience)
        finally:
            self._waiting = False

    async def _handle(self, event: Event) -> None:
        """Answer one event. The order is that of frequency in a transaction."""
        core, transaction = self._core, self._transaction
        match event:
            case BodyChunk(data):
                if transaction is not None and (written := transaction.write(data)) is not None:
                    await written
            case Rcpt():
                assert transaction is not None, "the core lets RCPT through after MAIL only"
                core.reply(await transaction.rcpt(event))
            case Mail():
                self._transaction = Transaction(self._peer, event)
                core.reply(replies.MAIL_OK)
            case Data():
                assert transaction is not None, "the core lets DATA through after MAIL only"
                core.reply(await transaction.data())
            case EndOfData():
                assert transaction is not None, "content comes only after 354"
                core.reply(await transaction.end_of_data(event))
                self._forget_transaction()
            case Hello():
                self._forget_transaction()
                core.reply(Reply.of(250, None, self._service.hostname))
            case Reset():
                self._forget_transaction()
            case Quit():
                self._over = True
            case StartTls():
                await self._upgrade()
            case Auth():
                self._exchange = Exchange(self._peer, event.mechanism)
                await self._authenticate(self._exchange, event.initial)
            case AuthResponse(data):
                assert self._exchange is not None, "a response follows a challenge"
                await self._authenticate(self._exchange, data)
            case Refused(command, reply):
                self._log_refused(command, reply)
            case Closed(reason):
                self._over = True
                self._peer.log_closed(reason)

    def _say_goodbye(self) -> None:
        self._fail(replies.shutting_down(self._service.hostname))

    def _fail(self, reply: Reply) -> None:
        self._over = True
        self._core.fail(reply)
        self._connection.write(self._core.data_to_send())
        self._connection.close()

    def _forget_transaction(self) -> None:
        if self._transaction is not None:
            self._transaction.drop()
            self._transaction = None

    # TLS and login -----------------------------------------------------------------------------

    async def _upgrade(self) -> None:
        self._core.reply(replies.READY_FOR_TLS)
        if await self._start_tls(self._core.data_to_send()):
            self._core.tls_started()
            self._forget_transaction()
            self._peer.login = None
        else:
            self._over = True

    async def _start_tls(self, invitation: bytes) -> bool:
        """The handshake, with what invites the client to it; whether it succeeded."""
        service, connection, peer = self._service, self._connection, self._peer
        assert service.tls_context is not None, "TLS is offered only with a certificate"
        try:
            await connection.start_tls(
                service.tls_context,
                server_side=True,
                timeout=service.handshake_timeout,
                invitation=invitation,
            )
        except TlsError as error:
            peer.log(TlsFailed(service.name, peer.client, str(error)))
            peer.log_lost("lost connection")
            return False
        assert connection.tls is not None
        peer.log(TlsEstablished(service.name, str(peer.client), connection.tls))
        return True

    async def _authenticate(self, exchange: Exchange, data: bytes | None) -> None:
        reply = await exchange.step(data)
        self._core.reply(reply)
        if self._peer.login_failures >= LOGIN_FAILURES and not reply.is_positive:
            self._core.fail(replies.too_many_errors(self._service.hostname))
            self._peer.log_closed("too many errors")

    def _log_refused(self, command: str, reply: Reply) -> None:
        """Refusals of mail are an operator's business; a mistyped command is not."""
        if command in {"MAIL", "RCPT", "DATA", "AUTH"} or reply.code == 421:
            transaction = self._transaction
            mail = None if transaction is None else transaction.mail
            self._peer.log_rejected(command, reply, mail)


def _new_core(service: Service) -> ServerCore:
    offer = Offer(
        starttls=service.starttls,
        secure=service.implicit_tls,
        require_tls=service.require_tls,
        mechanisms=tuple(MECHANISMS) if service.auth else (),
    )
    return ServerCore(service.hostname, offer, service.limits)
