"""Which messages and recipients an operator means, as a condition in SQL.

One condition serves listings, counts and every change, so that what a dry run shows is what
happens. It is put together of the clauses that the choice asks for and of no others: SQLite then
takes the index for messages that are named, and reads rows in the order of their key for all
others. No clause makes it read more than the range that the caller gives.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from postroad.spool.claim import Choice, Standing
from postroad.spool.queue_id import number_of

__all__ = ["Condition", "Values", "condition", "matches", "pattern"]

Values = dict[str, str | int | float | None]

LARGEST = 9_223_372_036_854_775_807  # SQLite's

MOST_WILDCARDS = 4
"""In one text: each one more makes the comparison of a long address slower by its length."""

STANDINGS = {
    Standing.HELD: ("m.held IS NOT NULL", ""),
    Standing.DAMAGED: ("m.damage IS NOT NULL", ""),
    Standing.WAITING: ("m.held IS NULL AND m.hold_until > :now", ""),
    Standing.DEFERRED: (
        "m.held IS NULL AND m.damage IS NULL AND coalesce(m.hold_until, 0) <= :now",
        "r.next_attempt > :now",
    ),
    Standing.ACTIVE: (
        "m.held IS NULL AND m.damage IS NULL",
        "coalesce(r.next_attempt, 0) <= :now",
    ),
}
"""For each, what is true of the message `m`, and of a recipient `r`; empty for nothing.

