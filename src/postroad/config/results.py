"""Entries of access tables that mean nothing, such as a misspelt REJECT.

In Postfix they are found when mail comes for them, which is then told `451 4.3.5 Server
configuration error` until somebody reads the log; or what they ask for is left out. A table whose
answers can be known is read here before it is used. Policy knows what an answer means, `tables`
what a table can answer.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from postroad.config.configuration import Configuration
from postroad.config.lines import KeyPath
from postroad.config.mistake import Fault, shown
from postroad.config.surroundings import surroundings_of
from postroad.config.tables import Values, listed_rules
from postroad.policy import RESTRICTIONS, Action, Answer, Argument, Rule, Stage, Surroundings
from postroad.policy.access_results import ResultMistake, read
from postroad.policy.context import Context
from postroad.policy.rules import read_list

__all__ = ["result_faults", "result_objection"]

_ACCESS = "check_"
"""How the names of restrictions begin whose table says what to do."""

_UNION = ("unionmap:", "union:", "proxy:union")
"""Tables left out: they could answer with every mixture of what their parts have, and seldom do."""


_ASK_OTHERS = (Argument.TABLE, Argument.SERVICE)
"""What restrictions name that permit only if somebody else says so."""


class _Place(NamedTuple):
    """Where a table is asked: the rule, and whether its list is asked before there is mail."""

    rule: Rule
    early: bool


def result_faults(configuration: Configuration, values: Values) -> Iterator[Fault]:
    """A fault for each access table with an entry that means nothing where the table is asked.

    Args:
        configuration: lists with mistakes in them name what can be understood.
        values: what tables can answer.
    """
    surroundings = surroundings_of(configuration)
    seen: set[tuple[Stage, str, bool, bool]] = set()
    for path, place in _places(configuration):
        rule = place.rule
        kind = (rule.stage, rule.argument, rule.restriction.permits, place.early)
        if kind not in seen:
            seen.add(kind)
            words = _meaningless(place, values(rule.argument), surroundings)
            if words:
                yield Fault(path, f"{rule.argument}: {words}")


def result_objection(
    configuration: Configuration, table: str, values: frozenset[str] | None
) -> str:
    """Why a table must not answer so: the first thing that means nothing; empty if all does."""
    surroundings = surroundings_of(configuration)
    for _, place in _places(configuration):
        if place.rule.argument == table:
            words = _meaningless(place, values, surroundings)
            if words:
                return words
    return ""


def _places(configuration: Configuration) -> Iterator[tuple[KeyPath, _Place]]:
    for path, rule, listener in listed_rules(configuration):
        for each in _with_those_within(rule):
            if _is_readable(each):
                yield path, _Place(each, early=not listener.policy.delay_reject)


def _is_readable(rule: Rule) -> bool:
    named = rule.name.startswith(_ACCESS) and rule.argument in rule.tables
    return named and not rule.argument.lower().startswith(_UNION)


def _with_those_within(rule: Rule) -> Iterator[Rule]:
    yield rule
    for each in rule.rules:
        yield from _with_those_within(each)


def _meaningless(place: _Place, values: frozenset[str] | None, surroundings: Surroundings) -> str:
    """What is wrong with the first of the values, in the order of the alphabet."""
    context = _context(place, surroundings)
    for value in sorted(values or ()):
        try:
            _check(place.rule, read(value, None, context))
        except ResultMistake as mistake:
            return f"the entry {shown(value)} means nothing: {mistake}"
    return ""


def _check(rule: Rule, answer: Answer) -> None:
    """Refuse what a table may say in other places, but not to this restriction.

    Raises:
        ResultMistake: it must not.
    """
    if answer.disposition.prepend and rule.stage is Stage.END_OF_DATA:
        raise ResultMistake("a header field cannot be added when the content is complete")
    if rule.restriction.permits or answer.disposition.discard:
        return
    if answer.action is Action.PERMIT:
        raise ResultMistake(f"{rule.name} must not permit; write DUNNO for an exception")
    for each in answer.then:
        for inner in _with_those_within(each):
            known = RESTRICTIONS.get(inner.name)
            if known is not None and known.permits and known.argument not in _ASK_OTHERS:
                words = f"{rule.name} must not permit, as {inner.name} would"
                raise ResultMistake(f"{words}; write DUNNO for an exception")


def _context(place: _Place, surroundings: Surroundings) -> Context:
    stage = place.rule.stage

    def read_there(text: str) -> tuple[Rule, ...]:
        rules, mistakes = read_list(stage, (text,), surroundings, early=place.early)
        if mistakes:
            raise mistakes[0]
        return rules

    return surroundings.at(stage, read_there)
