"""Which messages an operator means, as a condition over the rows of `message`.

One condition serves listings, holding and releasing, so that what a dry run shows is what happens.
"""

from __future__ import annotations

import json

from postroad.spool.claim import Choice
from postroad.spool.queue_id import number_of

__all__ = ["MATCH", "bound"]

MATCH = (
    "id > :after AND id <= :last"
    " AND (:login IS NULL OR lower(login) = lower(:login))"
    " AND (:sender IS NULL OR lower(sender) = lower(:sender))"
    " AND (:names IS NULL OR (id IN (SELECT value FROM json_each(:numbers))"
    " AND queue_id IN (SELECT value FROM json_each(:names))))"
    " AND (NOT :held OR held IS NOT NULL) AND (:reason IS NULL OR held = :reason)"
)
"""True for the messages of a choice within a range of numbers, with the values of `bound`."""

LARGEST = 9_223_372_036_854_775_807  # SQLite's


def bound(choice: Choice, after: int, last: int | None = None) -> dict[str, str | int | None]:
    """The values of `MATCH`.

    Args:
        choice: which messages.
        after: the number after which the range begins.
        last: its last number; `None` for no end.
    """
    names = choice.queue_ids
    upper = None if names is None else [name.upper() for name in names]
    return {
        "after": after,
        "last": LARGEST if last is None else last,
        "login": choice.login,
        "sender": choice.sender,
        "names": None if upper is None else json.dumps(upper),
        "numbers": None if upper is None else json.dumps([number_of(name) for name in upper]),
        "held": choice.held,
        "reason": choice.reason,
    }
