"""How a session, a greeting and a transaction begin: who may, before any recipient is named.

The session calls these at the connection, at EHLO and at MAIL, and gives the client the answer.
"""

from __future__ import annotations

from postroad.filters.stages import Greeted
from postroad.intake import NO_STORAGE
from postroad.model import Reply
from postroad.policy import Stage
from postroad.server.decisions import log_rejected
from postroad.server.filtering import begun, connected, hear
from postroad.server.mechanisms import offer_logins
from postroad.server.peer import Peer
from postroad.server.preliminary import Preliminaries
from postroad.server.transaction import Transaction
from postroad.server.wishes import envelope_of
from postroad.smtp import Hello, Mail

__all__ = ["begin", "first_look", "welcome"]


async def first_look(peer: Peer, preliminaries: Preliminaries) -> Reply | None:
    """The refusal of a client as such, where somebody looks at it before everything else."""
    refusal = (await preliminaries.ask(Stage.CLIENT, "CONNECT")).refusal
    if refusal is None and peer.listening is not None:
        refusal = await hear(peer, connected(peer), "CONNECT")
    return refusal


async def welcome(peer: Peer, preliminaries: Preliminaries, event: Hello) -> Reply:
    """The answer to EHLO; what is offered is the core's to say."""
    service = peer.service
    if service.auth:
        await offer_logins(peer)
    peer.judged_hello = event.name
    try:
        state = "EHLO" if event.extended else "HELO"
        refusal = (await preliminaries.ask(Stage.HELO, state)).refusal
        if refusal is None and peer.listening is not None:
            greeted = Greeted(event.name, peer.connection.tls, event.extended)
            refusal = await hear(peer, greeted, state)
    finally:
        peer.judged_hello = None
    if refusal is not None:
        return refusal
    return Reply.of(250, None, service.hostname)


async def begin(peer: Peer, preliminaries: Preliminaries, event: Mail) -> Transaction | Reply:
    """A transaction, or the refusal where MAIL asks for what the client cannot have."""
    service = peer.service
    now = service.clock()
    sending, refusal = peer.sending(event), peer.suspension()
    if refusal is None and service.room is not None and not service.room.has(event.size or 0):
        refusal = NO_STORAGE
    if refusal is None and sending is not None:
        refusal = service.gate.message(sending, now, event.size)
        if refusal is not None:
            peer.limited(sending)
    longest = peer.core.standing.offer.future_release
    envelope = refusal or envelope_of(event, known=peer.is_known, now=now, longest=longest)
    if isinstance(envelope, Reply):
        return log_rejected(peer, "MAIL", envelope, event)
    early = await preliminaries.ask(Stage.SENDER, "MAIL", event)
    if early.refusal is not None:
        return early.refusal
    if peer.listening is not None:
        refusal = await hear(peer, begun(peer, event, envelope), "MAIL", event)
        if refusal is not None:
            peer.listening.forget()
            return refusal
    disposition, pending = service.disposition.merged(early.disposition), early.pending
    return Transaction(
        peer, event, envelope, now, sending, disposition=disposition, pending=pending
    )
