"""A report about TLS (RFC 8460 §4.4) as a value, and what makes it from a day's counts. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from postroad.reports.day import DAY
from postroad.reports.tls.session import SUCCESS, Policy, Session

__all__ = ["Failure", "PolicyResult", "Report", "results"]


@dataclass(frozen=True, slots=True)
class Failure:
    """Sessions that failed in the same way (`failure-details`).

    Attributes:
        result: the result type (RFC 8460 §4.3).
        count: how many there were.
        host: the mail exchanger; empty where it is not known, as all texts here.
        helo: how it greeted.
        receiving: its IP address.
        sending: the IP address of the sender.
        reason: more about it (`failure-reason-code`).
        information: where there is more (`additional-information`).
    """

    result: str
    count: int
    host: str = ""
    helo: str = ""
    receiving: str = ""
    sending: str = ""
    reason: str = ""
    information: str = ""


@dataclass(frozen=True, slots=True)
class PolicyResult:
    """How sessions went by one policy.

    Attributes:
        policy: the policy.
        ok: sessions that succeeded.
        failed: sessions that failed.
        failures: those, by kind.
    """

    policy: Policy
    ok: int
    failed: int
    failures: tuple[Failure, ...] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """A report.

    Attributes:
        organization: whose it is.
        begins: of the time it is about, whole seconds since the epoch.
        ends: its last second.
        contact: whom to ask.
        id: unique among its maker's.
        policies: how it went.
    """

    organization: str
    begins: int
    ends: int
    contact: str
    id: str
    policies: tuple[PolicyResult, ...]

    @property
    def ok(self) -> int:
        """Sessions that succeeded."""
        return sum(each.ok for each in self.policies)

    @property
    def failed(self) -> int:
        """Sessions that failed."""
        return sum(each.failed for each in self.policies)

    @staticmethod
    def of_day(
        day: int,
        counts: Iterable[tuple[Session, int]],
        *,
        organization: str,
        contact: str,
        report_id: str,
    ) -> Report:
        """The report about one day and one domain.

        Args:
            day: number of the day since the epoch.
            counts: what happened to mail for the domain.
            organization: who we are.
            contact: whom to ask.
            report_id: of the report.
        """
        begins = day * DAY
        return Report(organization, begins, begins + DAY - 1, contact, report_id, results(counts))


def results(counts: Iterable[tuple[Session, int]]) -> tuple[PolicyResult, ...]:
    """Counts, policy by policy."""
    by_policy: dict[Policy, list[tuple[Session, int]]] = {}
    for session, count in counts:
        by_policy.setdefault(session.policy, []).append((session, count))
    return tuple(_result(policy, of_it) for policy, of_it in sorted(by_policy.items()))


def _result(policy: Policy, counts: list[tuple[Session, int]]) -> PolicyResult:
    failures = [
        Failure(
            session.result,
            count,
            host=session.host,
            receiving=session.receiving,
            sending=session.sending,
            reason=session.reason,
        )
        for session, count in sorted(counts)
        if session.result != SUCCESS
    ]
    ok = sum(count for session, count in counts if session.result == SUCCESS)
    return PolicyResult(policy, ok, sum(each.count for each in failures), tuple(failures))
