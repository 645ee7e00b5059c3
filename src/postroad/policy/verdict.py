"""What policy decided of one question, and every step that led there.

A trace is a list of small tuples that point to constants, made for every recipient; its words are
put together when somebody reads them.
"""

from __future__ import annotations

from typing import NamedTuple

from postroad.model import PLAIN, Disposition, Reply
from postroad.model.value import value
from postroad.policy.answer import Action, Answer, Stage
from postroad.policy.lookups import Lookup
from postroad.policy.rule import Rule

__all__ = ["Step", "Verdict"]


class Step(NamedTuple):
    """One restriction's part in a verdict.

    Attributes:
        rule: the restriction and its place.
        answer: what it said, and why.
        reply: the reply of a refusal, whether it was given, remembered or only warned of.
        warned: whether `warn_if_reject` turned the refusal into a warning.
        lookups: what it asked, and was answered.
        depth: how many lists it is within, beyond the stage's own.
    """

    rule: Rule
    answer: Answer
    reply: Reply | None = None
    warned: bool = False
    lookups: tuple[Lookup, ...] = ()
    depth: int = 0

    @property
    def stage(self) -> Stage:
        """The list."""
        return self.rule.stage

    @property
    def restriction(self) -> str:
        """The restriction as it stands in the list, with `warn_if_reject` where that is before."""
        return str(self.rule)

    @property
    def said(self) -> str:
        """What it said, in a word or with the reply that was only warned of."""
        if self.warned:
            return f"warning only, else {self.reply}"
        return "asks" if self.answer.then else self.answer.action.value

    @property
    def why(self) -> str:
        """The reason in words."""
        return self.answer.why


@value
class Verdict:
    """What policy decided.

    Attributes:
        action: `PERMIT`, `REJECT` or `DEFER`.
        reply: the reply of a refusal; `None` when permitted.
        trace: every restriction that was asked, in order.
        disposition: what is to be done with the message if it is accepted.
        notes: what the log is to be told: what happened (`hold`, `info` …), and words.
        pending: the deferral that a permit at a later stage becomes.
    """

    action: Action
    reply: Reply | None
    trace: tuple[Step, ...]
    disposition: Disposition = PLAIN
    notes: tuple[tuple[str, str], ...] = ()
    pending: Reply | None = None

    @property
    def warnings(self) -> tuple[Reply, ...]:
        """The replies that `warn_if_reject` kept from being given, for the log."""
        return tuple([step.reply for step in self.trace if step.warned and step.reply is not None])

    def explain(self) -> str:
        """The trace in words: a line for each restriction, then the decision."""
        lines = [
            f"{step.stage.value:<9} {'  ' * step.depth}{step.restriction}: {step.said} ({step.why})"
            for step in self.trace
        ]
        lines.append(f"{self.action.value}{f' with {self.reply}' if self.reply else ''}")
        return "\n".join(lines)
