"""What a verification comes to, in the words of RFC 8601 §2.7.1.

Values only. ARC has the same words for its own signatures.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from postroad.model.letter import Finding

__all__ = ["Flaw", "Result", "Verified"]


class Result(Enum):
    """The result for one signature."""

    NONE = "none"
    PASS = "pass"  # noqa: S105 - RFC 8601's word
    FAIL = "fail"
    POLICY = "policy"
    NEUTRAL = "neutral"
    TEMPERROR = "temperror"
    PERMERROR = "permerror"


class Flaw(NamedTuple):
    """Why a signature, or a key, cannot count.

    Attributes:
        result: what the signature's result is then.
        words: the reason, for operators and for the comment in Authentication-Results.
    """

    result: Result
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """What became of one signature.

    Attributes:
        result: RFC 8601's word.
        words: the reason, or a remark on a pass; empty for a plain pass.
        domain: `d=` in A-labels and lower case; empty where it cannot be read.
        selector: `s=`; likewise.
        identity: `i=`, or `@` and the domain.
        algorithm: `a=`.
        beginning: the first eight characters of `b=`, which tell signatures apart (RFC 6008).
        key_bits: size of the public key; 0 where none was found.
        unsigned: octets of the body behind `l=`, which nobody has signed.
        is_testing: whether the domain says that it is trying things out (`t=y`).
    """

    result: Result
    words: str = ""
    domain: str = ""
    selector: str = ""
    identity: str = ""
    algorithm: str = ""
    beginning: str = ""
    key_bits: int = 0
    unsigned: int = 0
    is_testing: bool = False

    @property
    def counts(self) -> bool:
        """Whether the domain answers for the whole message; what DMARC goes by.

        A signature by `l=` is as good as none where text follows the part that it covers: the text
        may be anybody's (RFC 6376 §8.2).
        """
        return self.result is Result.PASS and not self.unsigned

    @property
    def finding(self) -> Finding:
        """The same for the history and for examiners that come later."""
        details = {
            "domain": self.domain,
            "selector": self.selector,
            "result": self.result.value,
            "identity": self.identity,
            "algorithm": self.algorithm,
            "b": self.beginning,
            "counts": "yes" if self.counts else "no",
        }
        return Finding("dkim", self.result.value, self.sentence, details)

    @property
    def sentence(self) -> str:
        """One line for the log."""
        whose = f"{self.domain or 'an unreadable domain'} (selector {self.selector or 'unknown'})"
        reason = f": {self.words}" if self.words else ""
        return f"signature of {whose}: {self.result.value}{reason}"
