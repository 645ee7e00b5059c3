"""What is known of a message from outside, and who judges it by that.

The border verifies SPF and DKIM itself; whoever goes by their results (ARC, DMARC) is a `Judge`. It
is shown the `Evidence` so far and gives a `Statement`; the border makes one field and one opinion
of all of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol

from postroad.mailauth.dkim.result import Verified
from postroad.mailauth.results.result import MethodResult
from postroad.mailauth.spf.result import SpfVerdict
from postroad.model import Reply
from postroad.model.fields import Fields
from postroad.model.letter import Finding, Letter

__all__ = ["Evidence", "Judge", "Statement"]


class Statement(NamedTuple):
    """What a judge says of a message.

    Attributes:
        results: for Authentication-Results, in order.
        findings: for the history, and for examiners that come later.
        reply: the refusal, if it is to be refused.
        hold: why it is to wait for an operator; empty: it is not.
        fields: header fields to put on top, each with its line end.
    """

    results: tuple[MethodResult, ...] = ()
    findings: tuple[Finding, ...] = ()
    reply: Reply | None = None
    hold: str = ""
    fields: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What was found so far.

    Attributes:
        came: the header section as it came, without what we have put above it.
        spf: the verdict for the reverse-path, or for the name in HELO where that is the null one
            (RFC 7208 §2.4); what DMARC goes by. `None`: it was not asked for.
        helo: the verdict for the name in HELO, where there is a reverse-path too.
        dkim: one for each signature.
        statements: of the judges before.
    """

    came: Fields
    spf: SpfVerdict | None = None
    helo: SpfVerdict | None = None
    dkim: tuple[Verified, ...] = ()
    statements: tuple[Statement, ...] = ()

    @property
    def results(self) -> tuple[MethodResult, ...]:
        """What the judges before have said."""
        return tuple([result for each in self.statements for result in each.results])


class Judge(Protocol):
    """Who judges by what was verified."""

    @property
    def method(self) -> str:
        """Its name among the methods of RFC 8601: `arc`, `dmarc`."""
        ...

    async def judge(self, letter: Letter, evidence: Evidence) -> Statement:
        """Say what is to be thought of a message.

        It is broken off when it takes too long; then `late` is asked.

        Args:
            letter: the message as it is by now.
            evidence: what was found so far.
        """
        ...

    def late(self, words: str) -> Statement:
        """What is said and done where there was no time for it.

        Args:
            words: why, in one line.
        """
        ...
