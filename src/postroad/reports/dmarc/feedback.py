"""An aggregate report as a value (RFC 7489 appendix C, RFC 9990 §3.1). Pure.

What is in here came from somebody else, in a report or in mail. Whoever makes one of these has seen
to it that texts are printable and short, and counts within reason; `reading` and `observation` do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

__all__ = ["DkimResult", "Feedback", "PublishedPolicy", "Reason", "Row", "SpfResult"]


class DkimResult(NamedTuple):
    """What a receiver found of one signature: `d=`, `s=` and RFC 8601's word."""

    domain: str
    selector: str
    result: str


class SpfResult(NamedTuple):
    """What a receiver found by SPF: whose record, `mfrom` or `helo`, and RFC 7208's word."""

    domain: str
    scope: str
    result: str


class Reason(NamedTuple):
    """Why a receiver did not do as the policy says: a word of the standard, and more about it."""

    kind: str
    comment: str


class Row(NamedTuple):
    """Messages that are alike.

    Attributes:
        source: the address that they came from; empty: several, which are not told apart.
        header_from: the author's domain.
        envelope_from: the domain of the reverse-path, where it is told.
        envelope_to: the domain of the recipients, where it is told.
        disposition: what was done: `none`, `quarantine` or `reject`; empty: it is not told. In
            reports of ours `pass` where it passed and the policy asks for something.
        dkim: whether a signature that passes is aligned with the author's domain.
        spf: the same of SPF.
        reasons: why it is not the policy.
        signatures: what was found of signatures, whomever they are from.
        senders: what was found by SPF, whomever it is about.
    """

    source: str
    header_from: str
    envelope_from: str
    envelope_to: str
    disposition: str
    dkim: bool
    spf: bool
    reasons: tuple[Reason, ...]
    signatures: tuple[DkimResult, ...]
    senders: tuple[SpfResult, ...]

    @property
    def passes(self) -> bool:
        """Whether the author's domain is proved: one of the two is enough (RFC 9989 §4.4)."""
        return self.dkim or self.spf


class PublishedPolicy(NamedTuple):
    """The policy that the receiver went by; what it does not tell is empty.

    Attributes:
        domain: where the record was found.
        policy: `p=`.
        below: `sp=`, for the domains below.
        absent: `np=`, for names that do not exist.
        percent: `pct=`.
        testing: `t=`.
        dkim: `adkim=`.
        spf: `aspf=`.
        options: `fo=`, between colons.
        found_by: how the record was found, `treewalk` or `psl`.
    """

    domain: str
    policy: str = ""
    below: str = ""
    absent: str = ""
    percent: str = ""
    testing: str = ""
    dkim: str = ""
    spf: str = ""
    options: str = ""
    found_by: str = ""


@dataclass(frozen=True, slots=True)
class Feedback:
    """A report.

    Attributes:
        organization: who reports, as it names itself.
        contact: whom to ask there, an address.
        id: what it is known by, among the reports of that organization.
        begins: seconds since the epoch.
        ends: the same.
        published: the policy that the receiver went by.
        rows: messages that are alike, each with how many they are.
        records: records that were read.
        skipped: those of them that could not be understood.
        errors: what the receiver had to say against the policy's record.
    """

    organization: str
    contact: str
    id: str
    begins: int
    ends: int
    published: PublishedPolicy
    rows: tuple[tuple[Row, int], ...]
    records: int
    skipped: int = 0
    errors: tuple[str, ...] = ()

    @property
    def messages(self) -> int:
        """How many messages it is about."""
        return sum([count for _, count in self.rows])

    @property
    def passed(self) -> int:
        """How many of them proved the author's domain."""
        return sum([count for row, count in self.rows if row.passes])
