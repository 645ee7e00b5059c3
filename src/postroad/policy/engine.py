"""The engine: runs restriction lists over a transaction and says why.

## Theory of operation

The lists of client, helo and sender are asked at RCPT, before those of relay and recipient, as
Postfix does with `smtpd_delay_reject = yes`: a client that is refused earlier often tries again
instead of going away, and the log then lacks the addresses. Where `delay_reject` is off each is
asked at its own command. A list is asked from its beginning until a restriction permits, which ends
that list only, or refuses, which ends everything. At its end a list lets the mail pass, except the
relay list: that one ends with a refusal of every other domain (`rule.CLOSING_RULE`), so a list
that forgets to refuse does not relay.

Two answers are remembered rather than acted upon. After `defer_if_permit` a final permit becomes
that deferral; it is remembered to the end of RCPT. After `defer_if_reject` a 5xx refusal becomes
that deferral; it is forgotten at the end of the client, helo and sender list, and serves relay and
recipient together. The first of each kind counts. When both are known the list has nothing left to
find out and ends; even the relay list may, because nothing is permitted any more.

When the directory, the greylist or a policy service does not answer, the reply is a deferral at
once, whatever `warn_if_reject` says. A restriction that asks the DNS or an access table answers for
itself what follows: some have no opinion, some defer, now or if the rest permits, and where
`warn_if_reject` stands before one that defers, it warns like any refusal. No restriction permits
because something did not answer.

How a list is run, and lists within it, is in `hearing`. Restrictions are coroutines that suspend
only inside an `Oracle`. So an evaluation without look-ups is a run of plain calls, and anything
that drives a coroutine can evaluate a list.
"""

from __future__ import annotations

from collections.abc import Mapping

from postroad.model import Reply
from postroad.policy.answer import Action, Stage, Subject, permit
from postroad.policy.facts import Facts, Oracle
from postroad.policy.hearing import Hearing
from postroad.policy.restrictions import RESTRICTIONS
from postroad.policy.rule import CLOSING_RULE, Rule, bound
from postroad.policy.verdict import Step, Verdict

__all__ = ["Policy"]

_BEFORE_RELAY = (Stage.CLIENT, Stage.HELO, Stage.SENDER)
_POSTMASTER = bound(Stage.RECIPIENT, "Postmaster", RESTRICTIONS["permit"])
_POSTMASTER_ANSWER = permit("Postmaster without a domain is always accepted (RFC 5321 §4.5.1)")
_NOTHING_ASKED = Verdict(Action.PERMIT, None, ())
_List = tuple[Stage, Subject, tuple[Rule, ...]]
_CLOSING = ("reject_unauth_destination", "defer_unauth_destination")
_UNLISTED = bound(
    Stage.RECIPIENT, "reject_unlisted_recipient", RESTRICTIONS["reject_unlisted_recipient"]
)


