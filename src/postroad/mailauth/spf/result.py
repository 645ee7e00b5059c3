"""What an SPF check comes to, as a value (RFC 7208 §2.6).

Pure, so that policy may go by it. How it is found out is in `checking`.
"""

from __future__ import annotations

from enum import Enum
from typing import Literal

from postroad.model.letter import Finding
from postroad.model.value import value

__all__ = ["Identity", "SpfResult", "SpfVerdict"]

Identity = Literal["mailfrom", "helo"]
"""Whose domain was asked: that of the reverse-path, or the name in HELO (RFC 7208 §2.3, §2.4)."""


class SpfResult(Enum):
    """RFC 7208 §2.6's words, which are RFC 8601's too."""

    NONE = "none"
    NEUTRAL = "neutral"
    PASS = "pass"  # noqa: S105 - the RFC's word
    FAIL = "fail"
    SOFTFAIL = "softfail"
    TEMPERROR = "temperror"
    PERMERROR = "permerror"


@value
class SpfVerdict:
    """The result for one identity of one client.

    Attributes:
        result: RFC 7208's word.
        identity: whose domain was asked.
        domain: that domain, in A-labels and lower case.
        address: the client's IP address.
        sender: the mailbox that was checked; `postmaster@` and the name for HELO (§2.4).
        mechanism: the term of the record that matched, as the domain wrote it; empty for none.
        reason: why there is no better result, of `NONE` and the errors; one line.
        explanation: what the domain says of a `FAIL` (§6.2): printable ASCII, in one line. It is a
            stranger's text.
    """

    result: SpfResult
    identity: Identity = "mailfrom"
    domain: str = ""
    address: str = ""
    sender: str = ""
    mechanism: str = ""
    reason: str = ""
    explanation: str = ""

    @property
    def sentence(self) -> str:
        """One line for an operator."""
        return _SENTENCES[self.result].format(
            address=self.address,
            domain=self.domain or "a name that is no domain",
            by=f" ({self.mechanism})" if self.mechanism else "",
            why=f": {self.reason}" if self.reason else "",
        )

    @property
    def finding(self) -> Finding:
        """The same for the history, and for examiners that come later."""
        details = {"domain": self.domain, "identity": self.identity, "sender": self.sender}
        if self.mechanism:
            details["mechanism"] = self.mechanism
        return Finding("spf", self.result.value, self.sentence, details)


_SENTENCES = {
    SpfResult.NONE: "{domain} says nothing of who sends for it{why}",
    SpfResult.NEUTRAL: "{domain} does not say whether {address} may send for it{by}",
    SpfResult.PASS: "{address} may send for {domain}{by}",
    SpfResult.FAIL: "{address} may not send for {domain}{by}",
    SpfResult.SOFTFAIL: "{address} should probably not send for {domain}{by}",
    SpfResult.TEMPERROR: "nobody knows now whether {address} may send for {domain}{why}",
    SpfResult.PERMERROR: "what {domain} says of who sends for it has a mistake{why}",
}
