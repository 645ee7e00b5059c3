"""What a restriction can say to a stranger: every possibility, with words for each.

A restriction is asked about the stranger by the very function that serves sessions. If that needs
nothing of what he chooses, its answer is the only one. Otherwise:

- one that asks an access table answers by what the table says and by nothing else, so it is asked
  again with each value that the table can have, with none, and with the table away;
- of those in a table below it is known why a stranger gets nothing from them;
- any other may let him pass, and may permit if it is marked so in the table of restrictions.

So what is not understood counts as open. This module knows single restrictions; what a list makes
of their answers is in `proof`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from postroad.policy.answer import Action, Answer, dunno
from postroad.policy.facts import LookupUnavailable
from postroad.policy.networks import Networks
from postroad.policy.reach import reach_of
from postroad.policy.restriction import Argument
from postroad.policy.restrictions import RESTRICTIONS
from postroad.policy.rule import Rule
from postroad.policy.stranger import Party, Unknown, Value, answer_to, answer_with

__all__ = ["Possibilities", "Possibility", "Values", "nothing_known", "short"]

Values = Callable[[str], frozenset[str] | None]
"""Every value that a table can answer with; `None` where that cannot be known."""

_SHOWN = 3  # values that a message names
_LONGEST = 60  # characters of one


def nothing_known(_table: str) -> None:
    """The `Values` of who cannot look into tables."""


@dataclass(frozen=True, slots=True)
class Possibility:
    """One thing that a rule can say.

    Attributes:
        answer: the answer; `None`: whatever its kind can say.
        how: what leads to it, as `can answer OK`; empty where nothing else can come.
    """

    answer: Answer | None
    how: str = ""


class Possibilities:
    """What rules can say to somebody."""

    def __init__(self, party: Party, values: Values, backup: Networks) -> None:
        """For one party.

        Args:
            party: whom they are asked about.
            values: what tables can answer.
            backup: `mx_backup_networks`.
        """
        self._party = party
        self._values = values
        self._backup = backup

    def of(self, rule: Rule) -> Iterable[Possibility]:
        """Everything that a rule can say; what lets pass without more comes first."""
        try:
            known = {answer_to(rule.check, facts): None for facts in self._party.cases}
        except Unknown:
            return self._unknown(rule)
        return sorted(map(Possibility, known), key=_weight)

    def _unknown(self, rule: Rule) -> Iterable[Possibility]:
        if rule.restriction is not RESTRICTIONS.get(rule.name) or not rule.restriction.permits:
            return (_open(rule),)
        if rule.restriction.argument is Argument.TABLE:
            return self._by_value(rule)
        if rule.name in _CLOSED and self._party.is_stranger:
            why, how = _CLOSED[rule.name](self._backup)
            return (Possibility(None, how) if how else Possibility(dunno(why)),)
        return (_open(rule),)

    def _by_value(self, rule: Rule) -> Iterable[Possibility]:
        values = self._values(rule.argument)
        if values is None:
            return (Possibility(None, "can answer OK (all that it holds cannot be known)"),)
        try:
            return list(_answers(rule, values))
        except Unknown:
            return (_open(rule),)


def _answers(rule: Rule, values: Iterable[str]) -> Iterator[Possibility]:
    """What an access table's rule says to nothing, to each value, and to a table that is away."""
    yield Possibility(answer_with(rule.check, Value()), "has nothing of him")
    permitting: list[str] = []
    told: set[Action] = set()
    for value in sorted(values):
        answer = answer_with(rule.check, Value(value))
        if answer.then:
            yield Possibility(answer, f'can answer "{short(value, _LONGEST)}"')
        elif answer.action is Action.PERMIT and not answer.disposition.discard:
            permitting.append(value)
        elif answer.action not in told:
            told.add(answer.action)
            yield Possibility(answer, f'can answer "{short(value, _LONGEST)}"')
    if permitting:
        yield Possibility(
            answer_with(rule.check, Value(permitting[0])),
            f"can answer OK (entry values: {_few(permitting)})",
        )
    try:
        yield Possibility(answer_with(rule.check, Value(is_away=True)), "can be away")
    except LookupUnavailable:
        return  # the engine defers


def short(text: str, most: int) -> str:
    """A text, or the beginning of one that is longer."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _few(values: list[str]) -> str:
    shown = ", ".join(short(value, _LONGEST) for value in values[:_SHOWN])
    return shown if len(values) <= _SHOWN else f"{shown} and {len(values) - _SHOWN} more"


def _weight(possibility: Possibility) -> bool:
    """Whether it is anything but letting pass."""
    return possibility.answer is None or possibility.answer.action is not Action.DUNNO


def _open(rule: Rule) -> Possibility:
    """A rule that may say whatever its kind can."""
    return Possibility(None, "may answer OK" if rule.name == "check_policy_service" else "")


# Closed for another reason than what the function shows ------------------------------------------


def _own_address(_backup: Networks) -> tuple[str, str]:
    return "the client has none of our own addresses", ""


def _backup_exchanger(backup: Networks) -> tuple[str, str]:
    finds = "finds us named as the backup of any domain that wants that"
    if not (backup.v4 or backup.v6):
        return "", f"{finds} (there are no mx_backup_networks)"
    wide = reach_of(backup)
    if wide:
        return "", f"{finds} (mx_backup_networks hold too much of the Internet: {wide})"
    return "the best mail exchangers of the recipient's domain are not in mx_backup_networks", ""


_CLOSED: dict[str, Callable[[Networks], tuple[str, str]]] = {
    "permit_inet_interfaces": _own_address,
    "permit_mx_backup": _backup_exchanger,
}
"""Why a stranger gets nothing from a restriction; or, in the second place, how he does."""
