"""Reports as JSON: the RFC's own example, what is made of counts, and what strangers write."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroad.reports.arrival import Malformed
from postroad.reports.tls import reading
from postroad.reports.tls.reading import parse
from postroad.reports.tls.report import Failure, PolicyResult, Report
from postroad.reports.tls.session import Policy
from postroad.reports.tls.writing import to_json
from report_world import BAD, EXAMPLE, GOOD, NONE, TODAY

WORDS = st.text(
    st.characters(min_codepoint=33, max_codepoint=0x2FFF, exclude_categories=("C", "Z")),
    min_size=1,
    max_size=20,
)
COUNTS = st.integers(0, 10**12)
MOMENTS = st.integers(0, 4_000_000_000)
POLICIES = st.builds(
    Policy,
    WORDS,
    WORDS,
    st.lists(WORDS, max_size=3).map(tuple),
    st.lists(WORDS, max_size=3).map(tuple),
)
FAILURES = st.builds(Failure, WORDS, COUNTS, WORDS, WORDS, WORDS, WORDS, WORDS, WORDS)
RESULTS = st.builds(
    PolicyResult, POLICIES, COUNTS, COUNTS, st.lists(FAILURES, max_size=4).map(tuple)
)
REPORTS = st.builds(
    lambda organization, times, contact, name, results: Report(
        organization, min(times), max(times), contact, name, tuple(results)
    ),
    WORDS,
    st.tuples(MOMENTS, MOMENTS),
    WORDS,
    WORDS,
    st.lists(RESULTS, max_size=4),
)


def example() -> dict:
    return json.loads(EXAMPLE.read_bytes())


def test_the_example_of_the_rfc_is_read() -> None:
    report = parse(EXAMPLE.read_bytes())
    assert (report.organization, report.id) == (
        "Company-X",
        "5065427c-23d3-47ca-b6e0-946ea0e8c4be",
    )
    assert (report.begins, report.ends) == (1_459_468_800, 1_459_555_199)
    assert (report.ok, report.failed) == (5326, 303)
    (result,) = report.policies
    assert result.policy.hosts == ("*.mail.company-y.example",)
    assert result.policy.strings[1] == "mode: testing"
    assert [(each.result, each.count) for each in result.failures] == [
        ("certificate-expired", 100),
        ("starttls-not-supported", 200),
        ("validation-failure", 3),
    ]
    assert result.failures[2].reason == "X509_V_ERR_PROXY_PATH_LENGTH_EXCEEDED"


def test_the_example_of_the_rfc_is_made() -> None:
    wanted = example()
    wanted["policies"][0]["policy"]["mx-host"] = ["*.mail.company-y.example"]  # erratum 6241
    assert json.loads(to_json(parse(EXAMPLE.read_bytes()))) == wanted


@given(REPORTS)
def test_what_is_made_is_read(report: Report) -> None:
    assert parse(to_json(report)) == report


def test_counts_become_a_report() -> None:
    counts = [(GOOD.in_short, 7), (BAD, 2), (BAD._replace(host="mx2.example.net"), 1)]
    counts.append((GOOD._replace(policy=NONE).in_short, 5))
    report = Report.of_day(TODAY, counts, organization="Us", contact="tls@us", report_id="1@us")
    without, sts = report.policies
    assert (without.policy, without.ok, without.failed, without.failures) == (NONE, 5, 0, ())
    assert (sts.ok, sts.failed) == (7, 3)
    assert [(each.host, each.count) for each in sts.failures] == [
        ("mx.example.net", 2),
        ("mx2.example.net", 1),
    ]
    made = json.loads(to_json(report))
    assert made["date-range"] == {
        "start-datetime": "2024-10-04T00:00:00Z",
        "end-datetime": "2024-10-04T23:59:59Z",
    }
    assert "failure-details" not in made["policies"][0]
    assert made["policies"][1]["failure-details"][0] == {
        "result-type": "certificate-expired",
        "sending-mta-ip": "198.51.100.1",
        "receiving-mx-hostname": "mx.example.net",
        "receiving-ip": "192.0.2.1",
        "failed-session-count": 2,
        "failure-reason-code": "certificate has expired",
    }


def changed(*path: object, to: object) -> bytes:
    value = whole = example()
    for step in path[:-1]:
        value = value[step]
    if to is ...:
        del value[path[-1]]
    else:
        value[path[-1]] = to
    return json.dumps(whole).encode()


SUMMARY = ("policies", 0, "summary")


@pytest.mark.parametrize(
    ("octets", "why"),
    [
        (b"", "it is no JSON"),
        (b"[]", "a report is a JSON object"),
        (b"\xff\xfe", "it is not UTF-8"),
        (b'{"a": NaN}', "NaN is no JSON"),
        (b"[" * 100_000, "it is nested too deep"),
        (b'{"a":' * 50_000, "it is nested too deep"),
        (b'{"a": ' + b"9" * 10_000 + b"}", "it is no JSON"),
        (changed("policies", to=...), "it has no policies"),
        (changed("policies", to=[3]), "a policy is no object"),
        (changed("policies", to=[{}] * 201), "it has more than 200 policies"),
        (changed("policies", 0, "summary", to=[]), "a policy has no description or no summary"),
        (changed("organization-name", to=" "), "it has no organization-name"),
        (changed("report-id", to=7), "it has no report-id"),
        (changed("date-range", to="today"), "it has no date-range"),
        (changed("date-range", "start-datetime", to="today"), "start-datetime is no time"),
        (changed("date-range", "start-datetime", to="2016-13-01T00:00Z"), "start-datetime is no"),
        (changed("date-range", "end-datetime", to="9999-01-01T00:00:00Z"), "no time of ours"),
        (changed("date-range", "end-datetime", to="2016-03-01T00:00:00Z"), "ends before it begins"),
        (changed(*SUMMARY, "total-failure-session-count", to=-1), "a number of sessions is none"),
        (changed(*SUMMARY, "total-failure-session-count", to=10**13), "a number of sessions is"),
        (changed(*SUMMARY, "total-failure-session-count", to=True), "a number of sessions is none"),
        (changed(*SUMMARY, "total-failure-session-count", to="3"), "a number of sessions is none"),
    ],
)
def test_what_is_no_report_is_refused(octets: bytes, why: str) -> None:
    with pytest.raises(Malformed, match=why):
        parse(octets)


@pytest.mark.parametrize(
    ("octets", "read"),
    [
        (changed("date-range", "start-datetime", to="2016-04-01T02:00:00+02:00"), 1_459_468_800),
        (changed("date-range", "start-datetime", to="2016-04-01T00:00:00"), 1_459_468_800),
        (changed("date-range", "start-datetime", to="2016-04-01t00:00:00.123z"), 1_459_468_800),
        (b"\xef\xbb\xbf" + EXAMPLE.read_bytes(), 1_459_468_800),
    ],
)
def test_times_have_several_spellings(octets: bytes, read: int) -> None:
    assert parse(octets).begins == read


def test_what_is_kept_of_a_report_is_bounded() -> None:
    whole = example()
    (policy,) = whole["policies"]
    (failure, *_) = policy["failure-details"]
    failure["result-type"] = "x" * 10_000 + "\x1b[2J"
    policy["failure-details"] = [failure, "no object", None] * 2_000
    policy["policy"]["policy-string"] = ["\x1b[2Jline"] * 1_000
    whole["policies"] = [policy] * 3
    report = parse(json.dumps(whole).encode())
    assert sum(len(each.failures) for each in report.policies) == reading.MOST_FAILURES
    assert len(report.policies[0].failures[0].result) == reading.MOST_TEXT
    assert report.policies[0].policy.strings == ("?[2Jline",) * reading.MOST_STRINGS
    assert report.failed == 909


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["policies", "policy", "summary", "x"]), inner)
        ),
        max_leaves=10,
    ),
    st.sampled_from(["policies", "date-range", "report-id", "contact-info"]),
)
def test_nothing_raises_anything_else(value: object, key: str) -> None:
    with suppress(Malformed):
        assert parse(changed(key, to=value)).id
