"""Decisions that were kept, made again by the lists of another configuration.

Theory of operation. Each recorded decision has the facts that it was made by and every answer that
was looked up for it; the proposed listener of the same name is asked the same question, with those
answers (`policy.recalled`). What was not looked up then is looked up now where that harms nobody,
else the decision is undecided, and the question says why.

Who is trusted follows from the proposed networks and not from what was so then. Whether accounts
answer as then or as now depends on whether the proposed configuration has others (`Proposal`).

Where the lists of client, helo and sender do not wait for RCPT, what they left for RCPT belongs to
the session: it is remembered for as many sessions as are under way at a time, whose records are
near each other. So a history of any length is gone through in the memory of a few pages.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from postroad.app.comparison import Comparison, Kept, Made
from postroad.config import Configuration
from postroad.config.relaying import trusted_at
from postroad.config.surroundings import surroundings_of
from postroad.history.record import decisions_of
from postroad.model import Reply
from postroad.policy import Facts, Lookup, Networks, Oracle, Policy, Stage, Verdict, build
from postroad.policy.recalled import NotRecalled, Present, recalled
from postroad.policy.record import facts_of, lookups_of

__all__ = ["Proposal", "replay"]

SESSIONS = 10_000
"""Sessions whose early lists are remembered: more than are served at once."""

TELL_EVERY = 500
"""Decisions between two words of progress."""

_EARLY = {"CONNECT": Stage.CLIENT, "EHLO": Stage.HELO, "MAIL": Stage.SENDER}
_BEFORE = (Stage.SENDER, Stage.HELO, Stage.CLIENT)
"""The lists that have their own commands, the last one first."""

Record = Mapping[str, object]


class Proposal:
    """A configuration that is asked what it would have said."""

    def __init__(self, configuration: Configuration, present: Present) -> None:
        """The lists of its listeners.

        Args:
            configuration: the proposed one.
            present: whom to ask what was not asked then.
        """
        surroundings = surroundings_of(configuration)
        self.policies = {
            listener.name: build(listener.preset, listener.policy, surroundings)
            for listener in configuration.resolved_listeners
        }
        self._trusted = {
            listener.name: trusted_at(configuration, listener.settings)
            for listener in configuration.resolved_listeners
        }
        self.present = present

    def facts(self, record: Record, stage: str) -> Facts:
        """What a decision was about, as the proposed server would see it."""
        facts = facts_of(record)
        there = self._trusted.get(str(record.get("listener")), Networks(()))
        trusted = facts.client.is_local or there.contains(facts.client.address)
        return replace(facts, trusted=trusted, state=stage)


@dataclass(slots=True)
class _Session:
    """What the early lists of a session were asked, and what they would leave.

    Attributes:
        lookups: by list, of the last time that it was asked.
        pending: the deferral that a permit at RCPT becomes.
    """

    lookups: dict[Stage, tuple[Lookup, ...]] = field(default_factory=dict)
    pending: dict[Stage, Reply | None] = field(default_factory=dict)


async def replay(
    records: Iterable[Record],
    proposal: Proposal,
    *,
    limit: int = 0,
    progress: Callable[[int], None] = lambda _: None,
) -> Comparison:
    """Make decisions again, and compare.

    Args:
        records: as a history has them, in order.
        proposal: who makes them.
        limit: how many at the most; 0: all.
        progress: told now and then how many were made.
    """
    replaying, comparison = _Replaying(proposal), Comparison()
    for record in decisions_of(iter(records)):
        if limit and comparison.seen >= limit:
            break
        await replaying.take(record, comparison)
        if comparison.seen % TELL_EVERY == 0:
            progress(comparison.seen)
    return comparison


class _Replaying:
    """The run of a proposal over records."""

    def __init__(self, proposal: Proposal) -> None:
        self._proposal = proposal
        self._sessions: OrderedDict[str, _Session] = OrderedDict()

    async def take(self, record: Record, comparison: Comparison) -> None:
        """Make one decision again, and note what has changed."""
        kept = Kept.of(record)
        policy = self._proposal.policies.get(kept.listener)
        if kept.is_not_by_lists:
            comparison.other()
        elif policy is None:
            comparison.no_listener(kept.listener)
        else:
            try:
                made = await self._make(policy, kept, record)
            except NotRecalled as question:
                comparison.undecided(kept, question.whom, question.question)
            else:
                comparison.decided(kept, made)

    async def _make(self, policy: Policy, kept: Kept, record: Record) -> Made:
        """The decision as the proposed lists make it.

        Raises:
            NotRecalled: it depends on what was not asked then.
        """
        facts, lookups = self._proposal.facts(record, kept.stage), lookups_of(record)
        early = _EARLY.get(kept.stage)
        if early is not None:
            return await self._make_early(policy, early, kept, facts, lookups)
        match kept.stage:
            case "RCPT":
                return await self._make_at_rcpt(policy, kept, facts, lookups)
            case "DATA":
                return Made.of(await policy.data(facts, self._oracle(lookups)))
            case "ETRN":
                return Made.of(await policy.etrn(facts, self._oracle(lookups)))
            case "END-OF-MESSAGE":
                return Made.of(await policy.end_of_data(facts, self._oracle(lookups)))
            case unknown:  # of a release that asks elsewhere too
                raise NotRecalled("history", f"what lists are asked at {unknown}")

    async def _make_early(
        self,
        policy: Policy,
        stage: Stage,
        kept: Kept,
        facts: Facts,
        lookups: tuple[Lookup, ...],
    ) -> Made:
        """What a list said at its own command; if it waits for RCPT now, what it will say there."""
        session = self._session(kept.session)
        session.lookups[stage] = lookups
        before = _BEFORE[_BEFORE.index(stage) + 1 :]
        pending = _nearest(session.pending, before)
        verdict = await policy.early(stage, facts, self._oracle(lookups), pending)
        session.pending[stage] = verdict.pending
        return Made.of(verdict)

    async def _make_at_rcpt(
        self, policy: Policy, kept: Kept, facts: Facts, lookups: tuple[Lookup, ...]
    ) -> Made:
        if facts.recipient is None:
            raise NotRecalled("history", "the recipient")
        session = self._sessions.get(kept.session)
        was_early = session is not None
        if session is not None and policy.delay_reject:
            asked = [lookup for each in session.lookups.values() for lookup in each]
            lookups = (*asked, *lookups)
        oracle, pending = self._oracle(lookups), None
        if not policy.delay_reject:
            if session is not None:
                pending = _nearest(session.pending)
            else:
                verdict = await self._ask_early(policy, facts, lookups)
                if verdict is not None and verdict.reply is not None:
                    return Made.of(verdict, comparable=False)
                pending = None if verdict is None else verdict.pending
        verdict = await policy.recipient(facts, oracle, pending)
        return Made.of(verdict, comparable=was_early is not policy.delay_reject)

    async def _ask_early(
        self, policy: Policy, facts: Facts, lookups: tuple[Lookup, ...]
    ) -> Verdict | None:
        """The lists before RCPT, for a session in which they waited; the last that was asked."""
        verdict: Verdict | None = None
        for command, stage in _EARLY.items():
            if not policy.lists[stage]:
                continue
            known = replace(facts, recipient=None, state=command)
            if stage is not Stage.SENDER:
                known = replace(known, mail=False, sender=None)
            pending = None if verdict is None else verdict.pending
            verdict = await policy.early(stage, known, self._oracle(lookups), pending)
            if verdict.reply is not None:
                break
        return verdict

    def _oracle(self, lookups: tuple[Lookup, ...]) -> Oracle:
        return recalled(lookups, self._proposal.present)

    def _session(self, name: str) -> _Session:
        session = self._sessions.get(name)
        if session is None:
            session = self._sessions[name] = _Session()
            if len(self._sessions) > SESSIONS:
                self._sessions.popitem(last=False)
        return session


def _nearest(
    pending: Mapping[Stage, Reply | None], stages: tuple[Stage, ...] = _BEFORE
) -> Reply | None:
    """What the last of these lists left that was asked; see `server.preliminary`."""
    return next((pending[stage] for stage in stages if stage in pending), None)
