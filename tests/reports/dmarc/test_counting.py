"""What is counted of messages: what, of whom, and never too much."""

from __future__ import annotations

import pytest

from dmarc_report_world import FAILED, PASSED, RECORD, YESTERDAY, by, seen
from postroad.mailauth.dmarc.recording import AuthDkim, AuthSpf, Evaluated
from postroad.mailauth.dmarc.result import Override, OverrideKind, Policy
from postroad.model import Address
from postroad.reports.dmarc import counting
from postroad.reports.dmarc.counting import Counting
from postroad.reports.dmarc.observation import MOST_SIGNATURES

NOW = YESTERDAY * 86_400.0 + 5


def counted(*messages: Evaluated, left_out: tuple[str, ...] = (), enabled: bool = True) -> int:
    here = Counting(lambda: NOW, enabled=enabled)
    here.leave_out(left_out, ())
    for each in messages:
        here.record(each)
    counts, missed = here.take()
    assert missed == 0
    assert here.take() == ({}, 0)
    return sum(counts.values())


def test_messages_that_are_alike_are_one() -> None:
    here = Counting(lambda: NOW, enabled=True)
    for each in (PASSED, FAILED, PASSED):
        here.record(each)
    counts, _ = here.take()
    assert dict(counts) == {(YESTERDAY, seen(PASSED)): 2, (YESTERDAY, seen(FAILED)): 1}


@pytest.mark.parametrize(
    ("message", "is_counted"),
    [
        (FAILED, True),
        (by("v=DMARC1; p=reject"), False),
        (by("v=DMARC1; p=reject; rua=https://bank.example/"), False),
        (by("v=DMARC1; p=reject; rua=https://bank.example/,MAILTO:d@bank.example"), True),
        (by(RECORD, source_ip=""), False),
        (by(RECORD, source_ip="unknown"), False),
        (by(RECORD, source_ip="::ffff:192.0.2.7"), True),
        (by(RECORD, source_ip="fe80::1%eth0"), True),
    ],
)
def test_who_asks_for_reports_is_counted(message: Evaluated, is_counted: bool) -> None:
    assert counted(message) == is_counted


@pytest.mark.parametrize(
    ("left_out", "is_counted"),
    [
        ((), True),
        (("bank.example",), False),
        (("example",), False),
        (("news.bank.example",), False),
        (("ank.example",), True),
        (("www.bank.example", "other.example"), True),
    ],
)
def test_domains_that_are_left_out(left_out: tuple[str, ...], is_counted: bool) -> None:
    assert counted(PASSED, left_out=left_out) == is_counted


def test_switched_off() -> None:
    here = Counting(lambda: NOW, enabled=False)
    assert not here.wants([Address("ann", "example.org")])
    assert counted(FAILED, enabled=False) == 0


@pytest.mark.parametrize(
    ("recipients", "is_wanted"),
    [
        (["ann@example.org"], True),
        (["dmarc@example.org"], False),
        (["DMARC@Example.org"], False),
        (["ann@example.org", "dmarc@example.org"], False),
        (["dmarc@example.com"], True),
    ],
)
def test_reports_bring_about_no_reports(recipients: list[str], is_wanted: bool) -> None:
    here = Counting(lambda: NOW, enabled=True)
    here.leave_out((), ("dmarc@example.org", "no address"))
    assert here.wants([Address.parse(each) for each in recipients]) == is_wanted


def test_details_go_before_counts_and_counts_before_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counting, "MOST_DETAILED", 10)
    monkeypatch.setattr(counting, "MOST", 15)
    here = Counting(lambda: NOW, enabled=True)
    for number in range(100):
        here.record(by(RECORD, dkim=(AuthDkim("x.example", f"s{number}", "fail"),)))
    for number in range(100):
        here.record(by(RECORD, source_ip=f"192.0.2.{number}"))
    counts, missed = here.take()
    assert len(counts) == 15
    assert counts[YESTERDAY, seen(FAILED).in_short] == 90
    assert sum(counts.values()) + missed == 200
    assert missed == 96


def test_in_short_is_nothing_that_can_be_made_up() -> None:
    message = by(
        RECORD,
        overrides=(Override(OverrideKind.LOCAL_POLICY, "a"), Override(OverrideKind.OTHER, "b")),
        dkim=(AuthDkim("x.example", "s", "fail"),),
        spf=AuthSpf("made-up.example", "mfrom", "pass"),
    )
    row = seen(message).in_short.row
    assert (row.source, row.header_from, row.disposition) == (
        "2001:db8::7",
        "bank.example",
        "reject",
    )
    assert (row.envelope_from, row.envelope_to, row.signatures) == ("", "", ())
    assert [each.domain for each in row.senders] == [""]
    assert [each.comment for each in row.reasons] == ["", ""]
    assert seen(message).in_short.in_short == seen(message).in_short


def test_signatures_that_count_come_first_and_not_all() -> None:
    many = tuple([AuthDkim(f"{number}.example", "s", "fail") for number in range(50)])
    passing = (
        AuthDkim("Other.Example", "a", "pass"),
        AuthDkim("mail.bank.example", "b", "pass"),
        AuthDkim("bank.example", "c", "pass"),
        AuthDkim("bank.example", "c", "pass"),
    )
    row = seen(by(RECORD, dkim=(*many, *passing))).row
    assert [each.selector for each in row.signatures[:4]] == ["c", "b", "a", "s"]
    assert [each.domain for each in row.signatures[:3]] == [
        "bank.example",
        "mail.bank.example",
        "other.example",
    ]
    assert len(row.signatures) == MOST_SIGNATURES


@pytest.mark.parametrize(
    ("policy", "disposition"), [(Policy.NONE, "none"), (Policy.REJECT, "pass")]
)
def test_what_passes_where_a_policy_asks_for_something(policy: Policy, disposition: str) -> None:
    assert seen(PASSED, policy=policy).row.disposition == disposition


def test_words_of_verifiers_are_not_told() -> None:
    """They may name mailboxes: what SPF explains is the domain's own text, with macros."""
    message = by(
        RECORD,
        dkim=(AuthDkim("x.example", "s", "fail", "i=ann@x.example"),),
        spf=AuthSpf("x.example", "mfrom", "fail", "ann@x.example may not"),
    )
    assert "@" not in repr(seen(message).row)


def test_long_names_leave_signatures_out() -> None:
    long = AuthDkim("x" * 253, "s" * 500, "fail")
    passing = AuthDkim("bank.example", "c", "pass")
    row = seen(
        by(RECORD, dkim=(*[long._replace(selector=f"{at}" * 500) for at in range(9)], passing))
    ).row
    assert row.signatures[0].domain == "bank.example"
    assert 1 < len(row.signatures) < 5
    assert len(repr(row)) < 3_000
