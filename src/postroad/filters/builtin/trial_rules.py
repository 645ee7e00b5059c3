"""The rule by which an operator sees that the filter works: a text that all spam filters know.

No other rule makes a message spam alone. The points are SpamAssassin's, so mail with it is refused
wherever mail can be.
"""

from __future__ import annotations

from postroad.filters.builtin.case import Case
from postroad.filters.builtin.rule import Rule

__all__ = ["TRIAL_RULES"]

GTUBE = "XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"
"""The Generic Test for Unsolicited Bulk Email (spamassassin.apache.org/gtube)."""


def _is_trial(case: Case) -> bool:
    return GTUBE in case.reading.plain or GTUBE in case.reading.seen


TRIAL_RULES = (Rule("GTUBE", 1000.0, "it has the text that filters are tried with", _is_trial),)
"""What is there for trying the filter out."""
