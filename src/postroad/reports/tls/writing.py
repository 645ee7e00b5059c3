"""A report as JSON (RFC 8460 §4.4). Pure."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from postroad.reports.tls.report import Failure, PolicyResult, Report

__all__ = ["moment", "to_json"]


def to_json(report: Report) -> bytes:
    """The report's octets: ASCII, whatever is in it (RFC 7493 asks for UTF-8, which that is)."""
    value = {
        "organization-name": report.organization,
        "date-range": {
            "start-datetime": moment(report.begins),
            "end-datetime": moment(report.ends),
        },
        "contact-info": report.contact,
        "report-id": report.id,
        "policies": [_policy(each) for each in report.policies],
    }
    return json.dumps(value, indent=1).encode("ascii")


def moment(seconds: int) -> str:
    """A time as reports write it (RFC 3339)."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _policy(result: PolicyResult) -> dict[str, object]:
    policy = result.policy
    described: dict[str, object] = {"policy-type": policy.kind}
    if policy.strings:
        described["policy-string"] = list(policy.strings)
    described["policy-domain"] = policy.domain
    if policy.hosts:
        described["mx-host"] = list(policy.hosts)  # an array: erratum 6241
    value: dict[str, object] = {
        "policy": described,
        "summary": {
            "total-successful-session-count": result.ok,
            "total-failure-session-count": result.failed,
        },
    }
    if result.failures:
        value["failure-details"] = [_failure(each) for each in result.failures]
    return value


def _failure(failure: Failure) -> dict[str, object]:
    """What is not known is left out."""
    fields = {
        "result-type": failure.result,
        "sending-mta-ip": failure.sending,
        "receiving-mx-hostname": failure.host,
        "receiving-mx-helo": failure.helo,
        "receiving-ip": failure.receiving,
        "failed-session-count": failure.count,
        "additional-information": failure.information,
        "failure-reason-code": failure.reason,
    }
    return {key: value for key, value in fields.items() if value != ""}
