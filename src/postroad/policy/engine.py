"""The engine: runs restriction lists over a transaction and says why.

## Theory of operation

All lists but `data` are asked at RCPT, in the order client, helo, sender, relay, recipient, as
Postfix does with `smtpd_delay_reject = yes`: a client that is refused earlier often tries again
instead of going away, and the log then lacks the addresses. A list is asked from its beginning
until a restriction permits, which ends that list only, or refuses, which ends everything. At its
end a list lets the mail pass, except the relay list: that one ends with a refusal of every other
domain (`rules.CLOSING_RULE`), so a list that forgets to refuse does not relay.

Two answers are remembered rather than acted upon. After `defer_if_permit` a final permit becomes
that deferral; it is remembered to the end of RCPT. After `defer_if_reject` a 5xx refusal becomes
that deferral; it is forgotten at the end of the client, helo and sender list, and serves relay and
recipient together. The first of each kind counts. When both are known the list has nothing left to
find out and ends; even the relay list may, because nothing is permitted any more.

A failed look-up defers at once, whatever `warn_if_reject` says: nothing is ever permitted because
the directory did not answer.

Restrictions are coroutines that suspend only inside an `Oracle`. So an evaluation without look-ups
is a run of plain calls, and anything that drives a coroutine can evaluate a list. A trace is a list
of small tuples that point to constants; its words are put together when somebody reads them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from postroad.model import Reply
from postroad.policy.answer import Action, Answer, Form, Refusal, Stage, permit
from postroad.policy.facts import Facts, LookupUnavailable, Oracle
from postroad.policy.restrictions import RESTRICTIONS
from postroad.policy.rules import CLOSING_RULE, Rule

__all__ = ["Policy", "Step", "Verdict"]

_BEFORE_RELAY = (Stage.CLIENT, Stage.HELO, Stage.SENDER)
_POSTMASTER = Rule(Stage.RECIPIENT, "Postmaster", RESTRICTIONS["permit"])
_POSTMASTER_ANSWER = permit("Postmaster without a domain is always accepted (RFC 5321 §4.5.1)")
_CLOSING = ("reject_unauth_destination", "defer_unauth_destination")
_DUNNO, _PERMIT = Action.DUNNO, Action.PERMIT


class Step(NamedTuple):
    """One restriction's part in a verdict.

    Attributes:
        rule: the restriction and its place.
        answer: what it said, and why.
        reply: the reply of a refusal, whether it was given, remembered or only warned of.
        warned: whether `warn_if_reject` turned the refusal into a warning.
    """

    rule: Rule
    answer: Answer
    reply: Reply | None = None
    warned: bool = False

    @property
    def stage(self) -> Stage:
        """The list."""
        return self.rule.stage

    @property
    def restriction(self) -> str:
        """The restriction's name, with `warn_if_reject` where it stands before it."""
        return str(self.rule)

    @property
    def why(self) -> str:
        """The reason in words."""
        return self.answer.why


@dataclass(frozen=True, slots=True)
class Verdict:
    """What policy decided.

    Attributes:
        action: `PERMIT`, `REJECT` or `DEFER`.
        reply: the reply of a refusal; `None` when permitted.
        trace: every restriction that was asked, in order.
    """

    action: Action
    reply: Reply | None
    trace: tuple[Step, ...]

    @property
    def warnings(self) -> tuple[Reply, ...]:
        """The replies that `warn_if_reject` kept from being given, for the log."""
        return tuple(step.reply for step in self.trace if step.warned and step.reply is not None)

    def explain(self) -> str:
        """The trace in words: a line for each restriction, then the decision."""
        lines = [
            f"{step.stage.value:<9} {step.restriction}: {_said(step)} ({step.why})"
            for step in self.trace
        ]
        lines.append(f"{self.action.value}{f' with {self.reply}' if self.reply else ''}")
        return "\n".join(lines)


