"""A restriction in its place in a list, which is what the engine runs and the proof follows."""

from __future__ import annotations

from dataclasses import dataclass, field

from postroad.policy.answer import Stage
from postroad.policy.context import Context
from postroad.policy.recipient_rules import reject_unauth_destination
from postroad.policy.restriction import Argument, Check, Restriction, plain
from postroad.policy.restrictions import RESTRICTIONS

__all__ = ["CLOSING_RULE", "WARN_IF_REJECT", "Rule", "bound"]

WARN_IF_REJECT = "warn_if_reject"


@dataclass(frozen=True, slots=True)
class Rule:
    """A restriction in its place in a list.

    Attributes:
        stage: the list.
        name: its name, in lower case.
        restriction: what the table says of it.
        warn: whether `warn_if_reject` stands before it: a refusal is only logged.
        argument: what follows its name.
        rules: of a class, its restrictions.
        check: the function, made for this place.
    """

    stage: Stage
    name: str
    restriction: Restriction
    warn: bool = False
    argument: str = ""
    rules: tuple[Rule, ...] = ()
    check: Check = field(repr=False, compare=False, kw_only=True)

    def __str__(self) -> str:
        words = f"{self.name} {self.argument}" if self.argument else self.name
        return f"{WARN_IF_REJECT} {words}" if self.warn else words

    @property
    def tables(self) -> frozenset[str]:
        """The tables that it names, and those that the restrictions of its class do."""
        own = (self.argument,) if self.restriction.argument is Argument.TABLE else ()
        return frozenset(own).union(*(rule.tables for rule in self.rules))


def bound(
    stage: Stage, name: str, restriction: Restriction, argument: str = "", *, warn: bool = False
) -> Rule:
    """A rule of a restriction that needs to know nothing of the server; for those we add."""
    context = Context(stage=stage, read=lambda _text: ())
    check = restriction.make(argument, context)
    return Rule(stage, name, restriction, warn, argument, check=check)


CLOSING_RULE = bound(
    Stage.RELAY,
    "end of the list",
    Restriction(plain(reject_unauth_destination), RESTRICTIONS["reject_unauth_destination"].about),
)
"""What every relay list ends with: mail for another domain that nothing permitted is refused."""
