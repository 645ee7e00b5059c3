"""One attempt at TLS as reports count it (RFC 8460 §4.3), and the policy that it went by.

Values only. Tuples, as one is made for each handshake and is the key by which they are counted.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["SUCCESS", "Policy", "Session"]

SUCCESS = "success"


class Policy(NamedTuple):
    """What the recipient's domain publishes.

    Attributes:
        kind: `tlsa`, `sts` or `no-policy-found`.
        domain: whose it is: of TLSA records the base domain, which is a host as a rule.
        strings: its text: lines, or records.
        hosts: the MX patterns of an MTA-STS policy.
    """

    kind: str
    domain: str
    strings: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()


class Session(NamedTuple):
    """What came of an attempt.

    Attributes:
        domain: of the recipients: who is told.
        policy: the policy in force.
        result: `success`, or a result type.
        host: the mail exchanger; empty where it did not come to one.
        receiving: its IP address; empty likewise.
        sending: our IP address; empty likewise.
        reason: more about a failure.
    """

    domain: str
    policy: Policy
    result: str
    host: str = ""
    receiving: str = ""
    sending: str = ""
    reason: str = ""

    @property
    def in_short(self) -> Session:
        """Without what only details of failures tell."""
        return Session(self.domain, self.policy, self.result)
