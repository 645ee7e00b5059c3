"""A report as mail: `multipart/report; report-type=tlsrpt` (RFC 8460 §5.3). Pure."""

from __future__ import annotations

import gzip

from postroad.reports.letter import Attached, Head, message
from postroad.reports.tls.report import Report
from postroad.reports.tls.writing import moment, to_json

__all__ = ["filename", "letter", "packed"]


def packed(report: Report) -> bytes:
    """The report as `application/tlsrpt+gzip`; the same report is always the same octets."""
    return gzip.compress(to_json(report), mtime=0)


def filename(domain: str, submitter: str, report: Report) -> str:
    """Its file's name (RFC 8460 §5.1)."""
    unique = report.id.partition("@")[0]
    return f"{submitter}!{domain}!{report.begins}!{report.ends}!{unique}.json.gz"


def letter(head: Head, report: Report, now: float) -> bytes:
    """The whole message, lines ended by CRLF.

    It asks to arrive whatever TLS is like (RFC 8460 §3, RFC 8689 §5): the news that TLS is broken
    must not wait until it is mended.

    Args:
        head: from whom, to whom.
        report: the report.
        now: seconds since the epoch.
    """
    words = (
        "This is an aggregate report about TLS, for programs (RFC 8460).",
        "",
        f"Domain:     {head.domain}",
        f"Submitter:  {head.submitter}",
        f"Day (UTC):  {moment(report.begins)[:10]}",
        f"Sessions:   {report.ok} succeeded, {report.failed} failed",
    )
    name = filename(head.domain, head.submitter, report)
    return message(
        head,
        words,
        Attached("application/tlsrpt+gzip", name, packed(report)),
        now,
        multipart='multipart/report; report-type="tlsrpt"',
        fields=(
            f"TLS-Report-Domain: {head.domain}",
            f"TLS-Report-Submitter: {head.submitter}",
            "TLS-Required: No",
        ),
    )
