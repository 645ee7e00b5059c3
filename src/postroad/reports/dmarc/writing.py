"""A report as XML: by RFC 9990 (appendix A), or by RFC 7489 (appendix C). Pure.

The two differ in the namespace, in what a policy is made of, and in some words; where one has no
word for something, the nearest is taken. All elements are in the order of the schema.

Texts are what strangers wrote. None of them can end an element or begin one: what is markup in XML
is escaped, what XML has no character for, and what no line of text has, is made a question mark,
and everything beyond ASCII is written as a character reference.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from xml.sax.saxutils import escape

from postroad.model.printable import printable
from postroad.reports.dmarc.feedback import Feedback, PublishedPolicy, Reason, Row, SpfResult
from postroad.reports.dmarc.settings import ReportFormat

__all__ = ["GENERATOR", "to_xml"]

GENERATOR = "Postroad"

_NAMESPACES = {"rfc9990": ' xmlns="urn:ietf:params:xml:ns:dmarc-2.0"', "rfc7489": ""}
"""RFC 7489's schema has names without a namespace within the root element; all who write it leave
the root without one as well, and that is what is read."""

_OLD_REASONS = {"policy_test_mode": "other"}
_NEW_REASONS = {"forwarded": "other", "sampled_out": "other"}
"""Words that only one of the two has."""


def to_xml(report: Feedback, form: ReportFormat) -> bytes:
    """The report's octets: ASCII.

    Args:
        report: the report.
        form: whose schema it follows.
    """
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f"<feedback{_NAMESPACES[form]}>",
        _element("version", "1.0"),
        *_metadata(report, form),
        *_policy(report.published, form),
    ]
    for row, count in report.rows:
        lines += _record(row, count, form)
    lines += ["</feedback>", ""]
    return "\n".join(lines).encode("ascii")


def _metadata(report: Feedback, form: ReportFormat) -> Iterator[str]:
    yield "<report_metadata>"
    yield _element("org_name", report.organization)
    yield _element("email", report.contact)
    yield _element("report_id", report.id)
    yield "<date_range>"
    yield _element("begin", str(report.begins))
    yield _element("end", str(report.ends))
    yield "</date_range>"
    for error in report.errors[:1]:  # RFC 9990 has one at the most
        yield _element("error", error)
    if form == "rfc9990":
        yield _element("generator", GENERATOR)
    yield "</report_metadata>"


def _policy(policy: PublishedPolicy, form: ReportFormat) -> Iterator[str]:
    new = (
        ("domain", policy.domain),
        ("p", policy.policy),
        ("sp", policy.below),
        ("np", policy.absent),
        ("adkim", policy.dkim),
        ("aspf", policy.spf),
        ("discovery_method", policy.found_by),
        ("fo", policy.options),
        ("testing", policy.testing),
    )
    old = (
        ("domain", policy.domain),
        ("adkim", policy.dkim),
        ("aspf", policy.spf),
        ("p", policy.policy),
        ("sp", policy.below),
        ("pct", policy.percent),
        ("fo", policy.options),
    )
    yield "<policy_published>"
    yield from _elements(new if form == "rfc9990" else old)
    yield "</policy_published>"


def _record(row: Row, count: int, form: ReportFormat) -> Iterator[str]:
    is_old = form == "rfc7489"
    yield "<record><row>"
    yield _element("source_ip", row.source)
    yield _element("count", str(count))
    yield "<policy_evaluated>"
    yield _element(
        "disposition", "none" if is_old and row.disposition == "pass" else row.disposition
    )
    yield _element("dkim", "pass" if row.dkim else "fail")
    yield _element("spf", "pass" if row.spf else "fail")
    for reason in row.reasons:
        yield from _reason(reason, form)
    yield "</policy_evaluated></row>"
    yield "<identifiers>"
    yield from _elements((("envelope_to", row.envelope_to),))
    # Empty for the null reverse-path (RFC 9990 §3.1.1.10).
    yield _element("envelope_from", row.envelope_from)
    yield _element("header_from", row.header_from)
    yield "</identifiers>"
    yield "<auth_results>"
    for signature in row.signatures:
        yield "<dkim>"
        yield _element("domain", signature.domain)
        yield _element("selector", signature.selector)
        yield _element("result", signature.result)
        yield "</dkim>"
    yield from _spf(row.senders, form)
    yield "</auth_results></record>"


def _reason(reason: Reason, form: ReportFormat) -> Iterator[str]:
    others = _NEW_REASONS if form == "rfc9990" else _OLD_REASONS
    kind = others.get(reason.kind, reason.kind)
    words = reason.comment if kind == reason.kind else f"{reason.kind}: {reason.comment}"
    yield "<reason>"
    yield from _elements((("type", kind), ("comment", words)))
    yield "</reason>"


def _spf(senders: Sequence[SpfResult], form: ReportFormat) -> Iterator[str]:
    """What SPF said; RFC 7489 wants it in any case.

    RFC 9990 (§3.1.1.13) has `mfrom` only: with the null reverse-path that is the name in HELO too
    (RFC 7208 §2.4).
    """
    if not senders and form == "rfc7489":
        senders = (SpfResult("", "mfrom", "none"),)
    for sender in senders[:1]:
        yield "<spf>"
        yield _element("domain", sender.domain)
        yield _element("scope", "mfrom" if form == "rfc9990" else sender.scope)
        yield _element("result", sender.result)
        yield "</spf>"


def _elements(pairs: Sequence[tuple[str, str]]) -> Iterator[str]:
    """What is empty is left out."""
    for name, value in pairs:
        if value:
            yield _element(name, value)


def _element(name: str, value: str) -> str:
    plain = printable(value)
    return f"<{name}>{escape(plain).encode('ascii', 'xmlcharrefreplace').decode()}</{name}>"
