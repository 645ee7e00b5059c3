"""What DMARC comes to, as values (RFC 9989 §4, RFC 8601 §2.7.2 for the words).

Pure. A *policy* is what a domain asks for, a *disposition* what was done, and an *override* is why
the two differ, in the words that aggregate reports have for it (RFC 9990, before RFC 7489
appendix C).
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

__all__ = ["DmarcResult", "Override", "OverrideKind", "Policy", "strictest"]


class DmarcResult(Enum):
    """RFC 8601's words."""

    NONE = "none"
    """Nobody publishes a policy for the author's domain."""
    PASS = "pass"  # noqa: S105 - RFC 8601's word
    FAIL = "fail"
    TEMPERROR = "temperror"
    """The DNS did not say whether there is a policy."""
    PERMERROR = "permerror"
    """There is no author's domain, or none that can be read for sure."""


class Policy(Enum):
    """What a domain asks for, and what was done."""

    NONE = "none"
    QUARANTINE = "quarantine"
    REJECT = "reject"


_LEVELS = tuple(Policy)


def strictest(*policies: Policy) -> Policy:
    """The one that does most to a message."""
    return max(policies, key=_LEVELS.index, default=Policy.NONE)


class OverrideKind(Enum):
    """Why a policy was not carried out as it is published."""

    FORWARDED = "forwarded"
    SAMPLED_OUT = "sampled_out"
    TRUSTED_FORWARDER = "trusted_forwarder"
    MAILING_LIST = "mailing_list"
    LOCAL_POLICY = "local_policy"
    POLICY_TEST_MODE = "policy_test_mode"  # RFC 9990 has it for `t=y`
    OTHER = "other"


class Override(NamedTuple):
    """One reason.

    Attributes:
        kind: the report's word.
        words: the comment for people, in one line.
    """

    kind: OverrideKind
    words: str = ""
