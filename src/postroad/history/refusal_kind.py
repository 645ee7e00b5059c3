"""One known refusal of another mail server: how it is recognised, and what it means.

The values that `provider_refusals` and `common_refusals` are tables of.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

__all__ = ["DELIST", "MAIL_TO_THE_WORLD", "Cause", "Refusal"]


class Cause(Enum):
    """What kind of trouble it is."""

    THROTTLED = "throttled"
    """Too much at once for what they think of us: slower is better than again."""
    GREYLISTED = "greylisted"
    BUSY = "busy"
    """Their own trouble."""
    REPUTATION = "reputation"
    BLOCKLISTED = "blocklisted"
    AUTHENTICATION = "authentication"
    """SPF, DKIM or DMARC."""
    NAME = "name"
    """The name of our address in the DNS, or the one in EHLO."""
    CONTENT = "content"
    MAILBOX = "mailbox"
    """There is no such mailbox, or no more."""
    FULL = "full"
    POLICY = "policy"
    """Rules of theirs that are about neither us nor the content."""
    SECURITY = "security"
    """TLS or login."""
    LOOP = "loop"


@dataclass(frozen=True, slots=True)
class Refusal:
    """One entry.

    Attributes:
        pattern: occurs in `HOST CODE ENHANCED TEXT`, whatever the case.
        cause: what kind it is.
        words: what it means, and what to do; whole sentences.
    """

    pattern: str
    cause: Cause
    words: str


MAIL_TO_THE_WORLD = (
    "See that SPF, DKIM, DMARC and the reverse name are right, send less and more evenly, and only"
    " to people who want it."
)
"""What helps against a bad reputation, whoever keeps it."""

DELIST = "Find out what was sent (a stolen account?), stop it, then ask for removal"
"""What helps against a blocklist; the place to ask follows."""
