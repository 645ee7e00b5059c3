"""Records as they are published: right, sloppy, and hostile."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroad.mailauth.dmarc.record import (
    LONGEST_RECORD,
    MOST_ADDRESSES,
    doubt,
    record_of,
    record_of_texts,
)
from postroad.mailauth.dmarc.result import Policy

FULL = (
    "v=DMARC1; p=reject; sp=quarantine; np=none; adkim=s; aspf=s; pct=20; t=y; psd=n; fo=1:d;"
    " rua=mailto:Reports@example.org!10m,https://x.example/; ruf=mailto:a@example.org; ri=3600"
)


def test_all_tags() -> None:
    record = record_of(FULL)
    assert record is not None
    assert (record.p, record.sp, record.np) == (Policy.REJECT, Policy.QUARANTINE, Policy.NONE)
    assert record.strict_dkim
    assert record.strict_spf
    assert (record.percent, record.is_testing, record.psd, record.interval) == (20, True, "n", 3600)
    assert record.failure_options == ("1", "d")
    assert record.reports == ("mailto:Reports@example.org!10m", "https://x.example/")
    assert record.failure_reports == ("mailto:a@example.org",)


@pytest.mark.parametrize(
    ("text", "policy"),
    [
        ("v=DMARC1", Policy.NONE),
        ("v=DMARC1;", Policy.NONE),
        ("v=DMARC1; p=reject", Policy.REJECT),
        ("\tv = DMARC1\t;p\t= REJECT ;;;", Policy.REJECT),
        ("V=DMARC1; P=quarantine", Policy.QUARANTINE),
        ("v=DMARC1; sp=none; p=reject", Policy.REJECT),
        ("v=DMARC1; p=reject; p=none", Policy.REJECT),
        ("v=DMARC1; p=reject; what ever; =; x=", Policy.REJECT),
        ("v=DMARC1; p=rejct; rua=mailto:a@example.org", Policy.NONE),
        ("v=DMARC1; p=reject; sp=x; rua=mailto:a@example.org", Policy.NONE),
        ("v=DMARC1; p=reject; sp=x", None),
        ("v=DMARC1; p=reject; np=", None),
        ("v=DMARC1; p=rejct", None),
        ("v=DMARC1; p=rejct; rua=nowhere", None),
        ("v=DMARC10; p=reject", None),
        ("v=dmarc1; p=reject", None),
        ("p=reject; v=DMARC1", None),
        ("v=DMARC1 p=reject", None),
        ("", None),
        ("v=DMARC1; p=reject\u00e9", None),
        ("v=DMARC1; p=reject\r\nX: y", None),
        ("v=DMARC1; p=reject;" + "x" * LONGEST_RECORD, None),
    ],
)
def test_policies(text: str, policy: Policy | None) -> None:
    record = record_of(text)
    assert (record and record.p) == policy


@pytest.mark.parametrize(
    ("percent", "expected"),
    [("0", 0), ("100", 100), ("101", 100), ("-1", 100), ("1e1", 100), ("٣", 100), ("9" * 99, 100)],
)
def test_percent(percent: str, expected: int) -> None:
    record = record_of(f"v=DMARC1; p=reject; pct={percent}")
    assert record is None or record.percent == expected
    assert (record is None) is not percent.isascii()


def test_several_records_count_as_none() -> None:
    one = "v=DMARC1; p=reject"
    assert record_of_texts([one, "v=spf1 -all"]) is not None
    assert record_of_texts([one, one]) is None
    assert record_of_texts(["v=spf1 -all"]) is None
    assert record_of_texts([]) is None


def test_addresses_are_bounded() -> None:
    many = ",".join(f"mailto:{n}@x.example" for n in range(100))
    record = record_of(f"v=DMARC1; p=none; rua={many}, ,nonsense,mailto:")
    assert record is not None
    assert len(record.reports) == MOST_ADDRESSES


@pytest.mark.parametrize(
    ("text", "below", "missing"),
    [
        ("p=reject", "reject", "reject"),
        ("p=reject; sp=none", "none", "none"),
        ("p=none; np=reject", "none", "reject"),
        ("p=reject; sp=quarantine; np=none", "quarantine", "none"),
    ],
)
def test_subdomains(text: str, below: str, missing: str) -> None:
    record = record_of(f"v=DMARC1; {text}")
    assert record is not None
    assert record.policy_for(is_below=False, exists=False) is record.p
    assert record.policy_for(is_below=True, exists=True).value == below
    assert record.policy_for(is_below=True, exists=False).value == missing


@given(st.text(alphabet=st.characters(max_codepoint=255), max_size=200))
def test_anything(text: str) -> None:
    record = record_of(f"v=DMARC1;{text}")
    assert record is None or 0 <= record.percent <= 100
    assert record_of(text) is None or text.lstrip(" \t")[0] in "vV"


NOT_FIRST = "the record does not begin with v=DMARC1, so it does not count"


@pytest.mark.parametrize(
    ("texts", "counts", "words"),
    [
        ((), False, ""),
        (("v=spf1 -all",), False, ""),
        ((FULL,), True, ""),
        ((FULL, "v=spf1 -all"), True, ""),
        (("v=DMARC1; p=None",), True, ""),
        (("v=DMARC1",), True, ""),
        ((FULL, FULL), False, "there are 2 records, so none of them counts"),
        (("v=DMARC1; p=rejct",), False, "p=rejct is no policy, so the record does not count"),
        (
            ("v=DMARC1; p=reject; sp=x; rua=mailto:a@example.org",),
            True,
            "sp=x is no policy, so the record counts as p=none",
        ),
        (("p=reject; v=DMARC1",), False, NOT_FIRST),
        (("v=dmarc1; p=reject",), False, NOT_FIRST),
        (("v=DMARC2; p=reject",), False, NOT_FIRST),
        (
            ("v=DMARC1; p=reject" + ";" * LONGEST_RECORD,),
            False,
            f"the record has more than {LONGEST_RECORD} characters, so it does not count",
        ),
        (
            ("v=DMARC1; p=reject; x=\xfc",),
            False,
            "the record has characters other than those of ASCII, so it does not count",
        ),
    ],
)
def test_records_to_be_doubted(texts: tuple[str, ...], counts: bool, words: str) -> None:
    assert doubt(texts) == words
    assert (record_of_texts(texts) is not None) is counts
