"""One SMTP session: a connection, the protocol core, and the client's time.

It moves octets between connection and core, waits for the client as long as that may take, and
ends the session: when both have said all, when time is up, when it is told to. What the core asks
in between, the `respondent` answers. It keeps no state that outlives the transaction, but for who
the peer is.
"""

from __future__ import annotations

import asyncio

from postroad.model import Login, Reply
from postroad.model.session_events import Connected, Disconnected
from postroad.net.connection import Connection, TlsError
from postroad.server.decisions import log_rejected
from postroad.server.ending import log_lost
from postroad.server.handshake import begins_tls, refuse_tls, shake_hands, tls_broke
from postroad.server.offering import offer_to
from postroad.server.pace import Pace
from postroad.server.peer import Peer
from postroad.server.respondent import Respondent
from postroad.server.service import Service
from postroad.smtp import Need, ServerCore, replies

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
        "_opening",
        "_over",
        "_pace",
        "_peer",
        "_respondent",
        "_service",
        "_stopping",
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
        offer = offer_to(service, connection.peer, speaker=connection.peer)
        self._core = ServerCore(service.hostname, offer, service.limits)
        self._peer = Peer(connection, service, self._core)
        self._pace = Pace(service.limits.patience, service.limits.data_rate)
        self._respondent = Respondent(self._peer, self._pace)
        self._over = False
        self._cut: Reply | None = None
        self._opening: asyncio.Task[None] | None = None  # the session's own, before the greeting
        self._stopping = False
        self._waiting = False

    async def run(self) -> None:
        """Serve until either side has had enough. Never raises for what a peer does."""
        peer = self._peer
        try:
            if await self._open():
                self._core.greet(await self._respondent.greeting())
                await self._converse()
        except asyncio.CancelledError:  # there was time enough
            self._connection.abort()
            raise
        except (ConnectionError, OSError) as error:
            if isinstance(error, TlsError):
                tls_broke(peer, error)
            log_lost(peer, "lost connection")
            if str(error) and not isinstance(error, ConnectionError):
                peer.notice(f"{peer.client}: {error}")
        finally:
            self._respondent.forget()
            await self._leave()

    async def _open(self) -> bool:
        """All that comes before the greeting; whether it is to be said."""
        service, peer = self._service, self._peer
        if self._stopping:
            return False
        self._opening = asyncio.current_task()
        if not service.implicit_tls:
            await self._connection.open()
        if service.reverse_names and peer.client.has_address:
            peer.client = await service.names.identify(peer.client)
        peer.log(Connected(service.name, peer.client, session=peer.session))
        shaken = not service.implicit_tls or await shake_hands(peer, b"")
        self._opening = None
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
        task = self._opening or self._respondent.shaking
        if task is not None:
            task.cancel()
        elif self._waiting and self._respondent.transaction is None:
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
        core, connection, respondent = self._core, self._connection, self._respondent
        handled = 0
        while not self._over:
            if self._cut is not None:
                self._fall_silent()
                return
            event = core.next_event()
            if event is not Need.DATA:
                assert not isinstance(event, Need), "every pausing event was answered"
                if not await respondent.answer(event):
                    self._over = True
                handled += 1
                if handled < EVENTS_AT_ONCE:
                    continue
            handled = 0
            data = core.data_to_send()
            if data:
                if delay := core.tally.delay:  # a client that makes one error after the other
                    await self._service.pause(delay)
                connection.write(data)
                transaction = respondent.transaction
                if transaction is None or transaction.entry is None:
                    self._pace.renew()  # a command was answered; chunks of content do not count
            if connection.congested:
                await self._let_read()
            elif event is Need.DATA:
                if self._stopping and respondent.transaction is None:
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
        transaction = self._respondent.transaction
        if transaction is not None and transaction.entry is not None:
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
        transaction, limit = self._respondent.transaction, self._service.limits.transaction
        if transaction is None or not limit:
            return self._pace.left
        return min(self._pace.left, transaction.arrived + limit - self._service.clock())

    def _time_out(self) -> None:
        log_lost(self._peer, "timeout")
        if self._connection.congested:  # it does not even read: nothing more can be told
            self._over = True
            self._connection.abort()
        else:
            self._fail(replies.timeout_exceeded(self._service.hostname))

    def _fall_silent(self) -> None:
        assert self._cut is not None, "there are last words"
        log_rejected(self._peer, self._core.after, self._cut, None)
        self._respondent.forget_transaction()
        self._fail(self._cut)

    def _say_goodbye(self) -> None:
        self._fail(replies.shutting_down(self._service.hostname))

    def _fail(self, reply: Reply) -> None:
        self._over = True
        self._core.fail(reply)
        self._connection.write(self._core.data_to_send())
        self._connection.close()
