"""What filters are told of a session: its steps, once policy has nothing against them.

The session calls this at each step; where a listener has no filters nothing is called. What they
refuse is logged and remembered as any other refusal.
"""

from __future__ import annotations

from postroad.filters.stages import Began, Connected, Stage
from postroad.model import Address, Envelope, Reply
from postroad.model.letter import Origin
from postroad.server.decisions import log_rejected
from postroad.server.peer import Peer
from postroad.smtp import Mail

__all__ = ["begun", "connected", "hear", "listen_anew", "origin_of"]


def connected(peer: Peer) -> Connected:
    """What there is to say of a client that came."""
    service = peer.service
    return Connected(peer.client, peer.server, service.listener, peer.trusted, service.daemon_name)


def begun(peer: Peer, mail: Mail, envelope: Envelope) -> Began:
    """What there is to say of a MAIL.

    Args:
        peer: the client.
        mail: what it said.
        envelope: what that amounts to.
    """
    return Began(envelope, peer.login, mail.size or 0)


async def hear(
    peer: Peer,
    stage: Stage,
    state: str,
    mail: Mail | None = None,
    recipient: Address | None = None,
    *,
    queue_id: str = "NOQUEUE",
) -> Reply | None:
    """Tell the session's filters of a step.

    Args:
        peer: the client.
        stage: the step.
        state: the command, as the log names it.
        mail: the MAIL of the transaction, if there is one.
        recipient: whom the step is about, if it is about one.
        queue_id: the message's, once it has one.

    Returns:
        The refusal, which was logged; `None`: nobody has anything against it.
    """
    if peer.listening is None:
        return None
    refusal = await peer.listening.heard(stage)
    if refusal is None:
        return None
    if peer.listening.refused is not None:
        peer.chronicle.found((peer.listening.refused,))
    return log_rejected(peer, state, refusal, mail, recipient, queue_id=queue_id)


async def listen_anew(peer: Peer) -> None:
    """Another client is served from now on (XCLIENT): filters begin again with that one."""
    if peer.listening is not None:
        await peer.listening.close()
    peer.listen()


def origin_of(peer: Peer) -> Origin:
    """What is believed of who wrote the mail that comes now."""
    if peer.service.taken_before:
        return Origin.NEIGHBOUR
    return Origin.OURS if peer.is_known else Origin.OUTSIDE
