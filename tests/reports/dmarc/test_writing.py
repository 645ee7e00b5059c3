"""Reports of ours: what is in them, by both schemas, whatever strangers wrote."""

from __future__ import annotations

import gzip
from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dmarc_report_schemas import check
from dmarc_report_world import FAILED, IDENTITY, PASSED, RECORD, YESTERDAY, by, memory, seen
from postroad.mailauth.dmarc.recording import AuthDkim, AuthSpf, Evaluated
from postroad.mailauth.dmarc.result import DmarcResult, Override, OverrideKind, Policy
from postroad.reports.day import DAY
from postroad.reports.dmarc import adding, sums
from postroad.reports.dmarc.feedback import Feedback
from postroad.reports.dmarc.mail import filename, letter
from postroad.reports.dmarc.reading import parse
from postroad.reports.dmarc.report import Made, made
from postroad.reports.dmarc.settings import ReportFormat
from postroad.reports.dmarc.writing import to_xml
from postroad.reports.letter import Head
from postroad.reports.outgoing import Due

FORMS: tuple[ReportFormat, ...] = ("rfc9990", "rfc7489")
DUE = Due(YESTERDAY, "bank.example", "20241003c0ffee", 0.0, 0)
HEAD = Head("bank.example", IDENTITY.hostname, IDENTITY.author, "d@bank.example", DUE.report_id)


def report_of(*messages: Evaluated, missed: int = 0) -> Made:
    """The report of a day on which these came, in this order."""
    connection = memory()
    for each in messages:
        adding.add(connection, {(YESTERDAY, seen(each)): 1}, 0, YESTERDAY)
    connection.execute("UPDATE domains SET missed = ?", (missed,))
    return made(IDENTITY, DUE, sums.of_day(connection, YESTERDAY, "bank.example"))


def xml_of(report: Made, form: ReportFormat = "rfc9990") -> str:
    octets = to_xml(report.feedback, form)
    check(octets, form)
    return octets.decode("ascii")


@pytest.mark.parametrize("form", FORMS)
def test_what_is_in_it(form: ReportFormat) -> None:
    report = report_of(PASSED, FAILED, PASSED)
    root = check(to_xml(report.feedback, form), form)
    space = "{*}"
    assert (report.ok, report.failed) == (2, 1)

    def text(path: str) -> list[str | None]:
        return [
            each.text
            for each in root.findall("/".join(f"{space}{name}" for name in path.split("/")))
        ]

    assert text("report_metadata/org_name") == ["Example & <Sons>"]
    assert text("report_metadata/email") == ["dmarc@example.org"]
    assert text("report_metadata/report_id") == ["20241003c0ffee"]
    assert text("report_metadata/date_range/begin") == [str(YESTERDAY * DAY)]
    assert text("report_metadata/date_range/end") == [str(YESTERDAY * DAY + DAY - 1)]
    assert text("policy_published/domain") == ["bank.example"]
    assert text("policy_published/p") == ["reject"]
    assert text("policy_published/sp") == ["quarantine"]
    assert text("policy_published/adkim") == ["s"]
    assert text("policy_published/aspf") == ["r"]
    assert text("record/row/count") == ["2", "1"]
    assert text("record/row/source_ip") == ["192.0.2.7", "2001:db8::7"]
    passed = "pass" if form == "rfc9990" else "none"
    assert text("record/row/policy_evaluated/disposition") == [passed, "reject"]
    assert text("record/row/policy_evaluated/dkim") == ["pass", "fail"]
    assert text("record/row/policy_evaluated/spf") == ["fail", "fail"]
    assert text("record/identifiers/header_from") == ["news.bank.example", "bank.example"]
    assert text("record/identifiers/envelope_from") == ["bounce.bank.example", "evil.example"]
    assert text("record/identifiers/envelope_to") == ["example.org", "example.org"]
    assert text("record/auth_results/dkim/selector") == ["s1"]
    assert text("record/auth_results/spf/result") == ["softfail", "pass"]