class Policy:
    """The restriction lists of a listener, ready to run.

    Attributes:
        lists: the rules of each list; the relay list with its closing rule, unless another rule
            already decides there.
    """

    __slots__ = ("_before_relay", "_from_relay", "lists")

    def __init__(self, lists: Mapping[Stage, tuple[Rule, ...]]) -> None:
        """Lists that are absent are empty. `presets.build` makes them from names."""
        self.lists = {stage: tuple(lists.get(stage, ())) for stage in Stage}
        self.lists[Stage.RELAY] = _closed(self.lists[Stage.RELAY])
        self._before_relay = tuple((s, self.lists[s]) for s in _BEFORE_RELAY if self.lists[s])
        self._from_relay = tuple(
            self.lists[s] for s in (Stage.RELAY, Stage.RECIPIENT) if self.lists[s]
        )

    async def recipient(self, facts: Facts, oracle: Oracle) -> Verdict:
        """Whether the recipient may be added, at RCPT.

        Args:
            facts: with the recipient.
            oracle: answers look-ups; if it cannot, the verdict is a deferral.
        """
        assert facts.recipient is not None, "RCPT always names a recipient"
        if not facts.recipient.domain and facts.recipient.local.lower() == "postmaster":
            return Verdict(_PERMIT, None, (Step(_POSTMASTER, _POSTMASTER_ANSWER),))
        hearing = _Hearing(facts, oracle)
        for stage, rules in self._before_relay:
            if _is_known(stage, facts):
                reply = await hearing.ask(rules)
                if reply is not None:
                    return hearing.verdict(reply)
                hearing.if_reject = None
        for rules in self._from_relay:
            reply = await hearing.ask(rules)
            if reply is not None:
                return hearing.verdict(reply)
        return hearing.verdict(hearing.if_permit)

    async def data(self, facts: Facts, oracle: Oracle) -> Verdict:
        """Whether content may come, at DATA.

        Args:
            facts: with the recipient only if there is exactly one.
            oracle: answers look-ups; if it cannot, the verdict is a deferral.
        """
        hearing = _Hearing(facts, oracle)
        reply = await hearing.ask(self.lists[Stage.DATA])
        return hearing.verdict(hearing.if_permit if reply is None else reply)


class _Hearing:
    """One evaluation under way."""

    __slots__ = ("facts", "if_permit", "if_reject", "oracle", "steps")

    def __init__(self, facts: Facts, oracle: Oracle) -> None:
        self.facts = facts
        self.oracle = oracle
        self.steps: list[Step] = []
        self.if_permit: Reply | None = None
        self.if_reject: Reply | None = None

    async def ask(self, rules: tuple[Rule, ...]) -> Reply | None:
        """Run one list to its end; the reply if it refuses."""
        facts, oracle, steps = self.facts, self.oracle, self.steps
        for rule in rules:
            try:
                answer = await rule.restriction.check(facts, oracle)
            except LookupUnavailable:
                return self._unavailable(rule)
            action = answer.action
            if action is _DUNNO:
                steps.append(Step(rule, answer))
            elif action is _PERMIT:
                steps.append(Step(rule, answer))
                if rule.restriction.permits:
                    return None
            else:
                reply = self._weigh(rule, answer)
                if reply is not None:
                    return reply
                if self.if_permit is not None and self.if_reject is not None:
                    return None
        return None

    def _weigh(self, rule: Rule, answer: Answer) -> Reply | None:
        """Take a refusal or a remembered deferral; the reply if it ends everything."""
        assert answer.refusal is not None, "only permit and dunno come without a refusal"
        reply = answer.refusal.reply(rule.stage, self.facts)
        if answer.action is Action.DEFER_IF_REJECT:
            self.steps.append(Step(rule, answer, reply))
            self.if_reject = self.if_reject or reply
            return None
        self.steps.append(Step(rule, answer, reply, rule.warn))
        if rule.warn:
            return None
        if answer.action is Action.DEFER_IF_PERMIT:
            self.if_permit = self.if_permit or reply
            return None
        return self.if_reject if reply.is_permanent and self.if_reject is not None else reply

    def _unavailable(self, rule: Rule) -> Reply:
        refusal = Refusal(
            451, "4.3.0", "Temporary lookup failure", rule.restriction.about, Form.NAMED
        )
        answer = Answer(Action.DEFER, "what it must look up is not available now", refusal)
        reply = refusal.reply(rule.stage, self.facts)
        self.steps.append(Step(rule, answer, reply))
        return reply

    def verdict(self, reply: Reply | None) -> Verdict:
        """The decision, given the reply if there is one."""
        if reply is None:
            return Verdict(_PERMIT, None, tuple(self.steps))
        action = Action.REJECT if reply.is_permanent else Action.DEFER
        return Verdict(action, reply, tuple(self.steps))


def _is_known(stage: Stage, facts: Facts) -> bool:
    """Whether there is something to judge: Postfix skips the lists of HELO and MAIL without one."""
    if stage is Stage.HELO:
        return bool(facts.helo)
    return stage is not Stage.SENDER or facts.mail


def _closed(rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
    """The relay list with its closing rule, unless it would be the same question again."""
    last = rules[-1] if rules else None
    if last is not None and not last.warn and (last.restriction.final or last.name in _CLOSING):
        return rules
    return (*rules, CLOSING_RULE)


def _said(step: Step) -> str:
    if step.warned:
        return f"warning only, else {step.reply}"
    return step.answer.action.value
