"""What was decided about a client's command, on its way into the log and the history.

A refusal, by whoever made it, and what policy has to say besides its reply. It decides nothing: it
is told, and gives back the words that the client gets. Commands that are taken are not told here.
"""

from __future__ import annotations

from postroad.history.session_id import marked
from postroad.model import Address, Reply
from postroad.model.session_events import Noted, Rejected
from postroad.policy import Facts, Verdict
from postroad.server.peer import Peer
from postroad.smtp import Mail

__all__ = ["log_rejected", "take_note"]


def log_rejected(
    peer: Peer,
    stage: str,
    reply: Reply,
    mail: Mail | None,
    recipient: Address | None = None,
    *,
    queue_id: str = "NOQUEUE",
    warning: bool = False,
) -> Reply:
    """Log and remember that a command was refused.

    Args:
        peer: whose it was.
        stage: the command.
        reply: what the client is told.
        mail: the MAIL of the transaction, if there is one.
        recipient: whom the refusal is about, if it is about one.
        queue_id: the message's, once it has one.
        warning: it was let pass after all (`warn_if_reject`).

    Returns:
        What the client is told, with the session's identifier if it is to know that.
    """
    chronicle = peer.chronicle
    if not warning:
        if chronicle.in_replies:
            reply = marked(reply, peer.session)
        message = "" if queue_id == "NOQUEUE" else queue_id
        chronicle.met(peer.protocol, peer.server)
        chronicle.refused(stage, reply, peer.bare_facts(mail, recipient), message)
    peer.log(
        Rejected(
            peer.service.name,
            queue_id,
            stage,
            peer.client,
            reply,
            _sender(mail),
            recipient,
            peer.protocol,
            peer.hello,
            warning,
            session=peer.session,
        )
    )
    return reply


def take_note(
    peer: Peer,
    stage: str,
    facts: Facts,
    verdict: Verdict,
    mail: Mail | None,
    *,
    queue_id: str = "NOQUEUE",
    is_held: bool = False,
) -> None:
    """Log and remember what a verdict says besides its reply.

    Args:
        peer: whom it is about.
        stage: the command.
        facts: what was judged.
        verdict: what policy said.
        mail: the MAIL of the transaction, if there is one.
        queue_id: the message's, once it has one.
        is_held: it was held before, which is said once for a message, as in Postfix.
    """
    peer.chronicle.decided(stage, facts, verdict)
    for reply in verdict.warnings:
        log_rejected(peer, stage, reply, mail, facts.recipient, queue_id=queue_id, warning=True)
    for note in verdict.notes:
        if note[0] != "hold" or not is_held:
            _log_noted(peer, stage, note, mail, facts.recipient, queue_id=queue_id)


def _log_noted(
    peer: Peer,
    stage: str,
    note: tuple[str, str],
    mail: Mail | None,
    recipient: Address | None,
    *,
    queue_id: str,
) -> None:
    """Policy has something to say of a command that it does not refuse."""
    what, words = note
    peer.log(
        Noted(
            peer.service.name,
            queue_id,
            what,
            words,
            stage,
            peer.client,
            _sender(mail),
            recipient,
            peer.protocol,
            peer.hello,
            session=peer.session,
        )
    )


def _sender(mail: Mail | None) -> str | None:
    """The reverse-path as the log has it: empty for `<>`, `None` before MAIL."""
    if mail is None:
        return None
    return "" if mail.sender is None else str(mail.sender)
