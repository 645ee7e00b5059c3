"""A report as mail: `multipart/report; report-type=tlsrpt` (RFC 8460 §5.3). Pure."""

from __future__ import annotations

import base64
import gzip
import hashlib
from dataclasses import dataclass
from email.utils import formatdate

from postroad.reports.report import Report
from postroad.reports.writing import moment, to_json

__all__ = ["Letter", "filename", "letter", "packed"]

_LINE = 76  # characters of base64, RFC 2045 §6.8


@dataclass(frozen=True, slots=True)
class Letter:
    """What a report says about itself and its sender.

    Attributes:
        domain: whom it is about.
        submitter: the name of this server.
        author: the address it is from.
        to: the address it goes to.
    """

    domain: str
    submitter: str
    author: str
    to: str


def packed(report: Report) -> bytes:
    """The report as `application/tlsrpt+gzip`; the same report is always the same octets."""
    return gzip.compress(to_json(report), mtime=0)


def filename(domain: str, submitter: str, report: Report) -> str:
    """Its file's name (RFC 8460 §5.1)."""
    unique = report.id.partition("@")[0]
    return f"{submitter}!{domain}!{report.begins}!{report.ends}!{unique}.json.gz"


def letter(head: Letter, report: Report, now: float) -> bytes:
    """The whole message, lines ended by CRLF.

    It asks to arrive whatever TLS is like (RFC 8460 §3, RFC 8689 §5): the news that TLS is broken
    must not wait until it is mended.

    Args:
        head: from whom, to whom.
        report: the report.
        now: seconds since the epoch.
    """
    day = moment(report.begins)[:10]
    body = base64.b64encode(packed(report)).decode("ascii")
    boundary = f"=_{hashlib.sha256(report.id.encode()).hexdigest()[:32]}"
    name = filename(head.domain, head.submitter, report)
    lines = [
        f"Date: {formatdate(now)}",
        f"From: <{head.author}>",
        f"To: <{head.to}>",
        f"Subject: Report Domain: {head.domain}",
        f" Submitter: {head.submitter}",
        f" Report-ID: <{report.id}>",
        f"Message-ID: <{_message_id(report.id, head.to)}@{head.submitter}>",
        f"TLS-Report-Domain: {head.domain}",
        f"TLS-Report-Submitter: {head.submitter}",
        "TLS-Required: No",
        "Auto-Submitted: auto-generated",
        "MIME-Version: 1.0",
        'Content-Type: multipart/report; report-type="tlsrpt";',
        f'\tboundary="{boundary}"',
        "",
        "This is a MIME-encapsulated message.",
        "",
        f"--{boundary}",
        "Content-Type: text/plain; charset=us-ascii",
        "",
        "This is an aggregate report about TLS, for programs (RFC 8460).",
        "",
        f"Domain:     {head.domain}",
        f"Submitter:  {head.submitter}",
        f"Day (UTC):  {day}",
        f"Sessions:   {report.ok} succeeded, {report.failed} failed",
        "",
        f"--{boundary}",
        "Content-Type: application/tlsrpt+gzip",
        "Content-Transfer-Encoding: base64",
        "Content-Disposition: attachment;",
        f'\tfilename="{name}"',
        "",
        *(body[at : at + _LINE] for at in range(0, len(body), _LINE)),
        "",
        f"--{boundary}--",
        "",
    ]
    return "\r\n".join(lines).encode("ascii")


def _message_id(report_id: str, to: str) -> str:
    """The same for the same report to the same address: a repeat can be known for one."""
    return hashlib.sha256(f"{report_id} {to}".encode()).hexdigest()[:32]
