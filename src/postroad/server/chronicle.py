"""What was decided in a session, on its way into the history.

The session hands over references (facts, verdict) and goes on; what a record looks like is worked
out later, in the history's thread. Decisions that let a client go on are kept until its transaction
ends, which costs one record for all of them; a refusal is handed over at once, with what came
before it, so that it can be explained while the client is still there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from postroad.history.findings import findings_text
from postroad.history.page import Line
from postroad.history.recorder import NO_HISTORY, Memory, Recorder
from postroad.model import Endpoint, Reply
from postroad.model.journal import Event
from postroad.model.letter import Finding
from postroad.policy import Facts, Verdict
from postroad.policy.record import client_members, decision_members, optional, quoted

__all__ = ["Chronicle"]

MOST_HELD = 25
"""Decisions that a transaction holds: with a thousand recipients it is told of in many records."""


_NOWHERE = Endpoint("unknown", 0)


class Decision(NamedTuple):
    """One decision.

    Attributes:
        stage: the command.
        facts: what it was about.
        verdict: what policy said; `None` where somebody else refused.
        reply: what the client is told, where that is no success.
        at: when, seconds since the epoch.
    """

    stage: str
    facts: Facts
    verdict: Verdict | None
    reply: Reply | None
    at: float

    def text(self, memory: Memory, told: Facts) -> str:
        """As a JSON object.

        Args:
            memory: of the writer.
            told: whose client the record tells of; what this decision was about is told besides,
                where that was another: the lists before MAIL knew less.
        """
        facts, reply = self.facts, self.reply
        if self.verdict is not None:
            members = decision_members(facts, self.verdict, reply, memory)
        else:
            recipient = "null" if facts.recipient is None else quoted(str(facts.recipient))
            action = "reject" if reply is not None and reply.is_permanent else "defer"
            members = (
                f'"recipient":{recipient},"steps":[],"action":"{action}","reply":{optional(reply)}'
            )
        if not _is_same(facts, told):
            members = f"{client_members(facts)},{members}"
        return f'{{"stage":{quoted(self.stage)},"at":{self.at!r},{members}}}'


class Where(NamedTuple):
    """Where something happened.

    Attributes:
        session: the session's identifier.
        listener: the listener's name in the configuration.
        transaction: which one of the session, from 1; 0 before the first MAIL.
        protocol: as the trace field names it.
        server: our end of the connection.
    """

    session: str
    listener: str
    transaction: int
    protocol: str
    server: Endpoint

    def members(self) -> str:
        """As members of a JSON object."""
        address, port = self.server
        return (
            f'"session":"{self.session}","listener":{quoted(self.listener)},'
            f'"transaction":{self.transaction},"protocol":{quoted(self.protocol)},'
            f'"server":[{quoted(address)},{port}]'
        )


class Decided(NamedTuple):
    """Implements `Recordable`: decisions about one client, and what became of a message.

    Attributes:
        where: of all of them.
        began: when the transaction began, seconds since the epoch.
        ended: when this was handed over.
        decisions: in order; at least one, or an outcome.
        facts: of the client.
        queue_id: the message's, once it has one.
        outcome: the reply at the end of its content, if that came.
        size: octets of the content then.
        findings: what was found out about the message.
    """

    where: Where
    began: float
    ended: float
    decisions: tuple[Decision, ...]
    facts: Facts
    queue_id: str = ""
    outcome: Reply | None = None
    size: int = 0
    findings: Sequence[Finding] = ()

    @property
    def weight(self) -> int:
        """See `Recordable.weight`."""
        return max(1, len(self.decisions))

    def line(self, memory: Memory) -> Line:
        """See `Recordable.line`."""
        decisions = ",".join([decision.text(memory, self.facts) for decision in self.decisions])
        names = (self.where.session, self.queue_id) if self.queue_id else (self.where.session,)
        text = (
            f'{{"kind":"decisions","at":{self.began!r},"ended":{self.ended!r},'
            f"{self.where.members()},{client_members(self.facts)},"
            f'"decisions":[{decisions}]'
        )
        if self.queue_id:
            text += f',"queue_id":{quoted(self.queue_id)}'
        if self.outcome is not None:
            text += f',"outcome":{optional(self.outcome)},"size":{self.size}'
        if self.findings:
            text += f',"findings":{findings_text(self.findings)}'
        return Line(text + "}", names, self.ended)


class Happened(NamedTuple):
    """Implements `Recordable`: something in a session that is no decision.

    Attributes:
        where: it happened.
        at: when, seconds since the epoch.
        event: as the log has it.
        facts: of the client.
    """

    where: Where
    at: float
    event: Event
    facts: Facts

    @property
    def weight(self) -> int:
        """See `Recordable.weight`."""
        return 1

    def line(self, _memory: Memory) -> Line:
        """See `Recordable.line`."""
        text = (
            f'{{"kind":"event","at":{self.at!r},'
            f"{self.where.members()},{client_members(self.facts)},"
            f'"event":"{type(self.event).__name__}","text":{quoted(self.event.text)}}}'
        )
        return Line(text, (self.where.session,), self.at)


class Chronicle:
    """What a session tells the history.

    Attributes:
        session: the session's identifier; empty where no history is kept.
    """

    __slots__ = (
        "_began",
        "_clock",
        "_decisions",
        "_facts",
        "_findings",
        "_history",
        "_listener",
        "_outcome",
        "_protocol",
        "_queue_id",
        "_server",
        "_silent",
        "_size",
        "_transaction",
        "session",
    )

    def __init__(self, history: Recorder, listener: str, clock: Callable[[], float]) -> None:
        """Of a session that begins.

        Args:
            history: who remembers.
            listener: the listener's name in the configuration.
            clock: seconds since the epoch.
        """
        self.session = history.session_id()
        self._history = history
        self._silent = history is NO_HISTORY
        self._listener = listener
        self._clock = clock
        self._protocol = ""
        self._server = _NOWHERE
        self._transaction = 0
        self._began = 0.0
        self._decisions: list[Decision] = []
        self._facts: Facts | None = None
        self._findings: Sequence[Finding] = ()
        self._outcome: Reply | None = None
        self._queue_id = ""
        self._size = 0

    @property
    def in_replies(self) -> bool:
        """Whether refusals tell the client the session's identifier."""
        return self._history.in_replies

    def met(self, protocol: str, server: Endpoint) -> None:
        """How the client speaks, as the trace field names it, and our end of its connection."""
        self._protocol, self._server = protocol, server

    def began(self, at: float) -> None:
        """A transaction begins, at so many seconds since the epoch."""
        self._transaction += 1
        self._began = at

    def decided(self, stage: str, facts: Facts, verdict: Verdict) -> None:
        """Policy decided. A refusal is handed over by `refused`, which comes next.

        Args:
            stage: the command.
            facts: what it was about.
            verdict: what was decided.
        """
        if self._silent:
            return
        self._facts = facts
        self._decisions.append(Decision(stage, facts, verdict, verdict.reply, self._clock()))
        if len(self._decisions) >= MOST_HELD and verdict.reply is None:
            self._hand_over()

    def refused(self, stage: str, reply: Reply, facts: Facts, queue_id: str = "") -> None:
        """The client is told of a refusal, by policy or by somebody else.

        Args:
            stage: the command.
            reply: what the client is told.
            facts: what it is about.
            queue_id: the message's, once it has one.
        """
        if self._silent:
            return
        held = self._decisions
        if held and held[-1].reply is not None:  # the refusal that policy has just decided on
            held[-1] = held[-1]._replace(reply=reply)
            facts = held[-1].facts
        else:
            held.append(Decision(stage, facts, None, reply, self._clock()))
        if not self._began:  # MAIL itself was refused, or something outside of transactions
            self._transaction += 1
        self._facts = facts
        self._queue_id = queue_id or self._queue_id
        self._hand_over()

    def found(self, findings: Sequence[Finding]) -> None:
        """Somebody looked at the content; this is what was found out about it."""
        self._findings = findings

    def taken(self, queue_id: str, reply: Reply, size: int) -> None:
        """The content is complete, and was answered with a success."""
        self._queue_id, self._outcome, self._size = queue_id, reply, size

    def ended(self) -> None:
        """The transaction is over."""
        if self._decisions or self._outcome is not None:
            self._hand_over()
        self._began, self._queue_id = 0.0, ""

    def happened(self, event: Event, facts: Facts) -> None:
        """Something else that an operator may ask about."""
        if not self._silent:
            self._history.put(Happened(self._where(), self._clock(), event, facts))

    def _hand_over(self) -> None:
        facts, now = self._facts, self._clock()
        decisions, self._decisions = tuple(self._decisions), []
        outcome, self._outcome = self._outcome, None
        findings, self._findings = self._findings, ()
        if facts is None or self._silent:
            return
        began = self._began or (decisions[0].at if decisions else now)
        where = self._where()
        self._history.put(
            Decided(
                where, began, now, decisions, facts, self._queue_id, outcome, self._size, findings
            )
        )

    def _where(self) -> Where:
        return Where(self.session, self._listener, self._transaction, self._protocol, self._server)


def _is_same(one: Facts, other: Facts) -> bool:
    """Whether all that a record tells of its client once is the same for both decisions.

    Within a transaction it is. Lists that do not wait for RCPT are asked before all is known.
    """
    return (
        one.client is other.client
        and one.login is other.login
        and one.tls is other.tls
        and one.sender is other.sender
        and one.mail == other.mail
        and one.helo == other.helo
    )
