"""The answer to ETRN: policy is asked first, then whoever may start which queue."""

from __future__ import annotations

from dataclasses import replace

from postroad.model import Reply
from postroad.server.decisions import take_note
from postroad.server.peer import Peer

__all__ = ["start_queue"]


async def start_queue(node: str, peer: Peer) -> Reply:
    """Start the queue of a domain for a client, if it may (RFC 1985).

    Args:
        node: what ETRN names.
        peer: the client.
    """
    service = peer.service
    facts = replace(peer.facts("ETRN", peer.particulars()), etrn=node)
    verdict = await service.policy.etrn(facts, service.oracle)
    take_note(peer, "ETRN", facts, verdict, None)
    if verdict.reply is not None:
        return verdict.reply
    reply = await service.extensions.etrn.start(node, peer.client, peer.login)
    if reply.is_positive:
        peer.inform(f"ETRN {node} from {peer.client}: {reply}")
    return reply
