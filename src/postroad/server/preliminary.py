"""The lists of client, helo and sender at their own commands, where `delay_reject` is off.

By default they wait for RCPT (see `policy.engine`) and nothing here is asked. A deferral that waits
for a permit goes on from list to list, as in Postfix: what EHLO left is forgotten when EHLO comes
again, what the connection left never is.
"""

from __future__ import annotations

from typing import NamedTuple

from postroad.model import PLAIN, Disposition, Reply
from postroad.policy import Stage
from postroad.server.decisions import log_rejected, take_note
from postroad.server.peer import Peer
from postroad.smtp import Mail

__all__ = ["Preliminaries", "Preliminary"]

_COMMANDS = {Stage.CLIENT: "CONNECT", Stage.HELO: "EHLO", Stage.SENDER: "MAIL"}
_BEFORE: dict[Stage, tuple[Stage, ...]] = {
    Stage.CLIENT: (),
    Stage.HELO: (Stage.CLIENT,),
    Stage.SENDER: (Stage.HELO, Stage.CLIENT),
}


class Preliminary(NamedTuple):
    """What a list said at its own command.

    Attributes:
        refusal: the reply if it refused.
        disposition: what it wants done with the message.
        pending: the deferral that a permit at RCPT becomes.
    """

    refusal: Reply | None = None
    disposition: Disposition = PLAIN
    pending: Reply | None = None


_NOTHING = Preliminary()


class Preliminaries:
    """Asks the early lists of a session."""

    __slots__ = ("_peer", "_pending")

    def __init__(self, peer: Peer) -> None:
        self._peer = peer
        self._pending: dict[Stage, Reply | None] = {}

    async def ask(self, stage: Stage, state: str, mail: Mail | None = None) -> Preliminary:
        """What the list of a stage says; nothing where it waits for RCPT.

        Args:
            stage: client, helo or sender.
            state: the command, as policy services are told it.
            mail: the MAIL in question.
        """
        peer, service = self._peer, self._peer.service
        policy = service.policy
        if policy.delay_reject:
            return _NOTHING
        size = 0 if mail is None else mail.size or 0
        facts = peer.facts(state, peer.particulars(), mail, size=size)
        before = next((self._pending[s] for s in _BEFORE[stage] if s in self._pending), None)
        verdict = await policy.early(stage, facts, service.oracle, before)
        self._pending[stage] = verdict.pending
        command = _COMMANDS[stage]
        take_note(peer, command, facts, verdict, mail)
        refusal = verdict.reply
        if refusal is not None:
            refusal = log_rejected(peer, command, refusal, mail)
        return Preliminary(refusal, verdict.disposition, verdict.pending)