def test_what_the_schemas_have_each_for_itself() -> None:
    new, old = [xml_of(report_of(FAILED), form) for form in FORMS]
    assert '<feedback xmlns="urn:ietf:params:xml:ns:dmarc-2.0">' in new
    assert "<feedback>" in old
    for tag in ("np", "testing", "discovery_method", "generator"):
        assert f"<{tag}>" in new
        assert f"<{tag}>" not in old
    assert "<pct>100</pct>" in old
    assert "<pct>" not in new


@pytest.mark.parametrize(
    ("kind", "new", "old"),
    [
        (OverrideKind.FORWARDED, "other", "forwarded"),
        (OverrideKind.SAMPLED_OUT, "other", "sampled_out"),
        (OverrideKind.POLICY_TEST_MODE, "policy_test_mode", "other"),
        (OverrideKind.TRUSTED_FORWARDER, "trusted_forwarder", "trusted_forwarder"),
        (OverrideKind.MAILING_LIST, "mailing_list", "mailing_list"),
        (OverrideKind.LOCAL_POLICY, "local_policy", "local_policy"),
        (OverrideKind.OTHER, "other", "other"),
    ],
)
def test_reasons(kind: OverrideKind, new: str, old: str) -> None:
    message = by(RECORD, disposition=Policy.NONE, overrides=(Override(kind, "known here"),))
    for form, word in zip(FORMS, (new, old), strict=True):
        comment = "known here" if word == kind.value else f"{kind.value}: known here"
        reason = f"<reason>\n<type>{word}</type>\n<comment>{comment}</comment>\n</reason>"
        assert reason in xml_of(report_of(message), form)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "message",
    [
        by(RECORD, spf=None, envelope_from=""),
        by(RECORD, spf=AuthSpf("mx.evil.example", "helo", "none"), envelope_from=""),
        by(RECORD, envelope_to=()),
        by(RECORD, envelope_to=("a.example", "b.example")),
        by(RECORD, dkim=(AuthDkim("d.example", "s", "permerror"),) * 3),
        by("v=DMARC1; p=none; rua=mailto:d@bank.example; t=y; psd=y; fo=1:d:s", PASSED),
        by("v=DMARC1; rua=mailto:d@bank.example; p=frob; pct=10"),
        by(RECORD, result=DmarcResult.PASS, spf_aligned=True),
    ],
)
def test_odd_messages_are_as_the_schema_wants_them(form: ReportFormat, message: Evaluated) -> None:
    check(to_xml(report_of(message).feedback, form), form)


def test_spf_of_helo_is_that_of_the_null_reverse_path() -> None:
    message = by(RECORD, spf=AuthSpf("mx.evil.example", "helo", "none"), envelope_from="")
    assert "<scope>mfrom</scope>" in xml_of(report_of(message))
    assert "<scope>helo</scope>" in xml_of(report_of(message), "rfc7489")
    assert "<envelope_from></envelope_from>" in xml_of(report_of(message))


def test_a_record_that_changed_during_the_day() -> None:
    before = by("v=DMARC1; p=none; rua=mailto:d@bank.example", policy=Policy.NONE)
    report = report_of(before, FAILED, by("v=DMARC1; p=none; rua=mailto:d@bank.example", PASSED))
    policy = report.feedback.published
    assert policy.policy == "none"  # the last one
    reasons = {each.disposition: each.reasons for each, _ in report.feedback.rows}
    ((kind, words),) = next(filter(None, reasons.values()))
    assert kind == "other"
    assert words == f"evaluated by the record of that time: {RECORD}"
    xml_of(report)


def test_what_is_missing_is_said() -> None:
    assert "<error>7 messages are not in this report" in xml_of(report_of(FAILED, missed=7))
    assert "<error>" not in xml_of(report_of(FAILED))


NASTY = [
    "a</domain><count>9</count>",
    "]]>",
    "&lt;&amp;&#0;",
    "\x00\x0b\x1b[2J\r\nInjected: x",
    "\ud800\udfff\ufffe\uffff",
    "\u202eexample\u2028.test",
    "\U0001f4a9" * 3,
    "<!DOCTYPE x [<!ENTITY e SYSTEM 'file:///etc/passwd'>]>&e;",
    "x" * 100_000,
]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("nasty", NASTY)
def test_nothing_that_strangers_write_is_markup(form: ReportFormat, nasty: str) -> None:
    check(to_xml(report_of(_written(nasty)).feedback, form), form)


