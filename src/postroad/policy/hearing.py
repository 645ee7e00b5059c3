"""A hearing: one question under way, through all the lists that it needs.

It runs lists and remembers what must outlive one restriction: the steps, what is to be done with
the message, the two deferrals that wait (see `engine`). Which lists are asked, and when what was
remembered is forgotten, is for the engine to say.

An answer may name other restrictions to ask in its place: a class of the operator's, or what an
access table says. They are a list within the list: a permit among them ends both. Below a
restriction that must not permit it is the operator's mistake, as OK itself is in its table. What
they refuse without saying whom they mean, they refuse of whom the table was asked about.

A look-up that fails defers, unless the restriction knows what follows; see `Hearing._unavailable`.
"""

from __future__ import annotations

from postroad.model import PLAIN, Reply
from postroad.policy.answer import Action, Answer, Form, Refusal, Subject, misconfigured
from postroad.policy.facts import Facts, LookupUnavailable, Oracle
from postroad.policy.lookups import Lookup, noting
from postroad.policy.restriction import Argument
from postroad.policy.rule import Rule
from postroad.policy.verdict import Step, Verdict

__all__ = ["MOST_NESTED", "MOST_STEPS", "Hearing"]

_DUNNO, _PERMIT = Action.DUNNO, Action.PERMIT

MOST_STEPS = 10_000
"""Of one evaluation: no list that is meant is so long, but lists in tables can name each other."""

MOST_NESTED = 20
"""Lists within lists. Operators need two or three; a class that leads back to itself ends here."""

_TOO_DEEP = misconfigured("restrictions lead back to themselves")
_MUST_NOT_PERMIT = misconfigured(
    "what its table names permits, which it must not here; an exception is written as DUNNO"
)


class Hearing:
    """One evaluation under way.

    Attributes:
        facts: the transaction.
        lookups: what the restriction that is asked now has looked up.
        oracle: answers look-ups, and notes them there.
        steps: what was said so far.
        notes: what the log is to be told.
        disposition: what is to be done with the message.
        if_permit: the deferral that a permit becomes.
        if_reject: the deferral that a 5xx refusal becomes.
        permitted: whether the list that was run last ended with a permit.
    """

    __slots__ = (
        "disposition",
        "facts",
        "if_permit",
        "if_reject",
        "lookups",
        "notes",
        "oracle",
        "permitted",
        "steps",
    )

    def __init__(self, facts: Facts, oracle: Oracle, pending: Reply | None = None) -> None:
        self.facts = facts
        self.lookups: list[Lookup] = []
        self.oracle = noting(oracle, self.lookups)
        self.steps: list[Step] = []
        self.notes: list[tuple[str, str]] = []
        self.disposition = PLAIN
        self.if_permit: Reply | None = pending
        self.if_reject: Reply | None = None
        self.permitted = False

    def has_asked(self, rule: Rule) -> bool:
        """Whether a restriction was asked already, wherever it stands."""
        name = rule.name
        for step in self.steps:  # noqa: SIM110  # a generator costs more than most restrictions
            if step.rule.name == name:
                return True
        return False

    async def ask(
        self, about: Subject, rules: tuple[Rule, ...], depth: int = 0, *, warn: bool = False
    ) -> Reply | None:
        """Run a list to its end; afterwards `permitted` says whether a restriction ended it.

        Args:
            about: whom those restrictions are about that do not say it.
            rules: its restrictions.
            depth: how many lists it is within.
            warn: whether `warn_if_reject` stands before it, which holds for all that is within.

        Returns:
            The reply if it refuses.
        """
        facts, oracle, steps, lookups = self.facts, self.oracle, self.steps, self.lookups
        for rule in rules:
            try:
                answer = await rule.check(facts, oracle)
            except LookupUnavailable:
                return self._unavailable(about, rule, depth)
            asked: tuple[Lookup, ...] = ()
            if lookups:
                asked = tuple(lookups)
                lookups.clear()
            if answer.disposition is not PLAIN:
                self.disposition = self.disposition.merged(answer.disposition)
            if answer.note is not None:
                self.notes.append((answer.note.what, answer.note.text(about, facts)))
            action = answer.action
            if action is _DUNNO:
                steps.append(Step(rule, answer, None, False, asked, depth))
                if answer.then:
                    reply = await self._within(about, rule, answer, depth, warn=warn)
                    if reply is not None or self.permitted:
                        return reply
            elif action is _PERMIT:
                steps.append(Step(rule, answer, None, False, asked, depth))
                if rule.restriction.permits or answer.disposition.discard:
                    self.permitted = True
                    return None
            else:
                reply = self._weigh(about, rule, answer, asked, depth, warn=warn)
                if reply is not None:
                    return reply
            if self.if_permit is not None and self.if_reject is not None:
                break
        self.permitted = False
        return None

    async def _within(
        self, about: Subject, rule: Rule, answer: Answer, depth: int, *, warn: bool
    ) -> Reply | None:
        """Run the list that an answer names."""
        if depth >= MOST_NESTED or len(self.steps) >= MOST_STEPS:
            return self._refused(about, rule, _TOO_DEEP, depth)
        if rule.restriction.argument is Argument.TABLE:
            about = rule.restriction.about or about
        reply = await self.ask(about, answer.then, depth + 1, warn=warn or rule.warn)
        may_permit = rule.restriction.permits or self.disposition.discard
        if reply is None and self.permitted and not may_permit:
            return self._refused(about, rule, _MUST_NOT_PERMIT, depth)
        return reply

    def _refused(self, about: Subject, rule: Rule, answer: Answer, depth: int) -> Reply:
        """The reply of a refusal that nothing keeps from being given."""
        assert answer.refusal is not None, "it refuses"
        reply = answer.refusal.reply(about, self.facts)
        self.steps.append(Step(rule, answer, reply, False, tuple(self.lookups), depth))
        self.lookups.clear()
        return reply

    def _weigh(
        self,
        about: Subject,
        rule: Rule,
        answer: Answer,
        asked: tuple[Lookup, ...],
        depth: int,
        *,
        warn: bool,
    ) -> Reply | None:
        """Take a refusal or a remembered deferral; the reply if it ends everything."""
        assert answer.refusal is not None, "only permit and dunno come without a refusal"
        reply = answer.refusal.reply(about, self.facts)
        if answer.action is Action.DEFER_IF_REJECT:
            self.steps.append(Step(rule, answer, reply, False, asked, depth))
            self.if_reject = self.if_reject or reply
            return None
        warn = (warn or rule.warn) and not answer.firm
        self.steps.append(Step(rule, answer, reply, warn, asked, depth))
        if warn:
            return None
        if answer.action is Action.DEFER_IF_PERMIT:
            self.if_permit = self.if_permit or reply
            return None
        return self.if_reject if reply.is_permanent and self.if_reject is not None else reply

    def _unavailable(self, about: Subject, rule: Rule, depth: int) -> Reply:
        refusal = Refusal(
            451, "4.3.0", "Temporary lookup failure", rule.restriction.about, Form.NAMED
        )
        answer = Answer(Action.DEFER, "what it must look up is not available now", refusal)
        return self._refused(about, rule, answer, depth)

    def verdict(self, reply: Reply | None) -> Verdict:
        """The decision, given the reply if there is one."""
        action = _PERMIT
        if reply is not None:
            action = Action.REJECT if reply.is_permanent else Action.DEFER
        return Verdict(
            action, reply, tuple(self.steps), self.disposition, tuple(self.notes), self.if_permit
        )
