"""How a check came to its result, step by step, for an operator to read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from spftrace import MAX_DNS_TERMS, MAX_VOID_LOOKUPS, Event, Result

from postroad.model.printable import printable

__all__ = ["Step", "budget", "steps"]

MOST_TEXT = 500
"""Characters of a record that are shown; it is a stranger's text."""

MOST_ANSWERS = 5
"""Records of one answer that are shown."""


class Step(NamedTuple):
    """One step.

    Attributes:
        depth: how many `include` and `redirect` it is within.
        words: what happened, in one line.
    """

    depth: int
    words: str


def steps(found: Result) -> Iterator[Step]:
    """What was asked and what matched, in order.

    Args:
        found: a finished evaluation.
    """
    for event in found.trace.events:
        tell = _TOLD.get(event.kind)
        if tell is not None:
            yield Step(event.depth, _plain(tell(event)))


def budget(found: Result) -> str:
    """How much of RFC 7208 §4.6.4's limits was used."""
    return (
        f"{found.dns_terms_used} of {MAX_DNS_TERMS} terms that ask the DNS; "
        f"{found.void_lookups_used} of {MAX_VOID_LOOKUPS} answers without a record"
    )


def _record(event: Event) -> str:
    return f"record: {event.data['policy']}"


def _lookup(event: Event) -> str:
    answers = [str(each) for each in event.data["answers"]]
    more = f" and {len(answers) - MOST_ANSWERS} more" if len(answers) > MOST_ANSWERS else ""
    said = ", ".join(answers[:MOST_ANSWERS]) or f"nothing ({event.data['rcode']})"
    return f"{event.data['rtype']} of {event.data['name']}: {said}{more}"


_TOLD: dict[str, Callable[[Event], str]] = {
    "check_start": lambda event: f"{event.data['domain']}:",
    "policy_parsed": _record,
    "parse_error": _record,
    "dns_lookup": _lookup,
    "mech_match": lambda event: f"{event.data['raw']} matches: {event.data['result']}",
    "mech_nomatch": lambda event: f"{event.data['raw']} does not match",
    "recurse_out": lambda event: (
        f"{event.data['via']} of {event.data['domain']}: {event.data['result']}"
    ),
    "void_lookup": lambda event: f"{event.data['name']} has no such record",
    "exit": lambda event: f"ends here: {event.data['reason']}",
}


def _plain(text: str) -> str:
    text = printable(text)
    return text if len(text) <= MOST_TEXT else f"{text[: MOST_TEXT - 3]}..."