@given(st.text(st.characters(), min_size=1, max_size=40))
def test_no_text_is_markup(nasty: str) -> None:
    root = check(to_xml(report_of(_written(nasty)).feedback, "rfc9990"), "rfc9990")
    assert len(list(root.iter())) == len(list(_PLAIN.iter()))


def _written(nasty: str) -> Evaluated:
    return by(
        RECORD,
        header_from=nasty,
        envelope_from=nasty,
        envelope_to=(nasty,),
        dkim=(AuthDkim(nasty, nasty, "fail", nasty),),
        spf=AuthSpf(nasty, "mfrom", "pass", nasty),
        overrides=(Override(OverrideKind.LOCAL_POLICY, nasty),),
    )


_PLAIN = check(to_xml(report_of(_written("x")).feedback, "rfc9990"), "rfc9990")
_TEXT = st.text(st.characters(codec="utf-8"), max_size=30)
_NAME = st.text("abcxyz019-._", min_size=1, max_size=30)
_MESSAGE = st.builds(
    lambda *given: by(
        RECORD,
        header_from=given[0],
        envelope_from=given[1],
        overrides=tuple(given[2]),
        dkim=tuple(given[3]),
        disposition=given[4],
    ),
    _NAME,
    st.one_of(st.just(""), _NAME),
    st.lists(st.builds(Override, st.just(OverrideKind.LOCAL_POLICY), _NAME), max_size=1),
    st.lists(st.builds(AuthDkim, _NAME, _NAME, st.sampled_from(["pass", "fail"])), max_size=4),
    st.sampled_from(list(Policy)),
)


@given(st.lists(_MESSAGE, min_size=1, max_size=5))
def test_what_is_written_is_what_is_read(messages: list[Evaluated]) -> None:
    written = report_of(*messages).feedback
    for form in FORMS:
        read = parse([to_xml(written, form)])
        assert _figures(read) == _figures(written)


def _figures(report: Feedback) -> tuple[object, ...]:
    """What both the writer and the reader know."""
    rows: dict[object, int] = {}
    for row, count in report.rows:
        disposition = "none" if row.disposition == "pass" else row.disposition
        names = (row.source, row.header_from.strip("."), row.envelope_from.strip("."))
        key = (*names, disposition, row.passes, len(row.signatures) > 0)
        rows[key] = rows.get(key, 0) + count
    published = report.published[:4]
    return (
        report.organization,
        report.id,
        report.begins,
        report.ends,
        report.messages,
        published[:3],
    )


@pytest.mark.parametrize("form", FORMS)
def test_the_mail(form: ReportFormat) -> None:
    report = report_of(PASSED, FAILED)
    octets = letter(HEAD, report, form, 1.8e9)
    assert octets.isascii()
    assert b"\n" not in octets.replace(b"\r\n", b"")
    message = message_from_bytes(octets, policy=policy.SMTP)
    assert isinstance(message, EmailMessage)
    assert not message.defects
    assert message["From"] == "postmaster@example.org"
    assert message["To"] == "d@bank.example"
    assert " ".join(message["Subject"].split()) == (
        "Report Domain: bank.example Submitter: mail.example.org Report-ID: <20241003c0ffee>"
    )
    assert message["Auto-Submitted"] == "auto-generated"
    words, attached = message.iter_parts()
    assert "1 passed, 1 failed" in words.get_content()
    assert f"({form[:3].upper()} {form[3:]})" in words.get_content()
    assert attached.get_content_type() == "application/gzip"
    assert attached.get_filename() == filename(HEAD, report)
    assert filename(HEAD, report) == (
        f"mail.example.org!bank.example!{YESTERDAY * DAY}!{YESTERDAY * DAY + DAY - 1}"
        "!20241003c0ffee.xml.gz"
    )
    assert gzip.decompress(attached.get_content()) == to_xml(report.feedback, form)


def test_no_mailbox_is_in_it() -> None:
    octets = gzip.decompress(
        message_from_bytes(letter(HEAD, report_of(PASSED, FAILED), "rfc9990", 1.8e9))
        .get_payload()[1]
        .get_payload(decode=True)
    )
    assert octets.count(b"@") == 1  # our contact
