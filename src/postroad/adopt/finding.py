"""What became of one setting of the old installation, in words for the operator.

A finding is a value. It says where the setting stands, what it was, what became of it, and, where
Postroad does not do the same, what follows from that and what can be done. It knows neither
Postfix nor Dovecot nor how it will be shown.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

__all__ = ["Finding", "Verdict", "worst_first"]


class Verdict(Enum):
    """What became of a setting."""

    TRANSLATED = "translated"
    NOT_NEEDED = "not needed"
    UNSUPPORTED = "unsupported"


@dataclass(frozen=True, slots=True)
class Finding:
    """One setting of the old installation.

    Attributes:
        file: the file it stands in, as the operator names it.
        line: counted from 1; `None` where the whole file is meant, or a default that nobody wrote.
        setting: its name, such as `smtpd_banner`, or `submission: smtpd_tls_security_level`.
        value: what it was set to, on one line; never a password.
        verdict: what became of it.
        words: translated: into what; not needed: why; unsupported: the consequence.
        todo: what the operator should do; empty: nothing.
        matters: of `UNSUPPORTED` only: whether mail, access or security is different without it.
            What only looks or logs differently does not matter.
    """

    file: Path
    line: int | None
    setting: str
    value: str
    verdict: Verdict
    words: str
    todo: str = ""
    matters: bool = True

    @property
    def where(self) -> str:
        """`FILE:LINE`, or the file alone."""
        return f"{self.file}:{self.line}" if self.line is not None else str(self.file)

    @property
    def serious(self) -> bool:
        """Whether the new server does something else than the old one because of it."""
        return self.verdict is Verdict.UNSUPPORTED and self.matters


_RANK = {Verdict.UNSUPPORTED: 0, Verdict.TRANSLATED: 2, Verdict.NOT_NEEDED: 3}


def worst_first(findings: Iterable[Finding]) -> list[Finding]:
    """The findings as a report has them: what matters first, then by file and line."""

    def rank(finding: Finding) -> tuple[int, bool, str, int]:
        grade = _RANK[finding.verdict]
        mild = finding.verdict is Verdict.UNSUPPORTED and not finding.matters
        # Of two translations the one that leaves something to do comes first.
        return grade + mild, not finding.todo, str(finding.file), finding.line or 0

    return sorted(findings, key=rank)
