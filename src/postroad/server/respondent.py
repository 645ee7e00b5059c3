"""Who answers the protocol core's questions in a session.

The core pauses where a decision is needed. Here the right room is asked for each (`opening` and
`transaction` for mail, `login` for AUTH, `handshake` for STARTTLS), and the core is given the
answer. It decides nothing by itself, knows no octets and no clock, and keeps only what is under
way: a transaction, a login. After STARTTLS it forgets along with the core (RFC 3207 §4.2).
"""

from __future__ import annotations

import asyncio
from dataclasses import replace

from postroad.filters.stages import Misspoke
from postroad.model import Reply
from postroad.server.decisions import log_rejected
from postroad.server.ending import log_closed
from postroad.server.filtering import listen_anew
from postroad.server.handshake import shake_hands
from postroad.server.impersonation import speak_for
from postroad.server.login import LOGIN_FAILURES, Exchange
from postroad.server.offering import offer_to
from postroad.server.opening import begin, first_look, welcome
from postroad.server.pace import Pace
from postroad.server.peer import Peer
from postroad.server.preliminary import Preliminaries
from postroad.server.queue_starting import start_queue
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
    Quit,
    Rcpt,
    Refused,
    Reset,
    StartTls,
    Vrfy,
    XClient,
    XForward,
    replies,
)

__all__ = ["Respondent"]

_OF_MAIL = frozenset({"MAIL", "RCPT", "DATA", "BDAT", "AUTH", "ETRN", "XCLIENT", "XFORWARD"})


class Respondent:
    """Answers the events of one session.

    Attributes:
        transaction: the one under way.
        shaking: the session's task while it shakes hands for TLS: nothing else is under way then.
    """

    __slots__ = ("_exchange", "_pace", "_peer", "_preliminaries", "shaking", "transaction")

    def __init__(self, peer: Peer, pace: Pace) -> None:
        """Of a session that begins.

        Args:
            peer: the client; its core is the one that asks.
            pace: the client's time, renewed where content begins.
        """
        self._peer = peer
        self._pace = pace
        self._preliminaries = Preliminaries(peer)
        self._exchange: Exchange | None = None
        self.transaction: Transaction | None = None
        self.shaking: asyncio.Task[None] | None = None

    async def greeting(self) -> Reply | None:
        """The refusal of a client that has just come; `None`: it is greeted."""
        return await first_look(self._peer, self._preliminaries)

    async def answer(self, event: Event) -> bool:
        """Answer one event. The order is that of frequency in a transaction.

        Returns:
            Whether the session goes on.
        """
        core, transaction = self._peer.core, self.transaction
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
                self.forget_transaction()
            case Hello():  # where it is taken, a Reset follows that ends the transaction
                core.reply(await welcome(self._peer, self._preliminaries, event))
            case Reset():
                self.forget_transaction()
            case Quit():
                return False
            case StartTls():
                return await self._upgrade()
            case Auth():
                self._forget_exchange()
                self._exchange = Exchange(self._peer, event.mechanism)
                await self._authenticate(self._exchange, event.initial)
            case AuthResponse(data):
                assert self._exchange is not None, "a response follows a challenge"
                await self._authenticate(self._exchange, data)
            case Refused(command, reply, word):
                self._log_refused(command, reply)
                if word and self._peer.listening is not None:
                    await self._peer.listening.heard(Misspoke(word))
            case Closed(reason):
                log_closed(self._peer, reason)
                return False
            case Vrfy() | Etrn() | XClient() | XForward():
                await self._answer_aside(event)
        return True

    def forget_transaction(self) -> None:
        """Give up what is under way of a message. Harmless at any time."""
        peer = self._peer
        if self.transaction is not None:
            self.transaction.drop()
            self.transaction = None
            if peer.listening is not None:
                peer.listening.forget()
            peer.forwarded = {}  # told once for each message

    def forget(self) -> None:
        """The session is over."""
        self.forget_transaction()
        self._forget_exchange()

    async def _begin(self, event: Mail) -> Reply:
        begun = await begin(self._peer, self._preliminaries, event)
        if isinstance(begun, Reply):
            return begun
        self.transaction = begun
        return accepted(event, begun.envelope)

    def _log_refused(self, command: str, reply: Reply) -> None:
        """Refusals of mail are an operator's business; a mistyped command is not."""
        if command in _OF_MAIL or reply.code == 421:
            mail = None if self.transaction is None else self.transaction.mail
            log_rejected(self._peer, command, reply, mail)

    # Outside of transactions -------------------------------------------------------------------

    async def _answer_aside(self, event: Vrfy | Etrn | XClient | XForward) -> None:
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
                    refused = await self.greeting()
                    if refused is not None:  # as at the connection: there is nothing more to say
                        peer.core.fail(refused)
                        return
                reply = refusal or self._begin_again()
            case XForward(attributes):
                peer.forwarded = {**peer.forwarded, **attributes}
        if not reply.is_positive:
            reply = log_rejected(peer, peer.core.after, reply, None)
        peer.core.reply(reply)

    def _begin_again(self) -> Reply:
        """Another client is served: it is greeted, and offered what is for it."""
        peer, service = self._peer, self._peer.service
        standing, old = peer.core.standing, peer.core.standing.offer
        offer = offer_to(service, peer.client, speaker=peer.connection.peer)
        standing.offer = replace(offer, secure=old.secure, mechanisms=old.mechanisms)
        standing.authenticated = peer.login is not None
        return replies.greeting(service.hostname, "LMTP" if offer.lmtp else "ESMTP")

    # TLS and login -----------------------------------------------------------------------------

    async def _upgrade(self) -> bool:
        peer, core = self._peer, self._peer.core
        refusal = peer.service.gate.invite(peer.client, peer.service.clock())
        if refusal is not None:
            core.reply(refusal)
            return True
        core.reply(replies.READY_FOR_TLS)
        self.shaking = asyncio.current_task()
        shaken = await shake_hands(peer, core.data_to_send())
        self.shaking = None
        if shaken:
            core.tls_started()
            self.forget_transaction()
            peer.log_out()
            peer.mechanisms = ()
        return shaken

    async def _authenticate(self, exchange: Exchange, data: bytes | None) -> None:
        peer = self._peer
        reply = await exchange.step(data)
        peer.core.reply(reply)
        if peer.login_failures >= LOGIN_FAILURES and not reply.is_positive:
            peer.core.fail(replies.too_many_errors(peer.service.hostname))
            log_closed(peer, "too many errors")

    def _forget_exchange(self) -> None:
        if self._exchange is not None:
            self._exchange.abandon()
            self._exchange = None
