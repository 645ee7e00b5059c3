"""One SMTP session: a connection, the protocol core, and who answers its questions.

The core turns octets into events and pauses where a decision is needed; this module asks the right
room for each decision (`transaction` for mail, `login` for AUTH) and gives the core the answer. It
decides nothing by itself and keeps no state that outlives the transaction, but for who the peer
is. After STARTTLS it forgets along with the core (RFC 3207 §4.2).
"""

from __future__ import annotations

import asyncio
from dataclasses import replace

from postroad.model import Client, Login, Reply
from postroad.model.journal import Connected, Disconnected
from postroad.net.connection import Connection, TlsError
from postroad.server.filtering import listen_anew
from postroad.server.handshake import begins_tls, refuse_tls, shake_hands, tls_broke
from postroad.server.impersonation import speak_for
from postroad.server.login import LOGIN_FAILURES, Exchange
from postroad.server.offering import offer_to
from postroad.server.opening import begin, first_look, welcome
from postroad.server.pace import Pace
from postroad.server.peer import Peer
from postroad.server.preliminary import Preliminaries
from postroad.server.queue_starting import start_queue
from postroad.server.service import Service
from postroad.server.transaction import Transaction
from postroad.server.verification import verify
from postroad.server.wishes import accepted
from postroad.smtp import (
    Auth,
    AuthResponse,
    BodyChunk,
    Closed,
    Data,
    EndOfData,
    Etrn,
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
    Vrfy,
    XClient,
    XForward,
    replies,
)

__all__ = ["Session"]

EVENTS_AT_ONCE = 100
"""Events handled before what was answered is sent: the longest answers, to EHLO, make some 30 KB.
More wait only after a client that reads has taken these."""