class Policy:
    """The restriction lists of a listener, ready to run.

    Attributes:
        lists: the rules of each list; the relay list with its closing rule, unless another rule
            already decides there.
        delay_reject: whether the lists of client, helo and sender wait for RCPT.
        reject_unlisted_recipient: whether who passed all lists must still exist, if he is ours.
    """

    __slots__ = (
        "_at_etrn",
        "_before_relay",
        "_from_relay",
        "delay_reject",
        "lists",
        "reject_unlisted_recipient",
    )

    def __init__(
        self,
        lists: Mapping[Stage, tuple[Rule, ...]],
        *,
        delay_reject: bool = True,
        reject_unlisted_recipient: bool = False,
    ) -> None:
        """Lists that are absent are empty. `presets.build` makes them from names."""
        self.lists = {stage: tuple(lists.get(stage, ())) for stage in Stage}
        self.lists[Stage.RELAY] = _closed(self.lists[Stage.RELAY])
        self.delay_reject = delay_reject
        self.reject_unlisted_recipient = reject_unlisted_recipient
        self._before_relay = self._asked(*_BEFORE_RELAY) * delay_reject
        self._from_relay = self._asked(Stage.RELAY, Stage.RECIPIENT)
        self._at_etrn = (*self._before_relay, *self._asked(Stage.ETRN))

    def _asked(self, *stages: Stage) -> tuple[_List, ...]:
        """Those of the lists that say something, so that no question need look for them."""
        return tuple(
            (stage, stage.subject, self.lists[stage]) for stage in stages if self.lists[stage]
        )

    async def early(
        self, stage: Stage, facts: Facts, oracle: Oracle, pending: Reply | None = None
    ) -> Verdict:
        """The list of client, helo or sender at its own time, where `delay_reject` is off.

        Args:
            stage: which.
            facts: as far as they are known by then.
            oracle: answers look-ups.
            pending: what the verdict before this one left.
        """
        hearing = Hearing(facts, oracle, pending)
        return hearing.verdict(await hearing.ask(stage.subject, self.lists[stage]))

    async def recipient(
        self, facts: Facts, oracle: Oracle, pending: Reply | None = None
    ) -> Verdict:
        """Whether the recipient may be added, at RCPT.

        Args:
            facts: with the recipient.
            oracle: answers look-ups; if it cannot, the verdict is a deferral.
            pending: what the verdicts at earlier commands left.
        """
        assert facts.recipient is not None, "RCPT always names a recipient"
        if not facts.recipient.domain and facts.recipient.local.lower() == "postmaster":
            return Verdict(Action.PERMIT, None, (Step(_POSTMASTER, _POSTMASTER_ANSWER),))
        hearing = Hearing(facts, oracle, pending)
        for stage, subject, rules in self._before_relay:
            if _is_known(stage, facts):
                reply = await hearing.ask(subject, rules)
                if reply is not None:
                    return hearing.verdict(reply)
                if hearing.disposition.discard:  # what will not be delivered needs no more judging
                    return hearing.verdict(hearing.if_permit)
                hearing.if_reject = None
        for _, subject, rules in self._from_relay:
            reply = await hearing.ask(subject, rules)
            if reply is not None:
                return hearing.verdict(reply)
            if hearing.disposition.discard:
                return hearing.verdict(hearing.if_permit)
        return hearing.verdict(hearing.if_permit or await self._unlisted(hearing))

    async def _unlisted(self, hearing: Hearing) -> Reply | None:
        """The refusal of a recipient whom all lists let pass and who does not exist."""
        if not self.reject_unlisted_recipient or hearing.has_asked(_UNLISTED):
            return None
        return await hearing.ask(Subject.RECIPIENT, (_UNLISTED,))

    async def data(self, facts: Facts, oracle: Oracle) -> Verdict:
        """Whether content may come, at DATA; facts with the recipient only if there is just one."""
        return await self._alone(Stage.DATA, facts, oracle)

    async def end_of_data(self, facts: Facts, oracle: Oracle) -> Verdict:
        """Whether the message may be taken, when its content is complete; see `data`."""
        return await self._alone(Stage.END_OF_DATA, facts, oracle)

    async def etrn(self, facts: Facts, oracle: Oracle) -> Verdict:
        """Whether the client may start the queue of the domain in `facts.etrn`."""
        hearing = Hearing(facts, oracle)
        for stage, subject, rules in self._at_etrn:
            if _is_known(stage, facts):
                reply = await hearing.ask(subject, rules)
                if reply is not None:
                    return hearing.verdict(reply)
                hearing.if_reject = None
        return hearing.verdict(hearing.if_permit)

    async def _alone(self, stage: Stage, facts: Facts, oracle: Oracle) -> Verdict:
        rules = self.lists[stage]
        if not rules:
            return _NOTHING_ASKED
        hearing = Hearing(facts, oracle)
        reply = await hearing.ask(stage.subject, rules)
        return hearing.verdict(hearing.if_permit if reply is None else reply)


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
