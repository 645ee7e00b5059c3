"""What was found out about a message: kept with what was decided, and told in words.

Findings of mail that came by a session are part of that session's record. Mail that did not come by
one (programs of this machine, notifications) has a record of its own for them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from postroad.history.page import Line, line_of
from postroad.history.recorder import Memory
from postroad.model.letter import Finding

__all__ = ["MOST_FINDINGS", "Examined", "findings_text", "told"]

MOST_FINDINGS = 50
"""Findings of one message that are kept: a sender may put any number of signatures on it."""

MOST_WORDS = 3_000
"""Characters of one: room for all rules that a spam filter names. What comes from outside is
repeated in them."""

_OF = {
    "spf": "SPF",
    "dkim": "DKIM",
    "dmarc": "DMARC",
    "arc": "ARC",
    "signer": "our signature",
    "auth": "login",
}


@dataclass(frozen=True, slots=True)
class Examined:
    """Implements `Recordable`: what was found out about mail that came by no session.

    Attributes:
        queue_id: the message's.
        at: when, seconds since the epoch.
        findings: in order.
    """

    queue_id: str
    at: float
    findings: Sequence[Finding]

    @property
    def weight(self) -> int:
        """See `Recordable.weight`."""
        return 1

    def line(self, _memory: Memory) -> Line:
        """See `Recordable.line`."""
        return line_of(
            {
                "kind": "findings",
                "queue_id": self.queue_id,
                "at": self.at,
                "findings": _members(self.findings),
            }
        )


def findings_text(findings: Sequence[Finding]) -> str:
    """Findings as a JSON array."""
    return json.dumps(_members(findings), separators=(",", ":"))


def _members(findings: Sequence[Finding]) -> list[dict[str, object]]:
    kept = findings[:MOST_FINDINGS]
    return [
        {
            "by": each.by,
            "result": _short(each.result),
            "words": _short(each.words),
            **(
                {"details": {k: _short(v) for k, v in each.details.items()}} if each.details else {}
            ),
        }
        for each in kept
    ]


def _short(text: str) -> str:
    return text if len(text) <= MOST_WORDS else f"{text[: MOST_WORDS - 1]}…"


def told(findings: Iterable[Finding]) -> Iterator[str]:
    """Findings in words, each a line."""
    for each in findings:
        words = f": {each.words}" if each.words else ""
        yield f"{_OF.get(each.by, each.by)} says {each.result}{words}"