Whom the queue has claimed is in the memory of its worker alone. Seen from here a recipient is being
tried when it has no time for its next attempt, or one that is over.
"""


_FROM = "(lower(m.sender) GLOB :sender OR lower(r.sender) GLOB :sender)"
"""The message's reverse-path or its copy's own, which is NULL where there is none."""


@dataclass(frozen=True, slots=True)
class Condition:
    """What is meant, in SQL: of the message `m`, of a recipient `r`; each true where it is empty.

    Attributes:
        messages: begins with ` AND `, or is empty.
        recipients: likewise.
        values: of the names in both, and of the range `:after` to `:last`.
        is_named: whether the messages are named, so that there is no range to look through.
    """

    messages: str
    recipients: str
    values: Values
    is_named: bool

    def of_recipients(self, after: int, last: int | None = None) -> tuple[str, Values]:
        """The end of a statement that reads from recipients `r` and their messages `m`.

        Args:
            after: the recipient behind which the range begins.
            last: its last one; `None` for no end.
        """
        here = "r.message IN (SELECT value FROM json_each(:numbers))"
        text = (
            "FROM recipient AS r CROSS JOIN message AS m ON m.id = r.message"
            f" WHERE {here if self.is_named else 'r.id > :after AND r.id <= :last'}"
            f"{self.messages}{self.recipients} ORDER BY r.id"
        )
        return text, self.values | _range(after, last)

    def of_messages(self, after: int, last: int | None = None) -> tuple[str, Values]:
        """The end of a statement that reads from messages `m`, those with such a recipient.

        Args:
            after: the message behind which the range begins.
            last: its last one; `None` for no end.
        """
        here = "m.id IN (SELECT value FROM json_each(:numbers)) AND " if self.is_named else ""
        some = self.recipients and (
            f" AND EXISTS (SELECT 1 FROM recipient AS r WHERE r.message = m.id{self.recipients})"  # noqa: S608 - clauses are constants
        )
        text = (
            f"FROM message AS m WHERE {here}m.id > :after AND m.id <= :last"
            f"{self.messages}{some} ORDER BY m.id"
        )
        return text, self.values | _range(after, last)


def condition(choice: Choice, now: float) -> Condition:
    """A choice in SQL.

    Args:
        choice: which messages.
        now: seconds since the epoch, for what stands in relation to it.

    Raises:
        ValueError: a text has too many wildcards.
    """
    messages: list[str] = []
    recipients: list[str] = []
    values: Values = {"now": now}
    if choice.queue_ids is not None:
        names = [name.upper() for name in choice.queue_ids]
        messages.append("m.queue_id IN (SELECT value FROM json_each(:names))")
        values["names"] = json.dumps(names)
        values["numbers"] = json.dumps([number_of(name) for name in names])
    if choice.held:
        messages.append("m.held IS NOT NULL")
    for name, clause, value in (
        ("reason", "m.held = :reason", choice.reason),
        ("login", "lower(m.login) GLOB :login", _globbed(choice.login)),
        ("client", "m.client GLOB :client", _globbed(choice.client)),
        ("before", "m.arrived < :before", choice.before),
        ("younger", "m.arrived > :younger", choice.after),
        ("larger", "m.size > :larger", choice.larger),
    ):
        if value is not None:
            messages.append(clause)
            values[name] = value
    for name, clause, text in (
        ("sender", _FROM, _globbed(choice.sender)),
        ("recipient", "lower(r.address) GLOB :recipient", _globbed(choice.recipient)),
        ("domains", _IN_DOMAIN, _domains(choice.domain)),
        ("said", "instr(lower(r.reason), :said) > 0", choice.said and _lower(choice.said)),
    ):
        if text is not None:
            recipients.append(clause)
            values[name] = text
    if choice.standing is not None:
        of_message, of_recipient = STANDINGS[choice.standing]
        messages.append(of_message)
        recipients += [of_recipient] if of_recipient else []
    return Condition(_all(messages), _all(recipients), values, choice.queue_ids is not None)


def _all(clauses: list[str]) -> str:
    return "".join(f" AND {clause}" for clause in clauses)


def pattern(text: str) -> str:
    """A text with wildcards, as GLOB takes it: only `*` means anything but itself.

    Raises:
        ValueError: it has too many wildcards.
    """
    while "**" in text:
        text = text.replace("**", "*")
    if text.count("*") > MOST_WILDCARDS:
        raise ValueError(f"more than {MOST_WILDCARDS} wildcards in one word: {text}")
    return "".join(f"[{each}]" if each in "[?" else each for each in _lower(text))


def matches(text: str, wanted: str) -> bool:
    """What `GLOB` says of a lower-case text and a pattern, for those without a database."""
    first, *rest = pattern(wanted).replace("[[]", "[").replace("[?]", "?").split("*")
    found = _lower(text)
    if not rest:
        return found == first
    if not found.startswith(first) or len(found) < len(first) + len(rest[-1]):
        return False
    place, end = len(first), len(found) - len(rest[-1])
    for part in rest[:-1]:
        at = found.find(part, place, end)
        if at < 0:
            return False
        place = at + len(part)
    return found.endswith(rest[-1])


_IN_DOMAIN = "EXISTS (SELECT 1 FROM json_each(:domains) WHERE lower(r.address) GLOB value)"


def _domains(domain: str | None) -> str | None:
    """Addresses in a domain, as JSON: in both spellings of one that has letters of its own."""
    if domain is None:
        return None
    bare = domain.rstrip(".")
    spellings = {bare}
    if "*" not in bare:
        for respelt in (_ascii, _unicode):
            spellings.add(respelt(bare))
    return json.dumps(sorted(f"*@{pattern(each)}" for each in spellings))


def _ascii(domain: str) -> str:
    try:
        return domain.encode("idna").decode("ascii")
    except UnicodeError:
        return domain


def _unicode(domain: str) -> str:
    try:
        return domain.encode("ascii").decode("idna")
    except UnicodeError:
        return domain


def _globbed(text: str | None) -> str | None:
    return None if text is None else pattern(text)


def _lower(text: str) -> str:
    """As SQLite's `lower` does it: ASCII letters only."""
    return "".join(each.lower() if each.isascii() else each for each in text)


def _range(after: int, last: int | None) -> Values:
    return {"after": after, "last": LARGEST if last is None else last}
