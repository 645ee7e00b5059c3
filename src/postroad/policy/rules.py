"""Reading restriction lists: from the operator's names to rules that can be run.

A list is read as Postfix reads its own: names are separated by commas or white space, their case
does not matter, and `warn_if_reject` belongs to the name that follows it. Unlike Postfix, a list
that cannot mean what it says is a mistake: an unknown name, a name where it can never apply, one
behind a restriction that always decides. Every mistake is found, not only the first.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches

from postroad.policy.answer import Stage
from postroad.policy.restrictions import RESTRICTIONS, Restriction, reject_unauth_destination

__all__ = ["CLOSING_RULE", "RestrictionMistake", "Rule", "read_list"]

WARN_IF_REJECT = "warn_if_reject"


class RestrictionMistake(ValueError):
    """A restriction list that cannot be used.

    Attributes:
        stage: the list.
        name: the name in question, as it was written.
        nearest: the right name most like it, or `None`.
    """

    def __init__(self, stage: Stage, name: str, words: str, nearest: str | None = None) -> None:
        hint = f"; did you mean {nearest}?" if nearest else ""
        super().__init__(f"{stage.value}: {name}: {words}{hint}")
        self.stage = stage
        self.name = name
        self.nearest = nearest


@dataclass(frozen=True, slots=True)
class Rule:
    """A restriction in its place in a list.

    Attributes:
        stage: the list.
        name: its name, in lower case.
        restriction: what the table says of it.
        warn: whether `warn_if_reject` stands before it: a refusal is only logged.
    """

    stage: Stage
    name: str
    restriction: Restriction
    warn: bool = False

    def __str__(self) -> str:
        return f"{WARN_IF_REJECT} {self.name}" if self.warn else self.name


CLOSING_RULE = Rule(
    Stage.RELAY,
    "end of the list",
    Restriction(reject_unauth_destination, RESTRICTIONS["reject_unauth_destination"].about),
)
"""What every relay list ends with: mail for another domain that nothing permitted is refused."""


def read_list(
    stage: Stage, names: Iterable[str]
) -> tuple[tuple[Rule, ...], list[RestrictionMistake]]:
    """The rules of a list, and every mistake in it.

    Args:
        stage: where the list stands.
        names: names, one or several in each text.
    """
    rules: list[Rule] = []
    mistakes: list[RestrictionMistake] = []
    end: Rule | None = None
    for name, warn in _modified(stage, names, mistakes):
        mistake = _mistake(stage, name, end)
        if mistake is not None:
            mistakes.append(mistake)
            continue
        rule = Rule(stage, name.lower(), RESTRICTIONS[name.lower()], warn)
        rules.append(rule)
        if rule.restriction.final and not (warn and not rule.restriction.permits):
            end = rule
    return tuple(rules), mistakes


def _modified(
    stage: Stage, names: Iterable[str], mistakes: list[RestrictionMistake]
) -> Iterator[tuple[str, bool]]:
    """The names with whether `warn_if_reject` stands before each."""
    warning = ""
    for text in names:
        for name in text.replace(",", " ").split():
            if name.lower() == WARN_IF_REJECT:
                warning = name
            else:
                yield name, bool(warning)
                warning = ""
    if warning:
        mistakes.append(RestrictionMistake(stage, warning, "no restriction follows it"))


def _mistake(stage: Stage, name: str, end: Rule | None) -> RestrictionMistake | None:
    restriction = RESTRICTIONS.get(name.lower())
    if restriction is None:
        known = [WARN_IF_REJECT, *(n for n, r in RESTRICTIONS.items() if stage in r.stages)]
        nearest = get_close_matches(name.lower(), known, n=1)
        return RestrictionMistake(stage, name, "unknown restriction", *nearest)
    if stage not in restriction.stages:
        places = ", ".join(s.value for s in Stage if s in restriction.stages)
        return RestrictionMistake(stage, name, f"can only apply in {places}")
    if end is not None:
        return RestrictionMistake(stage, name, f"never asked, because {end} always decides")
    return None
