"""What aggregate reports are made of: each message that was evaluated, as a value.

Who evaluates tells a `DmarcRecorder`; how it counts and keeps them is its own business. Nothing of
a message's content is in here, and of addresses only the domains.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

from postroad.mailauth.dmarc.record import DmarcRecord
from postroad.mailauth.dmarc.result import DmarcResult, Override, Policy
from postroad.model import Address

__all__ = ["AuthDkim", "AuthSpf", "DmarcRecorder", "Evaluated"]


class AuthDkim(NamedTuple):
    """One signature (RFC 9990's `DKIMAuthResult`).

    Attributes:
        domain: `d=`.
        selector: `s=`.
        result: RFC 8601's word.
        words: the reason, for people.
    """

    domain: str
    selector: str
    result: str
    words: str = ""


class AuthSpf(NamedTuple):
    """One SPF verdict (`SPFAuthResult`).

    Attributes:
        domain: whose record was asked.
        scope: `mfrom`, or `helo` where the reverse-path is the null one.
        result: RFC 7208's word.
        words: the reason, for people.
    """

    domain: str
    scope: Literal["mfrom", "helo"]
    result: str
    words: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluated:
    """A message whose author's domain has a policy.

    Attributes:
        at: when, seconds since the epoch.
        source_ip: the client's address.
        header_from: the domain in the From field, in A-labels and lower case.
        envelope_from: the domain of the reverse-path; empty for the null one.
        envelope_to: domains of the recipients, each once.
        policy_domain: where the record was found, without `_dmarc.`.
        record: what is published there.
        found_by: how the record was found, as reports name it.
        policy: what the record asks for of this author's domain.
        result: `PASS` or `FAIL`.
        dkim_aligned: whether a signature that passes is aligned.
        spf_aligned: whether SPF passes and is aligned.
        disposition: what was done.
        overrides: why that is not the policy.
        dkim: one for each signature.
        spf: what SPF said; `None`: it was not asked.
    """

    at: float
    source_ip: str
    header_from: str
    envelope_from: str
    envelope_to: tuple[str, ...]
    policy_domain: str
    record: DmarcRecord
    found_by: Literal["treewalk", "psl"]
    policy: Policy
    result: DmarcResult
    dkim_aligned: bool
    spf_aligned: bool
    disposition: Policy
    overrides: tuple[Override, ...] = ()
    dkim: tuple[AuthDkim, ...] = ()
    spf: AuthSpf | None = None


class DmarcRecorder(Protocol):
    """Who keeps them for the reports."""

    def wants(self, recipients: Sequence[Address]) -> bool:
        """Whether mail for these is to be told of: all, but reports that come here themselves."""
        ...

    def record(self, evaluated: Evaluated) -> None:
        """Take one. It returns at once and raises nothing: no mail waits for a report."""
        ...