class Session:
    """Serves one client from greeting to goodbye."""

    __slots__ = (
        "_connection",
        "_core",
        "_cut",
        "_exchange",
        "_over",
        "_pace",
        "_peer",
        "_preliminaries",
        "_service",
        "_shaking",
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
        offer = _offer(service, connection.peer, connection.peer)
        self._core = ServerCore(service.hostname, offer, service.limits)
        self._peer = Peer(connection, service, self._core)
        self._preliminaries = Preliminaries(self._peer)
        self._pace = Pace(self._core.patience, service.limits.data_rate)
        self._transaction: Transaction | None = None
        self._exchange: Exchange | None = None
        self._over = False
        self._cut: Reply | None = None
        self._shaking: asyncio.Task[None] | None = None
        self._stopping = False
        self._waiting = False

    async def run(self) -> None:
        """Serve until either side has had enough. Never raises for what a peer does."""
        peer = self._peer
        try:
            if await self._open():
                self._core.greet(await first_look(peer, self._preliminaries))
                await self._converse()
        except asyncio.CancelledError:  # there was time enough
            self._connection.abort()
            raise
        except (ConnectionError, OSError) as error:
            if isinstance(error, TlsError):
                tls_broke(peer, error)
            peer.log_lost("lost connection")
            if str(error) and not isinstance(error, ConnectionError):
                peer.notice(f"{peer.client}: {error}")
        finally:
            self._forget_transaction()
            self._forget_exchange()
            await self._leave()

    async def _open(self) -> bool:
        """All that comes before the greeting; whether it is to be said."""
        service, peer = self._service, self._peer
        if self._stopping:
            return False
        self._shaking = asyncio.current_task()
        if not service.implicit_tls:
            await self._connection.open()
        if service.reverse_names and peer.client.has_address:
            peer.client = await service.names.identify(peer.client)
        peer.log(Connected(service.name, peer.client, session=peer.session))
        shaken = not service.implicit_tls or await shake_hands(peer, b"")
        self._shaking = None
        return shaken

    async def _leave(self) -> None:
        """Give everything back, once the client is gone: while it is not, it costs what it cost."""
        peer, connection = self._peer, self._connection
        connection.close()
        try:
            if peer.listening is not None:
                await peer.listening.close()
            await connection.gone()
        finally:
            peer.log_out()
            peer.give_place_back()
            peer.chronicle.met(peer.protocol, peer.server)
            peer.chronicle.ended()
            name, counts = self._service.name, self._core.counts
            peer.log(Disconnected(name, peer.client, counts, session=peer.session))

    def stop(self) -> None:
        """End the session when its transaction is over; at once if it waits for a command.

        At once as well before the greeting and in a TLS handshake, where nothing is under way.
        """
        self._stopping = True
        if self._shaking is not None:
            self._shaking.cancel()
        elif self._waiting and self._transaction is None:
            self._say_goodbye()

    @property
    def login(self) -> Login | None:
        """Who is logged in."""
        return self._peer.login

    def cut(self, reply: Reply) -> None:
        """End the session at once, with these last words.

        Only what is just being done is done to its end: a message that is being made durable.
        """
        self._cut = reply
        if self._waiting:
            self._fall_silent()
        elif self._connection.congested:  # it does not read, and will not read this
            self._connection.abort()

    # The conversation --------------------------------------------------------------------------

    async def _converse(self) -> None:
        core, connection, handled = self._core, self._connection, 0
        while not self._over:
            if self._cut is not None:
                self._fall_silent()
                return
            event = core.next_event()
            if event is not Need.DATA:
                assert not isinstance(event, Need), "every pausing event was answered"
                await self._handle(event)
                handled += 1
                if handled < EVENTS_AT_ONCE:
                    continue
            handled = 0
            data = core.data_to_send()
            if data:
                if core.delay:  # a client that makes one error after the other waits
                    await self._service.pause(core.delay)
                connection.write(data)
                if self._transaction is None or self._transaction.entry is None:
                    self._pace.renew()  # a command was answered; chunks of content do not count
            if connection.congested:
                await self._let_read()
            elif event is Need.DATA:
                if self._stopping and self._transaction is None:
                    self._say_goodbye()
                    return
                await self._receive()
        connection.write(core.data_to_send())

    async def _receive(self) -> None:
        """Give the core what the client sends next."""
        core, pace, elapsed = self._core, self._pace, self._service.elapsed
        since, patience = elapsed(), self._patience()
        if patience <= 0:
            self._time_out()
            return
        self._waiting = True
        try:
            data = await self._connection.read(patience)
        except TimeoutError:
            self._time_out()
            return
        finally:
            self._waiting = False
        if self._over:  # in the meantime
            return
        if core.after == "CONNECT" and begins_tls(self._peer, data):
            refuse_tls(self._peer)
            self._over = True
            return
        pace.waited(elapsed() - since)
        if self._transaction is not None and self._transaction.entry is not None:
            pace.earn(len(data))
        core.receive(data)

    async def _let_read(self) -> None:
        """Wait, as long as the client has time, until it has taken most of what was answered."""
        elapsed = self._service.elapsed
        since = elapsed()
        try:
            await self._connection.drain(self._patience())
        except TimeoutError:
            self._time_out()
        self._pace.waited(elapsed() - since)

    def _patience(self) -> float:
        """Seconds the client may take now; 0 or less when it took too long."""
        transaction, limit = self._transaction, self._service.limits.transaction
        if transaction is None or not limit:
            return self._pace.left
        return min(self._pace.left, transaction.arrived + limit - self._service.clock())

    def _time_out(self) -> None:
        self._peer.log_lost("timeout")
        if self._connection.congested:  # it does not even read: nothing more can be told
            self._over = True
            self._connection.abort()
        else:
            self._fail(replies.timeout_exceeded(self._service.hostname))

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
                core.reply(await self._begin(event))
            case Data():
                assert transaction is not None, "the core lets DATA through after MAIL only"
                core.reply(await transaction.data())
                self._pace.renew()
            case EndOfData():
                assert transaction is not None, "content comes only after 354"
                core.reply(await transaction.end_of_data(event))
                self._forget_transaction()
            case Hello():  # where it is taken, a Reset follows that ends the transaction
                core.reply(await welcome(self._peer, self._preliminaries, event))
            case Reset():
                self._forget_transaction()
            case Quit():
                self._over = True
            case StartTls():
                await self._upgrade()
            case Auth():
                self._forget_exchange()
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
            case Vrfy() | Etrn() | XClient() | XForward():
                await self._answer(event)

    async def _begin(self, event: Mail) -> Reply:
        begun = await begin(self._peer, self._preliminaries, event)
        if isinstance(begun, Reply):
            return begun
        self._transaction = begun
        return accepted(event, begun.envelope)

    async def _answer(self, event: Vrfy | Etrn | XClient | XForward) -> None:
        """Answer what is asked outside of mail transactions, and seldom."""
        peer = self._peer
        reply = replies.OK
        match event:
            case Vrfy():
                reply = await verify(event, peer)
            case Etrn(node):
                reply = await start_queue(node, peer)
            case XClient(attributes):
                refusal = await speak_for(peer, attributes)
                if refusal is None:
                    await listen_anew(peer)
                    refused = await first_look(peer, self._preliminaries)
                    if refused is not None:  # as at the connection: there is nothing more to say
                        self._fail(refused)
                        return
                reply = refusal or self._begin_again()
            case XForward(attributes):
                peer.forwarded = {**peer.forwarded, **attributes}
        if not reply.is_positive:
            reply = peer.log_rejected(self._core.after, reply, None)
        self._core.reply(reply)

    def _begin_again(self) -> Reply:
        """Another client is served: it is greeted, and offered what is for it."""
        service, core = self._service, self._core
        old = core.offer
        offer = _offer(service, self._peer.client, self._connection.peer)
        core.offer = replace(offer, secure=old.secure, mechanisms=old.mechanisms)
        core.logged_in = self._peer.login is not None
        return replies.greeting(service.hostname, "LMTP" if offer.lmtp else "ESMTP")

    def _fall_silent(self) -> None:
        assert self._cut is not None, "there are last words"
        self._peer.log_rejected(self._core.after, self._cut, None)
        self._forget_transaction()
        self._fail(self._cut)

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
            if self._peer.listening is not None:
                self._peer.listening.forget()
            self._peer.forwarded = {}  # told once for each message

    # TLS and login -----------------------------------------------------------------------------

    async def _upgrade(self) -> None:
        refusal = self._service.gate.invite(self._peer.client, self._service.clock())
        if refusal is not None:
            self._core.reply(refusal)
            return
        self._core.reply(replies.READY_FOR_TLS)
        self._shaking = asyncio.current_task()
        shaken = await shake_hands(self._peer, self._core.data_to_send())
        self._shaking = None
        if shaken:
            self._core.tls_started()
            self._forget_transaction()
            self._peer.log_out()
            self._peer.mechanisms = ()
        else:
            self._over = True

    def _forget_exchange(self) -> None:
        if self._exchange is not None:
            self._exchange.abandon()
            self._exchange = None

    async def _authenticate(self, exchange: Exchange, data: bytes | None) -> None:
        reply = await exchange.step(data)
        self._core.reply(reply)
        if self._peer.login_failures >= LOGIN_FAILURES and not reply.is_positive:
            self._core.fail(replies.too_many_errors(self._service.hostname))
            self._peer.log_closed("too many errors")

    def _log_refused(self, command: str, reply: Reply) -> None:
        """Refusals of mail are an operator's business; a mistyped command is not."""
        if command in _OF_MAIL or reply.code == 421:
            transaction = self._transaction
            mail = None if transaction is None else transaction.mail
            self._peer.log_rejected(command, reply, mail)


_OF_MAIL = frozenset({"MAIL", "RCPT", "DATA", "BDAT", "AUTH", "ETRN", "XCLIENT", "XFORWARD"})


def _offer(service: Service, client: Client, speaker: Client) -> Offer:
    mechanisms = ("PLAIN", "LOGIN") if service.auth else ()  # until EHLO under TLS tells better
    return offer_to(service, client, speaker=speaker, mechanisms=mechanisms)
