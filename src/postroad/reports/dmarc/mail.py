"""A report on DMARC as mail (RFC 9990 §3.5.2, RFC 7489 §7.2.1.1). Pure."""

from __future__ import annotations

import gzip
import time

from postroad.reports.dmarc.report import Made
from postroad.reports.dmarc.settings import ReportFormat
from postroad.reports.dmarc.writing import to_xml
from postroad.reports.letter import Attached, Head, message

__all__ = ["filename", "letter"]

_STANDARDS = {"rfc9990": "RFC 9990", "rfc7489": "RFC 7489"}
"""That each schema is from."""


def filename(head: Head, report: Made) -> str:
    """Its file's name: receiver, policy domain, begin, end and the report's id."""
    feedback = report.feedback
    times = f"{feedback.begins}!{feedback.ends}"
    return f"{head.submitter}!{head.domain}!{times}!{feedback.id}.xml.gz"


def letter(head: Head, report: Made, form: ReportFormat, now: float) -> bytes:
    """The whole message, lines ended by CRLF. The same report is always the same file.

    Args:
        head: from whom, to whom.
        report: the report.
        form: whose schema it follows.
        now: seconds since the epoch.
    """
    day = time.strftime("%Y-%m-%d", time.gmtime(report.feedback.begins))
    words = (
        f"This is an aggregate report on DMARC, for programs ({_STANDARDS[form]}).",
        "",
        f"Domain:     {head.domain}",
        f"Submitter:  {head.submitter}",
        f"Day (UTC):  {day}",
        f"Messages:   {report.ok} passed, {report.failed} failed",
    )
    octets = gzip.compress(to_xml(report.feedback, form), mtime=0)
    return message(
        head,
        words,
        Attached("application/gzip", filename(head, report), octets),
        now,
        multipart="multipart/mixed",
    )
